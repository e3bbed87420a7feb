"""A letter arrives: what is in the mailbox is what was sent."""

import email
import email.policy
import random
import re
import smtplib
import subprocess

import pytest

from conftest import delivered
from culver import Culver, status_of
from dovecot import quota_field
from smtp import message, tls_context

# What Culver and Dovecot put before the message.
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received):[^\n]*\n"
                   rb"(?:[ \t][^\n]*\n)*)+")


def without_trace(stored):
    """What was sent, with the line ends of the wire."""
    head = TRACE.match(stored)
    assert head, stored[:500]
    return stored[head.end():].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def content_of(tag, body):
    return (f"From: <sender@client.test>\r\nTo: <alice@example.com>\r\n"
            f"Subject: {tag}\r\n\r\n").encode() + body


BODIES = {
    "empty": b"",
    "plain": b"A letter.\r\n",
    "dots": b".\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n",
    "blank lines": b"\r\n" * 50,
    "eight bit": bytes(c for c in range(1, 256) if c not in b"\r\n") + b"\r\n",
    "long lines": (b"x" * 998 + b"\r\n") * 20 + b"y" * 60000 + b"\r\n",
    "from lines": b"From here\r\n>From there\r\nFrom \r\n",
    "commands": b"QUIT\r\nRSET\r\nMAIL FROM:<a@b>\r\nBDAT 3 LAST\r\n",
    "blanks at the end": b"one  \r\ntwo\t\r\n \r\n",
}


@pytest.mark.parametrize("how", ["DATA", "BDAT", "BDAT in pieces"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_content_is_kept(culver, dovecot, tag, body, how):
    content = content_of(tag, body)
    with culver.smtp() as client:
        client.ehlo()
        client.mail(parameters=" BODY=8BITMIME")
        client.rcpt("alice@example.com")
        if how == "DATA":
            reply = client.data(content)
        else:
            step = len(content) if how == "BDAT" else 37
            for start in range(0, len(content), step):
                reply = client.bdat(content[start:start + step],
                                    last=start + step >= len(content))
        assert reply.code == 250, str(reply)
    found, = delivered(dovecot, "alice@example.com", tag)
    assert without_trace(found) == content


def test_random_content_in_random_segments(culver, dovecot, tag):
    """Any split of the input, whatever stands at its edges."""
    rng = random.Random(tag)
    words = (b"\r\n", b"\r\n.", b".", b"..", b"a", b"\r\n\r\n", b"b" * 100)
    body = b"".join(rng.choices(words, k=4000)) + b"\r\n"
    content = content_of(tag, body)
    stuffed = content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    with culver.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        client.command("DATA", 354)
        while stuffed:
            size = rng.choice((1, 2, 3, 7, 100, 1460, 20000))
            client.send(stuffed[:size])
            stuffed = stuffed[size:]
        assert client.reply().code == 250
    found, = delivered(dovecot, "alice@example.com", tag)
    assert without_trace(found) == content


def test_trace_fields(culver, dovecot, tag):
    """RFC 5321 4.4; Dovecot adds Return-Path and Delivered-To."""
    reply = culver.send(message(tag), sender="sender+x@client.test")
    assert reply.code == 250 and reply.status == "2.0.0"
    found, = delivered(dovecot, "alice@example.com", tag)
    letter = email.message_from_bytes(found, policy=email.policy.default)
    assert letter["Return-Path"] == "<sender+x@client.test>"
    assert letter["Delivered-To"] == "alice@example.com"
    ours = [r for r in letter.get_all("Received") if "with ESMTP" in r]
    assert len(ours) == 1
    assert re.match(r"from client\.test \(.*\[127\.0\.0\.1\]\)\s+by mx\.test"
                    r" \(Culver\)\s+with ESMTP\s+id \S+\s+for <alice@example\.com>\s*;",
                    " ".join(ours[0].split()))
    stamp = email.utils.parsedate_to_datetime(ours[0].rpartition(";")[2])
    assert stamp.tzinfo is not None
    # The id is the one in the 250, so that both ends can find it in logs.
    ident = re.search(r"\bid (\S+)", ours[0])[1].rstrip(";")
    assert ident in culver.log()


def test_detail_reaches_dovecot_whole(culver, dovecot, tag):
    culver.send(message(tag), ["alice+shop@example.com"])
    found, = delivered(dovecot, "alice@example.com", tag)
    assert b"Delivered-To: alice+shop@example.com" in found


def test_one_copy_for_each_recipient(culver, dovecot, tag):
    culver.send(message(tag), ["alice@example.com", "bob@example.com",
                               "carol@example.com"])
    for user in ("alice", "bob", "carol"):
        found = delivered(dovecot, f"{user}@example.com", tag)
        assert len(found) == 1
        assert f"Delivered-To: {user}@example.com".encode() in found[0]


def test_it_is_in_dovecot_before_the_250(culver, dovecot, tag):
    """In-session delivery: the 250 is Dovecot's."""
    for _ in range(5):
        assert culver.send(message(tag)).code == 250
        count = sum(tag.encode() in m
                    for m in dovecot.messages("alice@example.com"))
        assert count == _ + 1
    assert culver.queue_size() == 0


def test_standard_clients(culver, dovecot, tag):
    """smtplib and swaks."""
    with smtplib.SMTP("127.0.0.1", culver.submission_port) as client:
        client.starttls(context=tls_context())
        client.login("alice@example.com", "secret")
        client.sendmail("alice@example.com", ["bob@example.com"],
                        message(tag, sender="alice@example.com"))
    with smtplib.SMTP_SSL("127.0.0.1", culver.submissions_port,
                          context=tls_context()) as client:
        client.login("alice@example.com", "secret")
        client.sendmail("alice@example.com", ["bob@example.com"],
                        message(tag, sender="alice@example.com"))
    subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{culver.port}", "--tls",
         "--from", "s@client.test", "--to", "bob@example.com",
         "--header", f"Subject: {tag}"],
        check=True, capture_output=True, timeout=30)
    assert len(delivered(dovecot, "bob@example.com", tag, count=3)) == 3


def test_sieve_decides_where(culver, dovecot, tag):
    dovecot.add_user("sieve@example.com")
    dovecot.set_sieve("sieve@example.com",
                      'require ["fileinto", "mailbox"];\n'
                      'fileinto :create "Shop";\n')
    culver.send(message(tag), ["sieve@example.com"])
    found = dovecot.wait_messages("sieve@example.com", folder="Shop")
    assert len(found) == 1 and tag.encode() in found[0]


def resident_kb(pid):
    """Private memory: pages of a memfd or a file are not the process' own."""
    return int(status_of(pid)["RssAnon"].split()[0])


@pytest.mark.timeout(300)
def test_big_message_needs_no_memory(dovecot, tag):
    """50 MB go through while no process grows by more than 2 MB."""
    dovecot.add_user("big@example.com",
                     extra=quota_field("1G"))
    line = b"0123456789abcdef" * 4 + b"\r\n"
    content = content_of(tag, b"")
    content += line * ((50 * 1000 * 1000 - len(content)) // len(line))
    with Culver(dovecot, workers="1", start=False) as culver:
        # AddressSanitizer keeps what was freed in quarantine, and more of it
        # the more is allocated: that is not the program's memory.
        culver.start(env={"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=0"
                          ":thread_local_quarantine_size_kb=0"})
        # A first message, so that buffers and libraries are there already.
        culver.send(message(), ["big@example.com"])
        pids = [pid for role in culver.wait_roles().values() for pid in role]
        before = {pid: resident_kb(pid) for pid in [*pids, culver.parent()]}
        peak = dict(before)
        with culver.smtp() as client:
            client.ehlo()
            client.mail(parameters=f" SIZE={len(content)}")
            client.rcpt("big@example.com")
            client.command("DATA", 354)
            for start in range(0, len(content), 1 << 20):
                client.send(content[start:start + (1 << 20)])
                for pid in peak:
                    peak[pid] = max(peak[pid], resident_kb(pid))
            client.send(b".\r\n")
            while client.is_silent(0.05):
                for pid in peak:
                    peak[pid] = max(peak[pid], resident_kb(pid))
            reply = client.reply()
        assert reply.code == 250, str(reply)
        found = delivered(dovecot, "big@example.com", tag, timeout=60)
        assert len(found) == 1
        assert without_trace(found[0]) == content
        for pid, kb in before.items():
            assert peak[pid] - kb <= 2048, \
                f"{culver.roles()}: {pid} grew by {peak[pid] - kb} kB"
