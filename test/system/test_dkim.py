"""Mail of logins, of programs and reports: signed by every active key."""

import os
import re
import signal
import socket

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dkimkeys import Keys, signatures, verify_all
from dns import Dns
from server import Server

ALICE = "alice@example.com"


@pytest.fixture(scope="module")
def culver(dovecot):
    with Culver(dovecot, domains=("example.com", "xn--bcher-kva.example"),
                workers="1", start=False) as server:
        server.keys = Keys(server)
        server.keys.add("example.com", "r1")
        server.keys.add("example.com", "e1", "ed25519")
        server.keys.add("xn--bcher-kva.example", "e2", "ed25519")
        server.start()
        yield server


def send(culver, content, login=ALICE, to=ALICE):
    with culver.submission(login) as client:
        client.mail(login)
        client.rcpt(to)
        return client.data(content)


def letter(tag, *fields, sender=ALICE, body="Hello.\r\n"):
    return "\r\n".join((f"From: {sender}", f"Subject: {tag}", *fields, "",
                        body)).encode()


def arrived(dovecot, tag, to=ALICE):
    return delivered(dovecot, to, tag)[0]


BODIES = {
    "plain": "Hello.\r\n",
    "empty": "",
    "blanks": " a \t b \r\n\r\n \t \r\n\r\n",
    "dots": ".\r\n..\r\n",
    "utf8": "H\u00e4llo.\r\n",
    "big": "Somewhat longer, that is. \r\n" * 60000,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_login_is_signed_for(culver, dovecot, tag, name):
    assert send(culver, letter(tag, body=BODIES[name])).code == 250
    content = arrived(dovecot, tag)
    assert signatures(content) == [
        ("example.com", "e1", "ed25519-sha256"),
        ("example.com", "r1", "rsa-sha256")]
    assert verify_all(content, culver.keys.dns) == [True, True]


@pytest.mark.parametrize("sender,wanted", [
    ("A <ALICE@Example.COM>", {"e1", "r1"}),
    ("x@b\u00fccher.example", {"e2"}),
    ("x@b\u00fccher.example, y@example.com", {"e1", "e2", "r1"}),
    ("x@sub.example.com", set()),
    ("x@far.example", set()),
    ("a@example.com\r\nFrom: b@example.com", set()),
])
def test_the_author_decides(culver, dovecot, tag, sender, wanted):
    assert send(culver, letter(tag, sender=sender)).code == 250
    content = arrived(dovecot, tag)
    assert {s for _, s, _ in signatures(content)} == wanted
    assert all(verify_all(content, culver.keys.dns))


def test_strangers_are_not_signed_for(culver, dovecot, tag):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(ALICE)
        client.rcpt(ALICE)
        assert client.data(letter(tag)).code == 250
    assert signatures(arrived(dovecot, tag)) == []


def test_programs_are_signed_for(culver, dovecot, tag):
    """By the socket that sendmail uses."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{culver.run}/submit.sock")
        with s.makefile("rwb") as f:
            f.write(b"EHLO localhost\r\nMAIL FROM:<cron@example.com>\r\n"
                    b"RCPT TO:<alice@example.com>\r\nDATA\r\n"
                    + letter(tag, sender="cron@example.com")
                    + b".\r\nQUIT\r\n")
            f.flush()
            assert b"\n221 " in f.read()
    content = arrived(dovecot, tag)
    assert len(signatures(content)) == 2
    assert verify_all(content, culver.keys.dns) == [True, True]


def test_signed_already(culver, dovecot, tag):
    """By a filter, say: no second one of the same key."""
    theirs = ("DKIM-Signature: v=1; a=rsa-sha256; d=Example.com; s=R1;"
              " h=from; bh=AAAA; b=AAAA")
    assert send(culver, letter(tag, theirs)).code == 250
    assert [s for _, s, _ in signatures(arrived(dovecot, tag))] == ["e1", "R1"]


def test_nothing_can_be_added(culver, dovecot, tag):
    assert send(culver, letter(tag)).code == 250
    content = arrived(dovecot, tag)
    for field in (b"From: evil@example.com", b"Subject: x", b"To: x@y.example",
                  b"Reply-To: x@y.example", b"Content-Type: text/html"):
        assert not any(verify_all(field + b"\r\n" + content,
                                  culver.keys.dns)), field
    assert not any(verify_all(content + b"More.\r\n", culver.keys.dns))


def test_keyring_dies(culver, dovecot, tag):
    for round_ in range(3):
        keyring = culver.wait_roles()["keyring"][0]
        with culver.submission(ALICE) as client:
            client.mail(ALICE)
            client.rcpt(ALICE)
            os.kill(keyring, signal.SIGKILL)
            reply = client.data(letter(f"{tag}-{round_}"))
            assert reply.code == 250, str(reply)
        content = arrived(dovecot, f"{tag}-{round_}")
        assert verify_all(content, culver.keys.dns) == [True, True]


def test_keyring_is_silent(dovecot, tag):
    """Then the client is to try again: nothing leaves unsigned."""
    with Culver(dovecot, workers="1", start=False) as culver:
        Keys(culver).add("example.com", "r1")
        culver.start()
        keyring = culver.wait_roles()["keyring"][0]
        with culver.submission(ALICE, timeout=30) as client:
            client.mail(ALICE)
            client.rcpt(ALICE)
            os.kill(keyring, signal.SIGSTOP)
            reply = client.data(letter(tag))
            os.kill(keyring, signal.SIGCONT)
            assert (reply.code, reply.status) == (451, "4.7.5"), str(reply)
        culver.wait_log("not signed")
        assert send(culver, letter(tag)).code == 250
    assert len(delivered(dovecot, ALICE, tag)) == 1


@pytest.fixture
def world(dovecot):
    """A server elsewhere that refuses nobody@, and one of ours whose name is a
    domain with a key."""
    port = free_port()
    records = {"far.example MX": ["10 mx.far.example"],
               "mx.far.example A": ["127.0.0.62"]}
    with Dns(records) as dns, Server("127.0.0.62", port) as far, \
            Culver(dovecot, outbound_port=str(port), outbound_loopback="yes",
                   retry_longest="1s", hostname="mx.ours.example",
                   domains=("mx.ours.example",), start=False,
                   **dns.settings()) as culver:
        far.on_rcpt = lambda address: \
            "550 5.1.1 No" if "nobody@" in address else None
        culver.keys = Keys(culver)
        culver.keys.add("mx.ours.example", "r1")
        culver.keys.add("mx.ours.example", "e1", "ed25519")
        culver.start()
        yield culver, far


def test_reports_are_signed(world, tag):
    culver, far = world
    with culver.submission(ALICE) as client:
        client.mail("writer@far.example")
        client.rcpt("nobody@far.example")
        assert client.data(letter(tag, sender="writer@far.example")).code == 250
    content, = wait_for(far.contents, 20, "the report")
    assert b"multipart/report" in content
    assert signatures(content) == [
        ("mx.ours.example", "e1", "ed25519-sha256"),
        ("mx.ours.example", "r1", "rsa-sha256")]
    assert verify_all(content, culver.keys.dns) == [True, True]


def test_nobody_has_a_report_signed(world, tag):
    """What looks like one but came from elsewhere, and goes on elsewhere."""
    culver, far = world
    culver.write("domains/mx.ours.example/aliases",
                 "fwd: somebody@far.example\n")
    culver.reload()
    culver.wait_log("configuration loaded")
    with culver.smtp() as client:
        client.ehlo()
        client.mail("")
        client.rcpt("fwd@mx.ours.example")
        reply = client.data(letter(
            tag, "Message-ID: <0123456789abcdef@mx.ours.example>",
            sender="postmaster@mx.ours.example"))
        assert reply.code == 250, str(reply)
    content, = wait_for(far.contents, 20, "the mail")
    assert tag.encode() in content
    assert signatures(content) == []


def test_a_big_header(culver, dovecot, tag):
    """All of it is signed, so all of it goes to keyring."""
    many = "To: " + ",\r\n ".join(f"user-{n:05}@far.example"
                                  for n in range(8000))
    none = "DKIM-Signature:a=1;h=a\r\n" * 2000
    assert send(culver, none.encode() + letter(tag, many)).code == 250
    content = re.sub(rb"DKIM-Signature:a=1;h=a\r?\n", b"",
                     arrived(dovecot, tag))
    assert [s for _, s, _ in signatures(content)] == ["e1", "r1"]
    assert verify_all(content, culver.keys.dns) == [True, True]
