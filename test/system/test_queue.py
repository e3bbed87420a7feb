"""What happens to a message that Dovecot does not take at once."""

import email
import email.policy
import email.utils
import os
import re
import subprocess
import time

import pytest

from conftest import delivered
from culver import Culver, as_nobody, wait_for
from lmtp import CLOSE, HANG, FakeLmtp
from smtp import message


@pytest.fixture
def fake(dovecot):
    """A scripted LMTP server beside the real Dovecot's auth."""
    path = f"/tmp/culver-lmtp-{os.getpid()}"
    with FakeLmtp(path) as server:
        yield server


@pytest.fixture
def culver(dovecot, fake):
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_timeout="2s",
                retry_first="1s", retry_longest="2s") as server:
        yield server


def recipients(pairs):
    return [recipient for recipient, _ in pairs]


def wait_received(fake, count, timeout=15):
    wait_for(lambda: len(fake.received) >= count, timeout,
             f"{count} deliveries")


def wait_empty(culver, timeout=20):
    wait_for(lambda: culver.queue_size() == 0, timeout, "an empty queue")


# --- in the session ----------------------------------------------------------------


def test_accepted_by_lmtp_never_touches_the_queue(culver, fake, tag):
    reply = culver.send(message(tag))
    assert reply.code == 250
    assert recipients(fake.received) == ["alice@example.com"]
    assert tag.encode() in fake.received[0][1]
    assert culver.queue_size() == 0


def test_one_recipient_a_transaction(culver, fake, tag):
    culver.send(message(tag), ["alice@example.com", "bob@example.com"])
    assert sorted(recipients(fake.received)) == \
        ["alice@example.com", "bob@example.com"]
    assert len([l for l in fake.lines if l.startswith("MAIL")]) == 2
    assert all(l.split(" ")[1] == "FROM:<sender@client.test>"
               or l.split(" ")[1].startswith("FROM:<sender@client.test>")
               for l in fake.lines if l.startswith("MAIL"))


def test_bdat_to_lmtp(culver, fake, tag):
    culver.send(message(tag))
    assert any(l.startswith("BDAT") for l in fake.lines)
    assert "DATA" not in fake.lines


def test_data_to_an_lmtp_without_chunking(dovecot, tag):
    path = f"/tmp/culver-lmtp-{os.getpid()}"
    body = ".\r\n..x\r\n.x\r\n"
    with FakeLmtp(path, extensions=("PIPELINING", "8BITMIME")) as fake, \
            Culver(dovecot, dovecot_lmtp=path) as culver:
        assert culver.send(message(tag, body)).code == 250
        assert fake.received[0][1].endswith(b"\r\n\r\n" + body.encode())
        assert "DATA" in fake.lines


def test_connections_are_kept_and_few(culver, fake):
    with culver.smtp() as client:
        client.ehlo()
        for _ in range(30):
            client.mail()
            client.rcpt("alice@example.com")
            assert client.data(message()).code == 250
    assert len(fake.received) == 30
    assert fake.connections <= 4


@pytest.mark.parametrize("reply, code, status", [
    ("550 5.7.1 Not this one", 550, "5.7.1"),
    ("552 5.2.2 <alice@example.com> Quota exceeded (mailbox is full)", 552,
     "5.2.2"),
    ("554 5.6.0 Strange", 554, "5.6.0"),
    ("550 No enhanced code", 550, "5."),
])
def test_refused_by_all_is_the_clients_news(culver, fake, reply, code,
                                            status):
    """Dovecot's text as our 5xx: no bounce."""
    fake.on_message = lambda recipient: reply
    answer = culver.send(message())
    assert answer.code == code
    assert answer.status.startswith(status)
    assert reply.split(" ", 1)[1].split(" ")[-1] in answer.text
    assert culver.queue_size() == 0
    time.sleep(1.5)
    assert len(fake.attempts) == 1, "a refusal is not tried again"


def test_refused_at_rcpt(culver, fake):
    fake.on_rcpt = lambda recipient: "550 5.1.1 Not known at this hour"
    assert culver.send(message()).code == 550
    assert culver.queue_size() == 0


def test_all_refuse_several_recipients(culver, fake):
    fake.on_message = lambda recipient: "552 5.2.2 Full"
    reply = culver.send(message(), ["alice@example.com", "bob@example.com"])
    assert reply.code == 552
    assert culver.queue_size() == 0


# --- later ---------------------------------------------------------------------------


def test_temporary_refusal_is_queued_and_tried_again(culver, fake, tag):
    answers = iter(["452 4.2.2 Full for now", "451 4.2.0 Locked"])
    fake.on_message = lambda recipient: next(answers, "250 2.0.0 Saved")
    assert culver.send(message(tag)).code == 250
    assert culver.queue_size() == 1
    wait_received(fake, 1)
    wait_empty(culver)
    assert len(fake.attempts) == 3
    # What was delivered at last is what came.
    first, last = fake.attempts[0][1], fake.attempts[-1][1]
    assert first == last


def test_mixed_answers(culver, dovecot, fake, tag):
    """250, 452 and 550: one is done, one waits, one is reported."""
    alice_is_full = True

    def answer(recipient):
        if recipient.startswith("bob"):
            return "550 5.7.1 No"
        if recipient.startswith("carol") and alice_is_full:
            return "452 4.2.2 Not now"
        return "250 2.0.0 Saved"
    fake.on_message = answer
    reply = culver.send(message(tag), [
        "alice@example.com", "bob@example.com", "carol@example.com"],
        sender="postmaster@example.com")
    assert reply.code == 250
    wait_for(lambda: culver.queue_size() <= 2, 5)
    wait_for(lambda: "postmaster@example.com" in recipients(fake.received),
             15, "the report")
    assert recipients(fake.received).count("alice@example.com") == 1
    assert "bob@example.com" not in recipients(fake.received)
    alice_is_full = False
    wait_for(lambda: "carol@example.com" in recipients(fake.received), 10)
    wait_empty(culver)
    report = next(c for r, c in fake.received
                  if r == "postmaster@example.com")
    check_report(report, "bob@example.com", "5.7.1", tag)
    assert recipients(fake.received).count("alice@example.com") == 1


def check_report(content, recipient, status, tag):
    """RFC 3464 and RFC 6522, read by Python's own parser."""
    report = email.message_from_bytes(content, policy=email.policy.default)
    assert not report.defects
    assert report.get_content_type() == "multipart/report"
    assert report["Content-Type"].params["report-type"] == "delivery-status"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["Subject"] and report["Date"] and report["Message-ID"]
    assert "postmaster@example.com" in report["To"]
    human, machine, original = list(report.iter_parts())
    assert human.get_content_type() == "text/plain"
    first = human.get_content().strip().split("\n\n")[0]
    assert first.rstrip().endswith((".", ":"))
    assert recipient in human.get_content()
    assert machine.get_content_type() == "message/delivery-status"
    about_message, about_recipient = machine.get_payload()
    assert about_message["Reporting-MTA"] == "dns; mx.test"
    assert about_message["Arrival-Date"]
    assert about_recipient["Final-Recipient"] == f"rfc822; {recipient}" or \
        about_recipient["Final-Recipient"] == f"rfc822;{recipient}"
    assert about_recipient["Action"] == "failed"
    assert about_recipient["Status"] == status
    assert about_recipient["Diagnostic-Code"].startswith("smtp")
    assert original.get_content_type() in ("text/rfc822-headers",
                                           "message/rfc822")
    assert tag in original.as_string()
    for line in content.split(b"\r\n"):
        assert len(line) <= 998 and b"\n" not in line and b"\r" not in line
    return report


def test_late_refusal_is_reported(culver, fake, tag):
    """A 250 was said; what Dovecot refuses afterwards is reported, with the
    null sender."""
    answers = iter(["451 4.2.0 Later"])
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient.startswith("postmaster") \
        else next(answers, "550 5.2.1 Closed")
    reply = culver.send(message(tag, extra="X-Secret: none\r\n"),
                        sender="postmaster@example.com")
    assert reply.code == 250
    wait_received(fake, 1)
    assert recipients(fake.received) == ["postmaster@example.com"]
    check_report(fake.received[0][1], "alice@example.com", "5.2.1", tag)
    assert [l for l in fake.lines if l.startswith("MAIL FROM:<>")]
    wait_empty(culver)


def test_envid_and_orcpt_are_in_the_report(culver, fake, tag):
    """RFC 3464 2.2.1 and 2.3.1."""
    answers = iter(["451 4.2.0 Later"])
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient.startswith("postmaster") \
        else next(answers, "550 5.2.1 Closed")
    with culver.smtp() as client:
        client.ehlo()
        client.mail("postmaster@example.com", " ENVID=QQ+2B314 RET=FULL")
        client.command("RCPT TO:<alice@example.com> NOTIFY=FAILURE "
                       "ORCPT=rfc822;al+2Bias@old.test", 250)
        assert client.data(message(tag, "the whole letter\r\n")).code == 250
    wait_received(fake, 1)
    report = check_report(fake.received[0][1], "alice@example.com", "5.2.1",
                          tag)
    about_message, about_recipient = \
        list(report.iter_parts())[1].get_payload()
    assert about_message["Original-Envelope-Id"] == "QQ+314"
    assert about_recipient["Original-Recipient"].replace(" ", "") == \
        "rfc822;al+ias@old.test"
    assert b"the whole letter" in fake.received[0][1], "RET=FULL"


@pytest.mark.parametrize("sender, notify", [
    ("", ""), ("postmaster@example.com", " NOTIFY=NEVER"),
    ("postmaster@example.com", " NOTIFY=DELAY")])
def test_no_report(culver, fake, sender, notify):
    """To the null sender, or where the sender wants none."""
    answers = iter(["451 4.2.0 Later"])
    fake.on_message = lambda recipient: next(answers, "550 5.2.1 Closed")
    with culver.smtp() as client:
        client.ehlo()
        client.mail(sender)
        client.command(f"RCPT TO:<alice@example.com>{notify}", 250)
        assert client.data(message()).code == 250
    wait_for(lambda: len(fake.attempts) == 2, 10)
    wait_empty(culver)
    time.sleep(1.5)
    assert len(fake.attempts) == 2
    assert fake.received == []


def test_report_to_a_remote_sender(culver, fake):
    """It goes outside, and waits there while nobody can be asked where to."""
    answers = iter(["451 4.2.0 Later"])
    fake.on_message = lambda recipient: next(answers, "550 5.2.1 Closed")
    assert culver.send(message(), sender="a@elsewhere.test").code == 250
    wait_for(lambda: len(fake.attempts) == 2, 10)
    wait_for(lambda: culver.queue_size(
        "kind = 2 AND address = 'a@elsewhere.test'") == 1, 10, "the report")


def test_lifetime_ends(dovecot, fake, tag):
    """After queue_lifetime the sender hears of it. Its least value is 60 s:
    the arrival is moved back instead of waiting."""
    import sqlite3
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient.startswith("postmaster") else "451 4.2.0 Never"
    with Culver(dovecot, dovecot_lmtp=fake.path, queue_lifetime="60s",
                retry_first="2s", retry_longest="2s") as culver:
        assert culver.send(message(tag),
                           sender="postmaster@example.com").code == 250
        culver.stop()
        with sqlite3.connect(f"{culver.state}/queue.db") as db:
            db.execute("UPDATE message SET arrived = arrived - 120")
        db.close()
        culver.start()
        wait_received(fake, 1)
        check_report(fake.received[0][1], "alice@example.com", "4.2.0", tag)
        wait_empty(culver)


# --- Dovecot in trouble ----------------------------------------------------------------


def test_end_of_connection_after_the_dot(culver, fake, tag):
    """No answer at all: the message is queued, and a second copy is better
    than none."""
    answers = iter([CLOSE])
    fake.on_message = lambda recipient: next(answers, "250 2.0.0 Saved")
    assert culver.send(message(tag)).code == 250
    wait_received(fake, 1)
    wait_empty(culver)
    assert len(fake.attempts) == 2


def test_end_of_connection_at_rcpt(culver, fake):
    answers = iter([CLOSE])
    fake.on_rcpt = lambda recipient: next(answers, "250 2.1.5 OK")
    assert culver.send(message()).code == 250
    wait_received(fake, 1)


def test_lmtp_hangs_after_the_dot(culver, fake, tag):
    """The client is answered after in_session_timeout; the transaction that
    is open decides: no second copy."""
    fake.on_message = lambda recipient: HANG
    begin = time.monotonic()
    assert culver.send(message(tag)).code == 250
    assert 1.5 < time.monotonic() - begin < 6
    assert culver.queue_size() == 1
    time.sleep(2.5)  # longer than the first retry
    assert len(fake.attempts) == 1, "it was sent while still open"
    fake.release()
    wait_empty(culver)
    assert len(fake.received) == 1 and len(fake.attempts) == 1


def test_lmtp_gives_no_greeting(dovecot, fake):
    """Dovecot's connection 101: accepted, and silence."""
    fake.greeting = HANG
    with Culver(dovecot, dovecot_lmtp=fake.path,
                in_session_timeout="2s") as culver:
        begin = time.monotonic()
        assert culver.send(message()).code == 250
        assert time.monotonic() - begin < 6
        assert culver.queue_size() == 1


def test_lmtp_speaks_nonsense(dovecot, fake):
    fake.greeting = "hello there\r\nwhat is this"
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_timeout="2s",
                retry_longest="2s") as culver:
        assert culver.send(message()).code == 250
        assert culver.queue_size() == 1
        fake.greeting = "220 fake.test LMTP"
        wait_received(fake, 1, timeout=25)


def test_lmtp_sends_an_endless_line(culver, fake):
    fake.on_message = lambda recipient: "250 2.0.0 " + "x" * 3_000_000
    reply = culver.send(message())
    assert reply.code == 250
    with culver.smtp() as client:
        client.ehlo()
        client.quit()


@pytest.mark.timeout(180)
def test_dovecot_stopped_meanwhile(own_dovecot, tag):
    """Dovecot stops after RCPT: 250 from the queue, delivered when it is
    back."""
    with Culver(own_dovecot, retry_longest="2s") as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("alice@example.com")
            own_dovecot.stop()
            assert client.data(message(tag)).code == 250
        assert culver.queue_size() == 1
        own_dovecot.start()
        found = delivered(own_dovecot, "alice@example.com", tag, timeout=20)
        assert len(found) == 1
        wait_empty(culver)


def test_dovecot_frozen_meanwhile(own_dovecot, tag):
    with Culver(own_dovecot, in_session_timeout="2s") as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("alice@example.com")
            client.command("NOOP", 250)
            own_dovecot.freeze("lmtp", "auth")
            assert client.data(message(tag)).code == 250
            assert culver.queue_size() == 1
            own_dovecot.thaw()
        found = delivered(own_dovecot, "alice@example.com", tag, timeout=20)
        wait_empty(culver)
        found = delivered(own_dovecot, "alice@example.com", tag)
        assert len(found) == 1


def test_dovecot_restarts_under_mail(own_dovecot, tag):
    with Culver(own_dovecot, retry_longest="2s") as culver:
        accepted = 0
        for number in range(30):
            if number in (10, 20):
                own_dovecot.restart()
            try:
                with culver.smtp() as client:
                    client.ehlo()
                    client.mail()
                    reply = client.command("RCPT TO:<alice@example.com>")
                    assert reply.code in (250, 451), str(reply)
                    if reply.code == 250:
                        accepted += client.data(message(tag)).code == 250
            except OSError as trouble:
                raise AssertionError("a session was dropped") from trouble
        assert accepted >= 20
        wait_empty(culver)
        found = delivered(own_dovecot, "alice@example.com", tag,
                          count=accepted)
        assert len(found) == accepted


def test_without_in_session_delivery(dovecot, fake, tag):
    with Culver(dovecot, dovecot_lmtp=fake.path,
                in_session_delivery="no") as culver:
        fake.on_message = lambda recipient: "451 4.2.0 Wait"
        assert culver.send(message(tag)).code == 250
        assert culver.queue_size() == 1
        fake.on_message = lambda recipient: "250 2.0.0 Saved"
        wait_received(fake, 1)
        wait_empty(culver)


@pytest.mark.parametrize("size", [1000, 200_000, 3_000_000])
def test_sizes_through_the_queue(culver, fake, tag, size):
    """In the database, in a file beside it, by way of a spool file: the same
    octets come out, also after a restart."""
    body = "".join(f"{n:08d} {tag}\r\n" for n in range(size // 30))
    content = message(tag, body)
    fake.on_message = lambda recipient: "451 4.2.0 Wait"
    assert culver.send(content).code == 250
    culver.stop()
    culver.start()
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    wait_received(fake, 1)
    assert fake.received[0][1].endswith(content)
    wait_empty(culver)
    left = [os.path.join(where, name)
            for where, _, names in os.walk(culver.state) for name in names
            if not name.startswith("queue.db")]
    wait_for(lambda: not any(map(os.path.exists, left)), 5,
             f"the end of {left}")


def test_restart_keeps_the_queue(culver, fake, tag):
    fake.on_message = lambda recipient: "451 4.2.0 Wait"
    for _ in range(20):
        assert culver.send(message(tag)).code == 250
    culver.stop()
    assert culver.queue_size() == 20
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    culver.start()
    wait_received(fake, 20)
    wait_empty(culver)


def test_the_end_is_no_attempt(dovecot, fake, tag):
    """SIGTERM while much waits: none of it counts as tried in vain."""
    def slowly(_):
        time.sleep(0.02)
        return "250 2.0.0 Saved"
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_delivery="no",
                retry_first="1h") as culver:
        fake.on_message = lambda recipient: HANG
        with culver.smtp() as client:
            client.ehlo()
            for _ in range(400):
                client.mail()
                client.rcpt("alice@example.com")
                assert client.data(message(tag)).code == 250
        wait_for(lambda: len(fake.attempts) >= 4, 10, "attempts")
        fake.on_message = slowly
        culver.process.terminate()
        fake.release()
        assert culver.process.wait(20) == 0
        culver.process = None
        assert culver.queue_size() > 20
        assert culver.queue_size("attempts > 0") == 0
        culver.start()
        wait_empty(culver, 60)
        assert len(fake.received) == 400


def test_queue_lists_it(culver, fake):
    fake.on_message = lambda recipient: "452 4.2.2 Mailbox has no room today"
    assert culver.ctl("queue").returncode == 0
    assert culver.send(message(), ["alice@example.com", "bob@example.com"],
                       sender="someone@client.test").code == 250
    out = culver.ctl("queue").stdout
    assert "alice@example.com" in out and "bob@example.com" in out
    assert "someone@client.test" in out
    assert "no room today" in out
    import json
    listed = [json.loads(line) for line
              in culver.ctl("--json", "queue").stdout.splitlines()]
    text = [json.dumps(entry) for entry in listed]
    assert sum("alice@example.com" in t and "no room today" in t
               for t in text) == 1
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    wait_received(fake, 2)
    wait_empty(culver)
    out = culver.ctl("queue").stdout
    assert "alice@example.com" not in out


def test_queue_is_inspectable(culver, fake):
    """With sqlite3 alone."""
    fake.on_message = lambda recipient: "452 4.2.2 Full"
    culver.send(message())
    command = ["sqlite3", "-readonly", f"{culver.state}/queue.db",
               "SELECT address, reason FROM queue"]
    done = subprocess.run(
        as_nobody(command) if culver.owner is not None else command,
        check=True, capture_output=True, text=True)
    assert re.search(r"alice@example\.com\|.*Full", done.stdout)


def test_alias_targets_are_not_told(dovecot, fake, tag):
    """A report names the recipient as the sender did."""
    answers = iter(["451 4.2.0 Later"])
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient.startswith("postmaster") \
        else next(answers, "550 5.2.1 Closed")
    with Culver(dovecot, dovecot_lmtp=fake.path, retry_first="1s",
                aliases={"example.com": "desk: carol\n"}) as culver:
        assert culver.send(message(tag), ["desk@example.com"],
                           sender="postmaster@example.com").code == 250
        wait_received(fake, 1)
        content = fake.received[0][1]
        assert b"desk@example.com" in content
        assert b"carol" not in content
