#!/usr/bin/python3
"""seeds.py SOURCE_DIR: writes the seeds of fuzz-message and fuzz-queue anew.
Numbers and fields of messages are read from src/proc/messages.def; run it when
they have changed, or the fuzzers begin with what does not decode."""

import os
import re
import struct
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else "."

# --- the encoding of src/proc/wire.c ------------------------------------------


def u32(v=0):
    return struct.pack("<I", v)


def u64(v=0):
    return struct.pack("<Q", v)


def boolean(v=False):
    return bytes([bool(v)])


def text(v=b""):
    return u32(len(v)) + v


def list_of(put):
    return lambda v=(): u32(len(v)) + b"".join(put(item) for item in v)


def target(v=(0, b"")):
    """(kind, address[, via[, is_forwarded]])"""
    kind, address, *more = v
    return u32(kind) + text(address) + text(*more[:1]) + boolean(*more[1:])


def outcome(v=(0, 0, b"\0\0\0", b"")):
    """(kind, code, status, text[, server[, is_dsn_taken_over]])"""
    kind, code, status, words, *more = v
    return u32(kind) + u32(code) + status + text(words) + \
        text(*more[:1]) + boolean(*more[1:])


def recipient(v):
    return target(v["target"]) + text(v.get("orcpt_type", b"")) + \
        text(v.get("orcpt", b"")) + text(v.get("original", b"team@x.org")) + \
        u32(v.get("notify", 0)) + boolean(v.get("is_in_delivery")) + \
        outcome(v.get("last", (0, 0, b"\0\0\0", b"")))


def selector(v=()):
    """{field: value}, of struct selector"""
    v = dict(v)
    return u64(v.get("queue_id", 0)) + text(v.get("trace", b"")) + \
        text(v.get("from", b"")) + text(v.get("to", b"")) + \
        u64(v.get("older_than_s", 0)) + boolean(v.get("is_held"))


def unknown(_=None):
    raise NotImplementedError("a type that no seed uses yet")


TYPES = {"u32": u32, "u64": u64, "bool": boolean, "slice": text,
         "slices": list_of(text), "target": target,
         "targets": list_of(target), "outcome": outcome,
         "recipients": list_of(recipient), "selector": selector}


def read_messages():
    """{name: (number, [(type, field)])}"""
    with open(os.path.join(ROOT, "src/proc/messages.def"),
              encoding="utf-8") as f:
        words = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = {}
    for macro, inside in re.findall(r"(MESSAGE|FIELD)\(([^)]*)\)", words):
        first, second = [word.strip() for word in inside.split(",")][:2]
        if macro == "MESSAGE":
            fields = []
            found[second] = (len(found) + 1, fields)
        else:
            fields.append((first, second))
    return found


MESSAGES = read_messages()


def message(name_, **values):
    number, fields = MESSAGES[name_]
    wrong = set(values) - {field for _, field in fields}
    assert not wrong, f"{name_} has no {wrong}"
    octets = u32(number)
    for kind, field in fields:
        put = TYPES.get(kind, unknown)
        octets += put(values[field]) if field in values else put()
    return octets


# --- fuzz-queue's records -------------------------------------------------------

RECEIVE, OTHER_RECEIVE, DELIVER, CONTROL = range(4)
CONTENT, TURN = 4, 8


def record(flags, name_, **values):
    octets = message(name_, **values)
    return bytes([flags, len(octets) >> 8, len(octets) & 255]) + octets


def enqueue(flags=RECEIVE | CONTENT | TURN, **values):
    values = {"id": 1, "trace": b"t.1", "reverse_path": b"a@x.org",
              "content_octets": 21, "recipients": THREE, **values}
    return record(flags, "enqueue", **values)


def result(number, *what):
    return record(DELIVER | TURN, "attempt_result", id=number, outcome=what)


def change(what, **values):
    return record(CONTROL | TURN, "queue_change", id=1, change=what,
                  selector=values)


NO = (1, 550, b"\5\1\1", b"no")
THREE = [{"target": (0, b"bob@x.org")},
         {"target": (0, b"eve@x.org"), "orcpt_type": b"rfc822",
          "orcpt": b"eve@x.org", "notify": 7},
         {"target": (1, b"robot@x.org")}]
REFUSED = [{"target": (0, b"bob@x.org"), "last": NO}]
WANTED = record(RECEIVE, "spool_wanted", id=3)

SEEDS = {
    "fuzz-queue.in/enqueue-three": enqueue(),
    "fuzz-queue.in/big-content": enqueue(content_octets=200000),
    "fuzz-queue.in/no-content": enqueue(RECEIVE | TURN),
    "fuzz-queue.in/control": enqueue(content_octets=5)
    + record(CONTROL, "queue_list", limit=10) + change(0)
    + record(RECEIVE | TURN, "settle", queue_id=7, outcome=NO),
    "fuzz-queue.in/refused-in-session":
        enqueue(RECEIVE | CONTENT, recipients=REFUSED)
        + enqueue(recipients=REFUSED)
        + record(RECEIVE | TURN, "resolved", id=1,
                 targets=[(0, b"eve@x.org"), (1, b"eve@x.org")]),
    "fuzz-queue.in/results": enqueue() + b"".join(
        result(1 + kind, kind, 450, b"\4\2\0", b"words")
        for kind in range(5)),
    "fuzz-queue.in/spool": WANTED
    + enqueue(RECEIVE | TURN, spool_id=1, content_octets=0) + WANTED
    + record(RECEIVE, "spool_drop")
    + record(OTHER_RECEIVE, "spool_wanted", id=3)
    + enqueue(RECEIVE | TURN, spool_id=1, content_octets=0),
    "fuzz-queue.in/held": enqueue(hold=b"looks bad")
    + enqueue(trace=b"t.2", content_octets=200000)
    + enqueue(trace=b"t.3", hold=b"looks bad", content_octets=200000)
    + record(CONTROL, "queue_list", limit=10) + change(0)
    + change(1, trace=b"t.1") + change(2, trace=b"t.2")
    + result(1, 0, 250, b"\2\0\0", b"") + result(3, *NO)
    + change(2) + change(1) + change(3),
    "fuzz-queue.in/spending": b"".join(
        record(RECEIVE | turn, "spend", id=1, login=b"alice@x.org",
               message_limit=2, recipient_limit=2, recipients=recipients)
        for turn, recipients in (
            (0, [b"a@y.org"]), (TURN, [b"a@y.org", b"b@y.org"]),
            (TURN, [b"c@y.org"])))
    + record(CONTROL, "usage_list") + record(CONTROL, "usage_forget",
                                             login=b"alice@x.org"),
    "fuzz-message.in/start": message("start"),
    "fuzz-message.in/conf_setting": message(
        "conf_setting", name=b"listen_smtp", values=[b"a:25", b"b:25"]),
    "fuzz-message.in/socket": message(
        "socket", id=1, error=2, where=b"/run/dovecot/lmtp"),
    "fuzz-message.in/deliver": message(
        "deliver", id=7, trace=b"t.1", content_octets=1000, is_8bit=True,
        targets=[(0, b"a@x.org"), (1, b"a@x.org"),
                 (2, b"a@y.org", b"h1/h2", True)]),
    "fuzz-message.in/deliver_result": message(
        "deliver_result", id=7, index=1, outcome=NO),
    "fuzz-message.in/attempt_result": message(
        "attempt_result", id=7,
        outcome=(0, 250, b"\2\0\0", b"OK", b"mx.x.org", True)),
    "fuzz-message.in/enqueue": message(
        "enqueue", id=7, trace=b"t.1", reverse_path=b"s@x.org",
        content_octets=1000, recipients=THREE),
    "fuzz-message.in/attempt": message(
        "attempt", id=1, trace=b"t.1", target=(1, b"*@x.org"),
        content_octets=9),
    "fuzz-message.in/unknown_target": message(
        "attempt", id=1, target=(9, b"a@x.org")),
    "fuzz-message.in/command": message(
        "command", id=1, trace=b"t.1", alias=b"robot@x.org",
        content_octets=9),
    "fuzz-message.in/resolved": message(
        "resolved", id=1, targets=[(0, b"a@x.org"), (1, b"a@x.org")]),
    "fuzz-message.in/queue_change": message(
        "queue_change", id=1, change=2, selector={"trace": b"t.1"}),
}

for path, octets in SEEDS.items():
    with open(os.path.join(ROOT, "test/fuzz", path), "wb") as f:
        f.write(octets)
