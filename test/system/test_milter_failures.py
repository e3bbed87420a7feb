"""Filters that lie, stall, cut and flood; and what becomes of the mail then.
Numbers are those of milter-scenarios.md."""

import random
import re
import time

import pytest

from culver import wait_for
from filtered import Filtered, last, one_transaction
from milters import (CLOSE, HALF_CLOSE, RawFilter, SILENT, Sleep, Split,
                     Turns)
from milterwire import (ACCEPT, CONTINUE, PROGRESS, REJECT, TEMPFAIL,
                        add_header, add_rcpt, change_from, delete_rcpt,
                        insert_header, options, packet, quarantine,
                        replace_body, say)
from smtp import message

QUICK = {"connect_timeout": "1s", "command_timeout": "1s",
         "content_timeout": "1s"}
POLICIES = ("tempfail", "accept", "reject", "quarantine")
CONTENT = message(extra="X-Was: there\r\n")


@pytest.fixture(scope="module")
def one():
    with RawFilter() as peer:
        yield peer


@pytest.fixture(scope="module")
def culvers(dovecot, one):
    """One for each policy, made when it is asked for."""
    made = {}

    def get(policy):
        if policy not in made:
            made[policy] = Filtered(dovecot, {"raw": {
                "socket": one.where, "on_failure": policy, **QUICK}},
                workers="1")
        return made[policy]
    try:
        yield get
    finally:
        for world in made.values():
            world.__exit__(None, None, None)


def settle(world, peer):
    """Until the filter is no longer taken to be away."""
    peer.reset()

    def is_back():
        peer.sessions.clear()
        return last(world.try_send(CONTENT)) == 250 and \
            any("E" in s.letters for s in peer.sessions)
    wait_for(is_back, 15, "the filter's return")
    peer.reset()
    world.forget()


@pytest.fixture(params=POLICIES)
def policy(request):
    return request.param


@pytest.fixture
def world(culvers, policy, one):
    world = culvers(policy)
    settle(world, one)
    yield world
    one.reset()
    for session in one.sessions:
        assert session.problem is None, session.problem


@pytest.fixture
def careful(culvers, one):
    """The one whose mail waits for its filter."""
    world = culvers("tempfail")
    settle(world, one)
    yield world
    one.reset()


CODES = {"tempfail": 451, "reject": 550, "accept": 250, "quarantine": 250}


def at_stage(what):
    """A script that does `what` at the stage that the client's name ends
    with: "client-M"."""
    def act(session, packet):
        hello = [p.strings[0] for p in session.packets if p.command == "H"]
        if hello and hello[-1] == f"client-{packet.command}":
            return what
        return CONTINUE
    return {letter: act for letter in "MRTLNBE"}


# What breaks a conversation, at any stage.
BREAKS = {
    "dies": CLOSE,
    "dies in mid-packet": [b"\0\0\0\5i\0", CLOSE],
    "hangs": SILENT,
    "says no more": HALF_CLOSE,
    "speaks nonsense": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "length of nothing": b"\0\0\0\0",
    "length without end": b"\x7f\xff\xff\xff" + b"c" * 1000,
    "all ones": b"\xff" * 64,
    "verdict with data": packet("c", b"data"),
    "unknown reply": packet("Z"),
    "no text": packet("y"),
    "bad text": say("250 fine"),
    "negotiates again": options(),
    "endless packet": [b"\0\x0f\0\0h" + b"x" * 500000, SILENT],
}


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_failure_at_each_stage(world, one, policy, how):
    """23: the policy is obeyed at the command at hand, within its time; in
    sessions of their own, since one failure lets a filter rest."""
    _failure_at_each_stage(world, one, policy, BREAKS[how])


@pytest.mark.parametrize("how", sorted(BREAKS))
def test_broken_replies_at_each_stage(careful, one, how):
    """8, 23, 35: whatever a filter says, mail waits and the server works."""
    _failure_at_each_stage(careful, one, "tempfail", BREAKS[how])


def _failure_at_each_stage(world, one, policy, what):
    one.reset(at_stage(what))
    clients = {letter: world.smtp() for letter in "MRTLNBE"}
    for letter, client in clients.items():
        client.ehlo(f"client-{letter}")
    for letter, client in clients.items():
        world.forget()
        begin = time.monotonic()
        said = one_transaction(client, CONTENT)
        assert time.monotonic() - begin < 3, letter
        at = "." if letter in "LNBE" or CODES[policy] == 250 else \
            {"M": "MAIL", "R": "RCPT", "T": "DATA"}[letter]
        assert at in said, (letter, said)
        assert said[at].code == CODES[policy], (letter, said)
        count = {"accept": 1}.get(policy, 0)
        assert len(world.lmtp.received) == count, letter
        if policy == "quarantine":
            wait_for(lambda: letter in world.culver.ctl("queue").stdout or
                     world.culver.queue_size() >= 1, 5, "what is held")
        client.close()
    wait_for(lambda: one.open_count == 0, 5, "the end of their sockets")
    assert "raw" in world.culver.log()


def test_no_filter(world, one, policy):
    """23: nobody listens."""
    one.stop()
    try:
        assert last(world.try_send(CONTENT)) == CODES[policy]
    finally:
        one.start()


@pytest.mark.parametrize("script", [
    {"O": CLOSE}, {"O": SILENT}, {"O": packet("O", b"short")},
    {"O": options(version=9)}, {"O": options(version=0)},
    {"O": options(version=1)}, {"O": options(actions=0x200)},
    {"O": CONTINUE}, {"greeting": b"220 I am a mail server\r\n"},
    {"greeting": b"UNKNOWN COMMAND\n"}, {"greeting": CLOSE},
    {"O": packet("O", bytes(12) + b"\0\0\0\5no end")}, {"C": CLOSE},
    {"C": SILENT}, {"H": CLOSE}, {"H": SILENT}],
    ids=lambda script: str(script)[:30])
def test_failure_at_the_beginning(careful, one, script):
    """5, 23: mail waits, and the client may try again."""
    one.reset(script)
    assert last(careful.try_send(CONTENT)) == 451
    cause = {str({"O": CLOSE}): "needs? an action|need an action",
             str({"greeting": b"UNKNOWN COMMAND\n"}): "no milter.*UNKN"}
    told = careful.culver.ctl("milter").stdout.split("last failed")[1]
    assert re.search(cause.get(str(script), r"\w{4}"), told), told


def test_back_for_the_next_message(careful, one):
    """24: the same SMTP connection, filtered again."""
    one.reset(Turns([{"E": CLOSE}, {}]))
    with careful.smtp() as client:
        client.ehlo("again.test")
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 451
        time.sleep(1.3)
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    assert one.wait_session(1).short_letters == "OCHMRTLNBEQ"
    assert one.sessions[1].all("H")[0].strings == ["again.test"]
    assert one.sessions[1].macros["C"]["j"] == "mx.test"


def test_restart_between_messages_costs_nothing(careful, one):
    """24: a filter that goes away while it owes nothing has not failed."""
    with careful.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        one.stop()
        one.start()
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    assert one.wait_session(1).short_letters == "OCHMRTLNBEQ"


EDITS = [add_header("X-Edit", "1"), insert_header(0, "X-Edit", "2"),
         replace_body("edited\r\n"), add_rcpt("<bob@example.com>"),
         delete_rcpt("<alice@example.com>"), change_from("<edited@b.test>")]


@pytest.mark.parametrize("end", [CLOSE, SILENT, REJECT, TEMPFAIL,
                                 b"\0\0\0\1Z"], ids=str)
def test_edits_without_a_good_end(world, one, policy, end):
    """20: none of them is seen, whatever the policy."""
    one.reset({"E": [*EDITS, end]})
    reply = world.send(CONTENT)
    verdict = {REJECT: 550, TEMPFAIL: 451}.get(end)
    assert reply.code == (verdict or CODES[policy]), reply
    if reply.code == 250 and policy == "accept":
        assert world.recipients == ["alice@example.com"]
        assert "edited" not in world.sender
        assert world.sent_on == CONTENT
    else:
        assert not world.lmtp.received


def test_dead_filter_is_told(culvers, one):
    """What passed without a filter is in the log and in the counters."""
    world = culvers("accept")
    settle(world, one)
    before = len(world.culver.log())
    one.reset({"E": CLOSE})
    assert world.send(CONTENT).code == 250
    assert world.sent_on == CONTENT
    wait_for(lambda: " unfiltered=raw" in world.culver.log()[before:], 5,
             "its line in the log")
    said = world.culver.ctl("milter").stdout
    assert "raw" in said and "UNFILTERED" in said, said


def test_progress(careful, one):
    """25: each begins the time again."""
    one.reset({"E": [PROGRESS, Sleep(0.6)] * 5 + [CONTINUE]})
    begin = time.monotonic()
    assert careful.send(CONTENT).code == 250
    assert time.monotonic() - begin >= 3
    one.reset({"R": [PROGRESS, Sleep(0.6)] * 3 + [REJECT]})
    with careful.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<alice@example.com>", 550)


def test_edits_at_wrong_times(careful, one):
    """23: an edit before the end is no answer."""
    for letter in "CHMRTLNB":
        settle(careful, one)
        one.reset({letter: [add_header("X-Early", "y"), CONTINUE]})
        assert_not_delivered(careful)


def assert_not_delivered(world):
    said = world.try_send(CONTENT)
    assert last(said) == 451, said
    assert not world.lmtp.received


def test_replies_in_single_octets(careful, one):
    """35: any split of the answer."""
    answer = b"".join([PROGRESS, *EDITS[:3], PROGRESS,
                       add_header("X-Last", "z"), CONTINUE])
    one.reset({"O": Split(options(symbols={2: "i"}), 1, 0),
               "E": Split(answer, 1, 0),
               **{x: Split(CONTINUE, 1, 0.01) for x in "CHMRT"}})
    assert careful.send(CONTENT).code == 250
    assert careful.values("X-Last") == [b"z"]
    assert careful.body == b"edited\r\n"


def test_flood_of_edits(careful, one):
    """23: too many are a failure, and cost nobody the memory."""
    one.reset({"E": [add_header("X-Flood", "f" * 60000) * 10] * 200 +
               [CONTINUE]})
    assert careful.send(CONTENT).code in (451, 552)
    assert not careful.lmtp.received


def test_flood_of_progress(careful, one):
    """25: as fast as it can, for three seconds, is borne."""
    def flood(session, _):
        return [PROGRESS * 1000, Sleep(0.001)]
    end = time.monotonic() + 3
    actions = [flood] * 2000 + [CONTINUE]
    one.reset({"E": actions})
    reply = careful.send(CONTENT)
    assert reply.code in (250, 451)
    assert time.monotonic() < end + 20


def test_replies_nobody_asked_for(careful, one):
    """35: answers before the question are a failure of the filter, not of a
    later message."""
    one.reset({"M": CONTINUE * 20})
    assert last(careful.try_send(CONTENT)) in (250, 451)
    settle(careful, one)


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        what = rng.randrange(4)
        at = rng.randrange(len(data) + 1)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif what == 2:
            del data[at:at + rng.randrange(1, 9)]
        elif at < len(data):
            data[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_random_replies(careful, one, seed):
    """35: mutated and random answers in thirty sessions at a time: each gets
    an answer of the protocol, and the server lives (see culver.py for what
    its log must not have)."""
    rng = random.Random(seed)
    good = b"".join([*EDITS, quarantine("q"), PROGRESS, CONTINUE])

    def answer(session, packet):
        if packet.command == "E":
            data = mutated(rng, good)
        elif rng.random() < 0.9:
            return CONTINUE
        else:
            data = rng.choice((mutated(rng, say("550 5.7.1 x")),
                               rng.randbytes(rng.randrange(1, 64)),
                               mutated(rng, CONTINUE), ACCEPT))
        return [Split(data, rng.choice((1, 7, 4096)), 0),
                rng.choice((SILENT, CLOSE, CONTINUE))]
    one.reset({letter: answer for letter in "MRTLNBE"})
    clients = [careful.smtp() for _ in range(30)]
    for client in clients:
        client.ehlo()
    for client in clients:
        said = one_transaction(client, CONTENT)
        assert all(r.code in (250, 354) or 400 <= r.code < 600
                   for r in said.values())
        client.close()
    one.reset()
    settle(careful, one)


# --- filters that do not read, or come and go ------------------------------------------------

def test_filter_that_does_not_read(careful, one):
    """23: its socket is full in mid-body; the message is not kept for it in
    memory, and its time ends."""
    one.reset({"N": [CONTINUE, Sleep(8)]})
    begin = time.monotonic()
    assert careful.send(CONTENT + b"a long line of text\r\n" * 500000).code \
        == 451
    assert time.monotonic() - begin < 6
    assert not careful.lmtp.received


@pytest.mark.parametrize("script", [
    {"E": [*EDITS, CONTINUE]}, {"E": [quarantine("why"), CONTINUE]},
    {"E": b"\0\0\0\1d"}, {"R": b"\0\0\0\1d"}, {"M": b"\0\0\0\1" + b"4"},
    {"C": REJECT}, {"H": TEMPFAIL}, {"R": say("550 5.7.1 no")},
    {"C": CLOSE}, {"M": CLOSE}, {"E": CLOSE}, {"E": SILENT}, {"O": CLOSE},
    {"E": b"nonsense"}], ids=lambda script: str(script)[:40])
def test_dry_run_costs_no_mail(dovecot, script):
    """Whatever it says, and also when it cannot be asked."""
    with RawFilter(script) as peer, Filtered(dovecot, {"dry": {
            "socket": peer.where, "dry_run": "yes", **QUICK}}) as world:
        for _ in range(2):
            assert world.send(CONTENT).code == 250
            assert world.sent_on == CONTENT
            assert world.recipients == ["alice@example.com"]


def test_dry_run_beside_another(dovecot):
    """The next filter sees the message unchanged, and is obeyed."""
    with RawFilter({"E": [*EDITS, REJECT]}) as dry, \
            RawFilter({"E": [add_header("X-Real", "y"), CONTINUE]}) as real, \
            Filtered(dovecot, {"dry": {"socket": dry.where, "dry_run": "yes"},
                               "real": {"socket": real.where}}) as world:
        assert world.send(CONTENT).code == 250
        assert world.values("X-Real") == [b"y"]
        assert not world.values("X-Edit")
        assert [f for f, _ in real.sessions[-1].fields] == \
            ["From", "To", "Subject", "Date", "Message-ID", "X-Was"]
