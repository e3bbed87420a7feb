"""What roles say to each other, for tests that play one: messages.def read, a
message and its octets, a role's program with us as its parent."""

import os
import re
import socket
import struct
import subprocess

from culver import TOP, environment, program

TYPES = ("u32", "u64", "bool", "slice", "slices")


def read_messages():
    """{name: (number, [(type, field)])}"""
    with open(TOP / "src/proc/messages.def", encoding="utf-8") as f:
        words = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    found = {}
    for macro, inside in re.findall(r"(MESSAGE|FIELD)\(([^)]*)\)", words):
        parts = [part.strip() for part in inside.split(",")]
        if macro == "MESSAGE":
            fields = []
            found[parts[1]] = len(found) + 1, fields
        else:
            fields.append((parts[0], parts[1]))
    return found


MESSAGES = read_messages()


def put(kind, value):
    if kind == "u32":
        return struct.pack("<I", value)
    if kind == "u64":
        return struct.pack("<Q", value)
    if kind == "bool":
        return bytes([value])
    if kind == "slice":
        return struct.pack("<I", len(value)) + value
    assert kind == "slices", kind
    return struct.pack("<I", len(value)) + b"".join(
        put("slice", item) for item in value)


EMPTY = {"u32": 0, "u64": 0, "bool": False, "slice": b"", "slices": ()}


def encode(name, has_fd=False, **fields):
    number, wanted = MESSAGES[name]
    assert set(fields) <= {field for _, field in wanted}
    return bytes([has_fd]) + struct.pack("<I", number) + b"".join(
        put(kind, fields.get(field, EMPTY[kind])) for kind, field in wanted)


def take(kind, data):
    if kind == "u32":
        return struct.unpack_from("<I", data)[0], data[4:]
    if kind == "u64":
        return struct.unpack_from("<Q", data)[0], data[8:]
    if kind == "bool":
        return bool(data[0]), data[1:]
    assert kind == "slice", kind
    n = struct.unpack_from("<I", data)[0]
    return data[4:4 + n], data[4 + n:]


def decode(data):
    """(name, {field: value})"""
    number = struct.unpack_from("<I", data, 1)[0]
    name, fields = next((name, fields) for name, (n, fields)
                        in MESSAGES.items() if n == number)
    found, data = {}, data[5:]
    for kind, field in fields:
        found[field], data = take(kind, data)
    assert not data
    return name, found


def roles():
    """{name: number} of enum role"""
    with open(TOP / "src/proc/message.h", encoding="utf-8") as f:
        names = re.findall(r"ROLE_(\w+)", f.read().partition("enum role {")[2]
                           .partition("ROLE_COUNT")[0])
    return {name.lower(): i for i, name in enumerate(names)}


class Link:
    """Our end of a link."""

    def __init__(self, end):
        self.end = end
        end.settimeout(20)

    def send(self, name, fd=None, **fields):
        data = encode(name, fd is not None, **fields)
        if fd is None:
            self.end.send(data)
        else:
            socket.send_fds(self.end, [data], [fd])

    def receive(self, want):
        """The fields of the next message, which is a `want`."""
        name, fields = decode(self.end.recv(65536))
        assert name == want, (name, fields)
        return fields

    def is_hung_up(self):
        return self.end.recv(65536) == b""


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class RoleProcess:
    """culverd as one of its roles, and we are its parent."""

    def __init__(self, role, log_path):
        ours, theirs = pair()
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program("culverd"), f"--role={role}", "--index=0"],
                stdin=theirs.fileno(), stdout=log, stderr=log,
                env=environment(), preexec_fn=lambda: os.dup2(0, 3),
                pass_fds=(3,), cwd="/")
        theirs.close()
        self.parent = Link(ours)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.parent.end.close()
        self.process.wait(20)

    def join(self, role, index=0, message="peer"):
        """A link to it, at which we are that role."""
        ours, theirs = pair()
        self.parent.send(message, fd=theirs.fileno(), role=roles()[role],
                         index=index)
        theirs.close()
        return Link(ours)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()
