"""One structured line an event, one id from connect to Dovecot's reply."""

import re

from conftest import delivered
from culver import Culver, wait_for
from smtp import message


def test_one_id_from_connect_to_delivery(culver, dovecot, tag):
    reply = culver.send(message(tag))
    assert reply.code == 250
    found, = delivered(dovecot, "alice@example.com", tag)
    ident = re.search(rb"with ESMTP\s+id ([^\s;]+)", found)[1].decode()
    # The session's id begins the transaction's.
    assert ident in reply.text or ident in culver.log()
    lines = [l for l in culver.log().split("\n") if ident in l]
    assert lines, ident
    text = "\n".join(lines)
    assert "alice@example.com" in text and "sender@client.test" in text


def test_refusals_are_logged(culver):
    with culver.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<no-such-one@example.com>", 550)
    wait_for(lambda: "no-such-one@example.com" in culver.log(), 5)


def test_peer_bytes_are_escaped(culver):
    """No peer forges a line or a field, or moves a terminal's cursor."""
    before = culver.log().count("\n")
    with culver.smtp() as client:
        client.line(b"EHLO client.test")
        client.reply()
        client.line(b"XYZ \x1b[2J\x07 fake=\"1\" \xff\xfe")
        client.reply()
        client.line(b"MAIL FROM:<a\x1bb@client.test>")
        client.reply()
        client.line('MAIL FROM:<"a\\" level=error \\"b"@client.test>')
        client.reply()
        client.line("RCPT TO:<\"x y=z\"@example.com>")
        client.reply()
    with open(culver.log_path, "rb") as f:
        log = f.read()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", log)
    log.decode("utf-8")
    assert culver.log().count("\n") > before


def test_log_to_a_file(dovecot, tmp_path):
    import os
    from culver import NOBODY
    path = f"/tmp/culver-log-{os.getpid()}"
    with open(path, "w", encoding="utf-8"):
        pass
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    try:
        with Culver(dovecot, log=path) as culver:
            assert culver.send(message()).code == 250
            with open(path, encoding="utf-8") as f:
                text = f.read()
            assert "alice@example.com" in text
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text)
    finally:
        os.unlink(path)


def test_levels(dovecot):
    with Culver(dovecot, log_level="error") as culver:
        assert culver.send(message()).code == 250
        assert "alice@example.com" not in culver.log()
