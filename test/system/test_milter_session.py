"""What a client hears when filters speak, and what becomes of its message:
verdicts at each stage, what stands until the client goes, chunks, TLS,
logins, messages that are dropped or held."""

import os

import pytest

from conftest import delivered
from culver import Culver, wait_for
from filtered import Filtered
from milters import RawFilter, SILENT, Sleep, Turns
from milterwire import (CONTINUE, DISCARD, NR_ALL, REJECT, SHUTDOWN, TEMPFAIL,
                        add_rcpt, insert_header, quarantine,
                        say)
from smtp import Smtp, message, stuff


@pytest.fixture
def peer():
    with RawFilter() as peer:
        yield peer


@pytest.fixture
def world(dovecot, peer):
    with Filtered(dovecot, {"raw": {"socket": peer.where}}) as world:
        peer.wait(lambda: not peer.open_count)
        peer.sessions.clear()
        yield world


def code_of(reply):
    return f"{reply.code} {reply.status}" if reply.status else str(reply.code)


# --- connect and hello -----------------------------------------------------------

def test_refused_at_connect(world, peer):
    peer.script = {"C": say("550 5.7.1 not you")}
    with world.smtp() as client:
        assert client.greeting.code == 554
        assert "not you" in client.greeting.lines[0]
        assert "STARTTLS" not in client.ehlo()
        for command in ("MAIL FROM:<a@client.test>",
                        "RCPT TO:<alice@example.com>", "DATA", "STARTTLS",
                        "VRFY alice"):
            assert code_of(client.command(command)) == "550 5.7.1"
        client.command("NOOP", 250)
        client.command("RSET", 250)
        client.command("EHLO again", 250)
        assert code_of(client.bdat(b"QUIT\r\n")) == "550 5.7.1"
        client.quit()
    assert peer.wait_session().letters == "OCQ"


def test_refused_at_connect_for_a_while(world, peer):
    peer.script = {"C": TEMPFAIL}
    with world.smtp() as client:
        assert client.greeting.code == 220
        client.ehlo()
        assert client.command("MAIL FROM:<a@client.test>").code == 451
        assert code_of(client.command("STARTTLS")) == "454 4.3.0"
        client.quit()


def test_hung_up_on(world, peer):
    peer.script = {"C": SHUTDOWN}
    with world.smtp() as client:
        assert client.greeting.code == 421
        assert client.at_end()
    peer.script = {"H": say("421 4.7.0 go")}
    with world.smtp() as client:
        assert code_of(client.command("EHLO client.test")) == "421 4.7.0"
        assert client.at_end()
    peer.script = {"M": SHUTDOWN}
    with world.smtp() as client:
        client.ehlo()
        assert client.command("MAIL FROM:<a@client.test>").code == 421
        assert client.at_end()


def test_refused_at_hello_stands_across_tls(world, peer):
    peer.script = {"H": Turns([CONTINUE, REJECT])}
    with world.smtp() as client:
        client.ehlo()
        client.starttls()
        assert "AUTH" not in client.ehlo("second")
        assert client.command("MAIL FROM:<a@client.test>").code == 550
        client.command("HELO third", 250)
        assert client.command("MAIL FROM:<a@client.test>").code == 550
        client.quit()
    session = peer.wait_session()
    assert session.letters == "OCHHQ"
    assert session.macros["H"]["{tls_version}"] == "TLSv1.3"
    assert int(session.macros["H"]["{cipher_bits}"]) >= 128


# --- the envelope -------------------------------------------------------------------

def test_the_next_message_has_a_new_chance(world, peer, tag):
    no = say("550 5.7.1 no")
    for letter in "MTE":
        peer.script = {letter: Turns([no, CONTINUE])}
        with world.smtp() as client:
            client.ehlo()
            replies = []
            for _ in range(2):
                reply = client.command("MAIL FROM:<a@client.test>")
                if reply.code == 250:
                    client.rcpt("alice@example.com")
                    reply = client.command("DATA")
                if reply.code == 354:
                    client.send(stuff(message(tag)))
                    reply = client.reply()
                replies.append(reply.code)
            assert replies == [550, 250], letter
            client.quit()


def test_recipients_one_by_one(world, peer):
    peer.script = {"R": lambda session, packet: {
        "<alice@example.com>": CONTINUE, "<bob@example.com>": TEMPFAIL,
        "<carol@example.com>": say("553 5.1.1 not her"),
    }[packet.strings[0]]}
    with world.smtp() as client:
        client.ehlo()
        # one write: answers come in order
        client.send(b"MAIL FROM:<a@client.test>\r\n"
                    b"RCPT TO:<nobody@example.com>\r\n"
                    b"RCPT TO:<bob@example.com>\r\n"
                    b"RCPT TO:<carol@example.com>\r\nDATA\r\n"
                    b"RCPT TO:<alice@example.com>\r\nDATA\r\n")
        assert [client.reply().code for _ in range(7)] == \
            [250, 550, 451, 553, 503, 250, 354]
        client.send(stuff(message()))
        assert client.reply().code == 250
        client.quit()
    assert world.recipients == ["alice@example.com"]
    assert peer.wait_session().letters.startswith("OCHMRRRT")


def test_unknown_commands(world, peer):
    peer.script = {"U": Turns([TEMPFAIL, REJECT])}
    with world.smtp() as client:
        client.ehlo()
        assert client.command("ETRN  x").code == 451
        assert code_of(client.command("FOO")) == "500 5.5.1"
        assert code_of(client.command("EXPN staff")) == "502 5.5.1"
        client.quit()
    assert [p.strings[0] for p in peer.wait_session().all("U")] == \
        ["ETRN  x", "FOO", "EXPN staff"]


# --- chunks --------------------------------------------------------------------------

def test_chunks(world, peer, tag):
    content = message(tag)
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        for at in range(0, len(content), 50):
            last = at + 50 >= len(content)
            assert client.bdat(content[at:at + 50], last).code == 250
        client.quit()
    assert world.sent_on == content
    assert peer.wait_session().short_letters == "OCHMRTLNBEQ"


def test_a_refused_chunk_is_eaten(world, peer):
    peer.script = {"T": [Sleep(0.2), say("451 4.7.1 later")]}
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        client.send(b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        assert [client.reply().code for _ in range(3)] == [451, 503, 250]
        client.quit()


# --- TLS and logins ----------------------------------------------------------------------

def test_logins(dovecot, peer, tag):
    with Culver(dovecot, milters={"raw": {"socket": peer.where}}) as culver:
        peer.wait(lambda: not peer.open_count)
        peer.sessions.clear()
        with culver.submission("alice@example.com") as client:
            client.command("MAIL FROM:<alice@example.com>", 250)
            client.rcpt("alice@example.com")
            assert client.data(message(tag)).code == 250
            client.quit()
        session = peer.wait_session()
        assert session.letters.startswith("OCHHMRT")
        assert session.macros["M"]["{auth_type}"] == "PLAIN"
        assert session.macros["M"]["{auth_authen}"] == "alice@example.com"
        assert session.macros["M"]["i"].endswith(".1")
        assert session.macros["C"]["j"] == "mx.test"
        assert session.macros["C"]["{daemon_port}"] == \
            str(culver.submission_port)
        assert len(delivered(dovecot, "alice@example.com", tag)) == 1


def test_465_is_told_of_with_tls(dovecot, peer):
    peer.script = {"C": say("554 5.7.1 not you")}
    with Culver(dovecot, milters={"raw": {"socket": peer.where}},
                listen_smtp="", start=False) as culver:
        culver.launch()
        culver.wait_log("ready")
        with culver.submissions() as client:
            assert client.greeting.code == 554
        assert peer.wait_session(len(peer.sessions) - 1).letters == "OCQ"


def test_which_listeners(dovecot, peer):
    with Culver(dovecot, milters={"raw": {
            "socket": peer.where, "listeners": ["submission"]}}) as culver:
        peer.wait(lambda: not peer.open_count)
        peer.sessions.clear()
        with culver.smtp() as client:
            client.ehlo()
            client.quit()
        with culver.submission() as client:
            client.ehlo()
            client.quit()
        assert peer.wait_session().macros["C"]["{daemon_port}"] == \
            str(culver.submission_port)
        assert len(peer.sessions) == 1


# --- dropped and held -----------------------------------------------------------------------

@pytest.mark.parametrize("letter", "MRTLNBE")
def test_dropped(world, peer, letter, tag):
    peer.script = {letter: DISCARD}
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(message(tag)).code == 250
        client.quit()
    found, = world.culver.wait_log("discarded .*filter=raw")
    assert "to=alice@example.com" in found.string[found.start():]
    assert world.lmtp.received == []
    assert world.culver.queue_size() == 0


def test_held(world, peer):
    peer.script = {"E": [insert_header(0, "X-Spam", "yes"),
                         quarantine("looks bad"), CONTINUE]}
    assert world.send(message()).code == 250
    found, = world.culver.wait_log("accepted .*")
    assert "held=\"looks bad\"" in found[0] and "edits=1" in found[0]
    assert world.lmtp.received == []
    assert world.culver.queue_size() == 1


def test_not_for_filters(world, peer):
    """What we refuse ourselves no filter sees the content of."""
    assert world.send(b"a\nb\r\n").code == 550
    assert peer.wait_session().letters == "OCHMRTAQ"


HOOK = """#!/bin/sh
grep -q "^X-Filter: yes" || exit 20
echo "X-Hook: $RCPT_TO"
"""


def test_the_hook_comes_after_filters(dovecot, peer):
    peer.script = {"E": [insert_header(0, "X-Filter", "yes"),
                         add_rcpt("<bob@example.com>"), CONTINUE]}
    with Filtered(dovecot, {"raw": {"socket": peer.where}}) as world:
        world.culver.write("hooks/post-data", HOOK)
        os.chmod(os.path.join(world.culver.conf, "hooks/post-data"), 0o755)
        world.culver.ctl("reload")
        assert world.send(message()).code == 250
        wait_for(lambda: len(world.recipients) == 2, 5, "both copies")
        assert [f.name for f in world.fields[:3]] == \
            [b"X-Hook", b"X-Filter", b"Received"]
        assert world.values("X-Hook") == \
            [b"alice@example.com bob@example.com"]
        peer.script = {}
        assert world.send(message()).code == 554
        assert world.lmtp.received == []


# --- who waits ---------------------------------------------------------------------------------

def test_silence_while_filters_think(dovecot, peer, tag):
    peer.script = {"E": [Sleep(14), CONTINUE]}
    with Filtered(dovecot, {"raw": {"socket": peer.where}},
                  session_timeout="10s") as world:
        assert world.send(message(tag)).code == 250


def test_a_client_that_goes(world, peer):
    peer.script = {"E": SILENT}
    client = world.smtp()
    client.ehlo()
    client.mail()
    client.rcpt("alice@example.com")
    client.command("DATA", 354)
    client.send(stuff(message()))
    peer.wait_letters("OCHMRTLNBE")
    client.close()
    world.culver.stop()
    assert world.lmtp.received == []


def test_the_end_while_filters_are_asked(dovecot, peer):
    with Filtered(dovecot, {"raw": {"socket": peer.where}}) as world:
        peer.script = {"C": SILENT}
        before = len(peer.sessions)
        with Smtp(world.culver.port, greeting=False) as client:
            peer.wait_letters("OC", before)
            world.culver.stop()
            assert client.reply().code == 421


def test_a_new_configuration(dovecot, peer):
    """Messages keep the filters they began with, sessions do not."""
    with RawFilter({"M": say("550 5.7.1 second")}, steps=NR_ALL & ~0x4000) \
            as second, \
            Culver(dovecot, milters={"a": {"socket": peer.where}},
                   workers="1") as culver:
        with culver.smtp() as old:
            old.ehlo()
            old.mail()
            culver.set_milters({"b": {"socket": second.where}})
            culver.ctl("reload")

            def is_new():
                with culver.smtp() as client:
                    client.ehlo()
                    return client.command("MAIL FROM:<a@b.test>").code == 550
            wait_for(is_new, 10, "the new filter")
            culver.set_milters({})
            culver.ctl("reload")
            wait_for(lambda: not is_new(), 10, "no filter")
            old.rcpt("alice@example.com")
            assert old.data(message()).code == 250
            kept = [s for s in peer.sessions if "E" in s.letters]
            assert [s.letters[-1] for s in kept] == ["E"]
            old.mail()
            old.rcpt("alice@example.com")
            assert old.data(message()).code == 250
            assert kept[0].letters.endswith("EQ")
            assert kept == [s for s in peer.sessions if "E" in s.letters]
