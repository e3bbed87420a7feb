"""What filters may change, seen from behind Culver. Numbers are those of
milter-scenarios.md."""

import os

import pytest

from culver import wait_for
from filtered import Filtered
from milters import RawFilter, Turns
from milterwire import (ACCEPT, CONTINUE, LEADING_SPACE, NR_ALL, add_header,
                        add_rcpt, change_from, change_header, delete_header,
                        delete_rcpt, insert_header, packet, replace_body)
from test_hooks import set_program

THREE = b"X-A: 1\r\nSubject: s\r\nx-a: 2\r\nX-A: 3\r\n"
BODY = b"Old body.\r\n"


@pytest.fixture(scope="module")
def only():
    with RawFilter() as peer:
        yield peer


@pytest.fixture(scope="module")
def world(dovecot, only):
    with Filtered(dovecot, {"only": {"socket": only.where}},
                  message_size_limit="1M") as world:
        yield world


@pytest.fixture
def peer(only):
    only.reset()
    yield only
    for session in only.sessions:
        assert session.problem is None, session.problem


@pytest.fixture(scope="module")
def originals(dovecot, only):
    """A world whose filter counts fields as sendmail's do."""
    with Filtered(dovecot, {"only": {"socket": only.where,
                                     "header_index": "original"}}) as world:
        yield world


def edited(world, peer, edits, header=THREE, body=BODY, *, steps=0):
    """The fields after the edits, "R" for our own Received."""
    peer.reset({"E": [*edits, CONTINUE]}, steps=steps)
    reply = world.send(header + b"\r\n" + body)
    assert reply.code == 250, str(reply)
    return lines(world)


def lines(world):
    found = [b"R" if f.name == b"Received" and b"by mx.test" in f.value
             else f.name + b":" + f.value for f in world.fields]
    assert found.count(b"R") == 1, "our own Received is there, once"
    return found


# --- 11: where fields are put --------------------------------------------------

@pytest.mark.parametrize("edits, want", [
    ([insert_header(0, "N", "v")], b"N: v|R|X-A: 1|S: s"),
    ([insert_header(1, "N", "v")], b"R|N: v|X-A: 1|S: s"),
    ([insert_header(2, "N", "v")], b"R|X-A: 1|N: v|S: s"),
    ([insert_header(3, "N", "v")], b"R|X-A: 1|S: s|N: v"),
    ([insert_header(100, "N", "v")], b"R|X-A: 1|S: s|N: v"),
    ([insert_header(-1, "N", "v")], b"R|X-A: 1|S: s|N: v"),
    ([add_header("X-A", "v")], b"R|X-A: 1|S: s|X-A: v"),
    ([insert_header(1, "N", "1"), insert_header(1, "N", "2")],
     b"R|N: 2|N: 1|X-A: 1|S: s"),
    ([insert_header(i, "N", str(i)) for i in range(3)],
     b"N: 0|N: 1|N: 2|R|X-A: 1|S: s"),
])
def test_position(world, peer, edits, want):
    assert edited(world, peer, edits, b"X-A: 1\r\nS: s\r\n") == \
        want.split(b"|")


# --- 12: which field is changed ------------------------------------------------

@pytest.mark.parametrize("edits, want", [
    ([change_header(0, "X-A", "n")], b"X-A: n|Subject: s|x-a: 2|X-A: 3"),
    ([change_header(1, "x-A", "n")], b"x-A: n|Subject: s|x-a: 2|X-A: 3"),
    ([change_header(3, "X-A", "n")], b"X-A: 1|Subject: s|x-a: 2|X-A: n"),
    ([change_header(4, "X-A", "n")],
     b"X-A: 1|Subject: s|x-a: 2|X-A: 3|X-A: n"),
    ([delete_header(2, "X-A")], b"X-A: 1|Subject: s|X-A: 3"),
    ([delete_header(4, "X-A")], b"X-A: 1|Subject: s|x-a: 2|X-A: 3"),
    ([delete_header(1, "SUBJECT")], b"X-A: 1|x-a: 2|X-A: 3"),
    ([change_header(1, "Sub", "n")],
     b"X-A: 1|Subject: s|x-a: 2|X-A: 3|Sub: n"),
    ([change_header(1, "X-A-B", "n")],
     b"X-A: 1|Subject: s|x-a: 2|X-A: 3|X-A-B: n"),
])
def test_change(world, peer, edits, want):
    assert edited(world, peer, edits) == [b"R", *want.split(b"|")]


# --- 13: counting after a deletion ----------------------------------------------

UP = [delete_header(i, "X-A") for i in (1, 2, 3)]
DOWN = UP[::-1]


def test_deletions_live(world, peer):
    assert edited(world, peer, UP) == [b"R", b"Subject: s", b"x-a: 2"]
    assert edited(world, peer, DOWN) == [b"R", b"Subject: s"]
    assert edited(world, peer, [delete_header(0, "X-A")] * 3) == \
        [b"R", b"Subject: s"]


def test_deletions_original(originals, peer):
    assert edited(originals, peer, UP) == [b"R", b"Subject: s"]
    assert edited(originals, peer, DOWN) == [b"R", b"Subject: s"]


# --- 14: our own Received --------------------------------------------------------

THEIRS = b"Received: from them\r\nX-A: 1\r\n"


@pytest.mark.parametrize("edits, want", [
    ([change_header(1, "Received", "n")], b"R|Received: n|X-A: 1"),
    ([delete_header(1, "received")] * 3, b"R|X-A: 1"),
    ([insert_header(0, "N", "v"), delete_header(1, "Received"),
      delete_header(1, "Received")], b"N: v|R|X-A: 1"),
    ([insert_header(0, "Received", "n"), change_header(2, "Received", "m")],
     b"Received: n|R|Received: m|X-A: 1"),
])
def test_our_received_stays(world, peer, edits, want):
    assert edited(world, peer, edits, THEIRS) == want.split(b"|")


# --- 15: values ------------------------------------------------------------------

@pytest.mark.parametrize("value, want", [
    ("a\n\tb\n c", b" a\r\n\tb\r\n c"),
    ("a\r\n\tb", b" a\r\n\tb"),
    ("a\nBcc: x@client.test", b" a\r\n\tBcc: x@client.test"),
    ("a\r\n\r\nevil body", b" a\r\n\tevil body"),
    ("a\n\n", b" a"),
    ("a\r\n.\r\nQUIT", b" a\r\n\t.\r\n\tQUIT"),
    (b"\xc3\xa4\xff", b" \xc3\xa4\xff"),
    ("a\x01b\x7f", b" a?b?"),
    ("x" * 65000, b" " + b"x" * 65000),
], ids=lambda x: str(x)[:20])
def test_value(world, peer, value, want):
    got = edited(world, peer, [add_header("N", value)], b"X-A: 1\r\n")
    assert got == [b"R", b"X-A: 1", b"N:" + want]
    assert world.body == BODY
    assert edited(world, peer, [change_header(1, "X-A", value)]) == \
        [b"R", b"X-A:" + want, b"Subject: s", b"x-a: 2", b"X-A: 3"]


def test_empty_value(world, peer):
    assert edited(world, peer, [add_header("N", "")], b"X-A: 1\r\n") == \
        [b"R", b"X-A: 1", b"N: "]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", b"\xc3\xa4"])
def test_bad_name(world, peer, name):
    seen = world.culver.log().count("only")
    assert edited(world, peer, [add_header(name, "v"),
                                insert_header(0, name, "v"),
                                change_header(1, name, "v"),
                                add_header("N", "v")], b"X-A: 1\r\n") == \
        [b"R", b"X-A: 1", b"N: v"]
    wait_for(lambda: world.culver.log().count("only") > seen, 5,
             "a word about it in the log")


# --- 16: the blank behind the colon ------------------------------------------------

BLANKS = b"A:x\r\nA: x\r\nA:  x\r\nA:\tx\r\nA:\r\n x\r\nE:\r\nB : y\r\n"


@pytest.mark.parametrize("steps, want", [
    (0, ["x", "x", " x", "\tx", "\n x", "", "y"]),
    (LEADING_SPACE, ["x", " x", "  x", "\tx", "\n x", "", " y"])])
def test_leading_space(world, peer, steps, want):
    edited(world, peer, [], BLANKS, steps=steps)
    assert [value for _, value in peer.wait_session().fields] == want
    assert world.sent_on == BLANKS + b"\r\n" + BODY


@pytest.mark.parametrize("value", ["x", " x", "  x", "\tx"])
def test_leading_space_of_edits(world, peer, value):
    raw = value.encode()
    for steps, blank in ((0, b" "), (LEADING_SPACE, b"")):
        assert edited(world, peer, [add_header("N", value)], b"X-A: 1\r\n",
                      steps=steps)[-1] == b"N:" + blank + raw


def test_what_is_not_edited_stays(world, peer):
    """Byte for byte beside an edit too."""
    edited(world, peer, [add_header("N", "v")], BLANKS)
    assert world.sent_on == BLANKS + b"N: v\r\n\r\n" + BODY


# --- 17: bodies --------------------------------------------------------------------

def body_of(world, peer, edits):
    edited(world, peer, edits)
    return world.body


@pytest.mark.parametrize("pieces, want", [
    ([b"a\r\nb\r\n"], b"a\r\nb\r\n"),
    ([b"a\nb\n"], b"a\r\nb\r\n"),
    ([bytes([c]) for c in b"one\r\ntwo\nthree"], b"one\r\ntwo\r\nthree\r\n"),
    ([b"a\r", b"\nb"], b"a\r\nb\r\n"),
    ([b""], b""),
    ([b"", b"a"], b"a\r\n"),
    ([b".\n..\n.\r\n"], b".\r\n..\r\n.\r\n"),
    ([b"\r\n\r\na\r\n"], b"\r\n\r\na\r\n"),
])
def test_body(world, peer, pieces, want):
    assert body_of(world, peer, map(replace_body, pieces)) == want
    assert world.values("Subject") == [b"s"]


def test_body_between_edits(world, peer):
    assert body_of(world, peer, [
        add_header("N", "1"), replace_body(b"a\n"), add_header("N", "2"),
        replace_body(b"b\n"), delete_header(1, "Subject")]) == b"a\r\nb\r\n"
    assert world.values("N") == [b"1", b"2"]
    assert world.values("Subject") == []


def test_big_body_in_one_packet(dovecot, peer):
    big = b"".join(b"%070d\n" % i for i in range(5 * (1 << 20) // 71))
    with Filtered(dovecot, {"only": {"socket": peer.where}}) as world:
        for steps in (0, NR_ALL):
            edited(world, peer, [replace_body(big), add_header("N", "v")],
                   steps=steps)
            assert world.body == big.replace(b"\n", b"\r\n")
            assert world.values("N") == [b"v"]


def test_body_over_the_limit(world, peer):
    too_much = [replace_body((b"x" * 78 + b"\n") * 800)] * 20
    peer.reset({"E": lambda session, packet: [add_header("N", "v"), *too_much]
                if peer.sessions[0] is session else CONTINUE})
    with world.smtp() as client:
        world.forget()
        client.ehlo()
        for code in (552, 250):
            client.mail("sender@client.test")
            client.rcpt("alice@example.com")
            reply = client.data(THREE + b"\r\n" + BODY)
            assert reply.code == code, str(reply)
    assert lines(world) == [b"R", b"X-A: 1", b"Subject: s", b"x-a: 2",
                            b"X-A: 3"]
    assert world.body == BODY


def test_a_message_that_needs_a_spool_file(dovecot, peer):
    """Over 1 MiB the content is a file of the queue's, before and after."""
    body = (b"y" * 76 + b"\r\n") * 40000
    with Filtered(dovecot, {"only": {"socket": peer.where}}) as world:
        edited(world, peer, [insert_header(0, "N", "v")], body=body)
        assert world.content.startswith(b"N: v\r\nReceived: ")
        assert world.body == body
        edited(world, peer, [replace_body(b"small")], body=body)
        assert world.body == b"small\r\n"


def files_of(culver):
    """What the queue has beside its database."""
    return [os.path.join(where, name)
            for where, _, names in os.walk(culver.state) for name in names
            if not name.startswith("queue.db")]


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_filter_then_hook_then_queue(dovecot, peer, size):
    """Twice a new content, and what is queued is the last one. Nothing of
    those before is left."""
    body = (b"y" * 76 + b"\r\n") * (size // 78)
    with Filtered(dovecot, {"only": {"socket": peer.where}},
                  start=False) as world:
        set_program(world.culver, "hooks/post-data", "echo 'X-Hook: h'")
        world.culver.start()
        world.lmtp.on_message = lambda recipient: "451 4.2.0 Wait"
        peer.reset({"E": [insert_header(1, "N", "v"), CONTINUE]})
        assert world.send(THREE + b"\r\n" + body).code == 250
        wait_for(lambda: world.lmtp.attempts, 10, "an attempt")
        world.lmtp.on_message = lambda recipient: "250 2.0.0 Saved"
        wait_for(lambda: world.lmtp.received, 20, "the delivery")
        assert lines(world) == [b"X-Hook: h", b"R", b"N: v",
                                *THREE.split(b"\r\n")[:-1]]
        assert world.body == body
        wait_for(lambda: world.culver.queue_size() == 0, 10, "the end of it")
        wait_for(lambda: not files_of(world.culver), 10,
                 "the end of its files")


# --- 18: the envelope -----------------------------------------------------------------

ALICE, BOB = "alice@example.com", "bob@example.com"


def recipients(world, peer, edits, given=(ALICE,)):
    peer.reset({"E": [*edits, CONTINUE]})
    reply = world.send(THREE + b"\r\n" + BODY, recipients=given)
    assert reply.code == 250, str(reply)
    return world.recipients


@pytest.mark.parametrize("edits, given, want", [
    ([add_rcpt(f"<{BOB}>")], [ALICE], [ALICE, BOB]),
    ([add_rcpt(BOB)], [ALICE], [ALICE, BOB]),
    ([add_rcpt("<bob@EXAMPLE.com>"), add_rcpt('"bob"@example.com')], [ALICE],
     [ALICE, BOB]),
    ([add_rcpt(f"<{ALICE}>")], [ALICE], [ALICE]),
    ([add_rcpt(f"<{BOB}>", "NOTIFY=NEVER ORCPT=rfc822;x@y")], [ALICE],
     [ALICE, BOB]),
    ([add_rcpt(f"<{BOB}>", "FOO=BAR")], [ALICE], [ALICE, BOB]),
    ([add_rcpt("<nobody@example.com>")], [ALICE], [ALICE]),
    ([add_rcpt("<a@[127.0.0.1]>")], [ALICE], [ALICE]),
    ([add_rcpt("<>"), add_rcpt("no address")], [ALICE], [ALICE]),
    ([delete_rcpt(f"<{BOB}>")], [ALICE, BOB], [ALICE]),
    ([delete_rcpt("bob@Example.COM")], [ALICE, BOB], [ALICE]),
    ([delete_rcpt('<"b\\ob"@example.com>')], [ALICE, BOB], [ALICE]),
    ([delete_rcpt("<BOB@example.com>")], [ALICE, BOB], [ALICE, BOB]),
    ([delete_rcpt("<nobody@example.com>")], [ALICE], [ALICE]),
    ([delete_rcpt(f"<{ALICE}>"), add_rcpt(f"<{BOB}>")], [ALICE], [BOB]),
    ([add_rcpt(f"<{BOB}>"), delete_rcpt(f"<{BOB}>")], [ALICE], [ALICE]),
])
def test_recipients(world, peer, edits, given, want):
    assert recipients(world, peer, edits, given) == want


def test_all_recipients_deleted(world, peer):
    assert recipients(world, peer, [delete_rcpt(f"<{BOB}>"),
                                    delete_rcpt(f"<{ALICE}>")],
                      [ALICE, BOB]) == []
    assert world.culver.queue_size() == 0


def test_recipient_that_cannot_be_looked_up(world, peer):
    peer.reset({"E": [add_rcpt("<sick@example.com>"), CONTINUE]})
    assert world.send(THREE + b"\r\n" + BODY).code == 451
    assert world.lmtp.received == []


@pytest.mark.parametrize("edit, want", [
    (change_from("<new@client.test>"), "<new@client.test>"),
    (change_from("new@client.test"), "<new@client.test>"),
    (change_from("<>"), "<>"),
    (change_from("<>", "RET=HDRS ENVID=abc"), "<>"),
    (change_from("<new@client.test>", "BAD RET=NONSENSE"),
     "<new@client.test>"),
    (change_from("no address"), "<sender@client.test>"),
])
def test_sender(world, peer, edit, want):
    assert recipients(world, peer, [edit]) == [ALICE]
    assert world.sender.split(" ")[0] == want


# --- 20, 28, 29 ------------------------------------------------------------------------

@pytest.mark.parametrize("verdict", [packet("r"), packet("t"), packet("d")],
                         ids=str)
def test_no_edit_without_acceptance(world, peer, verdict):
    """20: what another message has is its own."""
    edits = [add_header("N", "v"), add_rcpt(f"<{BOB}>"),
             replace_body(b"new"), verdict]
    peer.reset({"E": Turns([edits, ACCEPT])})
    with world.smtp() as client:
        world.forget()
        client.ehlo()
        for _ in range(2):
            client.mail("sender@client.test")
            client.rcpt(ALICE)
            reply = client.data(THREE + b"\r\n" + BODY)
        assert reply.code == 250
    assert world.recipients == [ALICE]
    assert world.sent_on == THREE + b"\r\n" + BODY


@pytest.mark.parametrize("content, header, body, seen", [
    (b"X-A: 1\r\n\r\n", b"X-A: 1\r\nN: v\r\n", b"", "LNE"),
    (b"X-A: 1\r\n", b"X-A: 1\r\nN: v\r\n", b"", "LNE"),
    (b"\r\nbody\r\n", b"N: v\r\n", b"body\r\n", "NBE"),
    (b"no field\r\n", b"N: v\r\n", b"no field\r\n", "NBE"),
    (b"X-A: 1\r\nno field\r\nX-B: 2\r\n", b"X-A: 1\r\nN: v\r\n",
     b"no field\r\nX-B: 2\r\n", "LNBE"),
    (b"X-A: 1\r\n\r\n\r\n \r\n", b"X-A: 1\r\nN: v\r\n", b"\r\n \r\n",
     "LNBE"),
])
def test_odd_messages(world, peer, content, header, body, seen):
    """28: no body, no header, no empty line between them."""
    peer.reset({"E": [add_header("N", "v"), CONTINUE]})
    assert world.send(content).code == 250
    assert world.sent_on == header + b"\r\n" + body
    session = peer.wait_session()
    assert session.short_letters == "OCHMRT" + seen + "Q"
    assert session.body == body


@pytest.mark.parametrize("size", [65534, 65535, 65536, 131070, 131071])
def test_body_at_the_edge_of_chunks(world, peer, size):
    """28: also where a chunk ends between CR and LF."""
    body = (b"z" * 997 + b"\r\n") * (size // 999)
    left = size - len(body)
    body = (b"z" * (left - 2) + b"\r\n" if left >= 2 else b"") + body
    assert body_of(world, peer, [add_header("N", "v")]) == BODY
    edited(world, peer, [add_header("N", "v")], body=body)
    session = peer.wait_session()
    assert session.body == body
    assert all(0 < len(p.data) <= 65535 for p in session.all("B"))
    assert world.body == body


def test_many_fields_and_a_long_one(world, peer):
    """29."""
    header = b"".join(b"X-%d: v\r\n" % i for i in range(2000)) \
        + b"Long: " + b"x" * 60000 + b"\r\n"
    got = edited(world, peer, [delete_header(1, "X-1000"),
                               change_header(1, "Long", "short")], header)
    assert len(got) == 2001
    assert b"X-1000: v" not in got
    assert got[-1] == b"Long: short"
    assert len(peer.wait_session().fields) == 2001


def test_too_many_edits(world, peer):
    """The filter has failed: no edit of it is done."""
    peer.reset({"E": [add_header("N", "v")] * 1001 + [CONTINUE]})
    assert world.send(THREE + b"\r\n" + BODY).code == 451
    assert world.lmtp.received == []
    peer.reset({"E": [add_header("N", "v")] * 1000 + [CONTINUE]})
    assert world.send(THREE + b"\r\n" + BODY).code == 250
    assert len(world.values("N")) == 1000
