"""What senders are told (RFC 3461, RFC 3464, RFC 6533), read by Python's own
parser."""

import email
import email.policy
import email.utils
import os
import re
import time

import pytest

from culver import Culver, wait_for
from lmtp import FakeLmtp
from smtp import message

SENDER = "postmaster@example.com"
DATES = ("Arrival-Date", "Last-Attempt-Date", "Will-Retry-Until")


@pytest.fixture
def fake(dovecot):
    with FakeLmtp(f"/tmp/culver-lmtp-{os.getpid()}") as server:
        yield server


@pytest.fixture
def culver(dovecot, fake):
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_timeout="2s",
                retry_first="1s", retry_longest="1s") as server:
        yield server


class Report:
    """Its parts, once everything RFC 3464 and RFC 6522 ask for is there."""

    def __init__(self, content, is_utf8=False):
        self.whole = email.message_from_bytes(content,
                                              policy=email.policy.default)
        kind = "global-" if is_utf8 else ""
        assert not self.whole.defects
        assert self.whole.get_content_type() == "multipart/report"
        assert self.whole["Content-Type"].params["report-type"] == \
            "delivery-status"
        assert self.whole["Auto-Submitted"] == "auto-replied"
        assert self.whole["From"] and self.whole["To"]
        assert self.whole["Message-ID"] and self.whole["Date"].datetime
        human, machine, *original = self.whole.iter_parts()
        assert human.get_content_type() == "text/plain"
        self.words = human.get_content().replace("\r\n", "\n")
        assert machine.get_content_type() == f"message/{kind}delivery-status"
        if is_utf8:
            text = machine.get_payload()[0].as_bytes() \
                if machine.is_multipart() else \
                machine.get_payload(decode=True)
            groups = [email.message_from_string(
                part, policy=email.policy.default) for part in
                text.decode().replace("\r\n", "\n").strip().split("\n\n")]
        else:
            groups = machine.get_payload()
        self.about, *self.recipients = groups
        assert self.about["Reporting-MTA"] == "dns; mx.test"
        self.check_fields()
        self.original, = original
        for line in content.split(b"\r\n"):
            assert len(line) <= 998 and b"\n" not in line and b"\r" not in line

    def check_fields(self):
        assert self.about["Arrival-Date"] and self.recipients
        for group in [self.about, *self.recipients]:
            for date in DATES:
                assert group[date] is None or \
                    email.utils.parsedate_to_datetime(group[date])
        for group in self.recipients:
            assert re.match(r"(rfc822|utf-8); *\S+@\S+$",
                            group["Final-Recipient"])
            assert group["Action"] in ("failed", "delayed", "delivered",
                                       "relayed", "expanded")
            assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", group["Status"])

    @property
    def sentence(self):
        return " ".join(self.words.split("\n\n")[0].split())


def reports(fake):
    return [content for recipient, content in list(fake.received)
            if recipient == SENDER]


def wait_report(fake, **how):
    wait_for(lambda: reports(fake), 15, "a report")
    return Report(reports(fake)[0], **how)


def refuse(fake, reply, first=None):
    """That reply to all but the reports; first: to the session."""
    answers = iter([first] if first else [])
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient == SENDER else next(answers, reply)


def send(culver, content, *, mail="", rcpt="", recipient="alice@example.com"):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(SENDER, mail)
        client.command(f"RCPT TO:<{recipient}>{rcpt}", 250)
        assert client.data(content).code == 250


# --- what became of it ---------------------------------------------------------------


def test_failed(culver, fake, tag):
    refuse(fake, "552-5.2.2 The mailbox\r\n552 5.2.2 is full", "451 4.2.0 Later")
    send(culver, message(tag))
    report = wait_report(fake)
    assert report.whole["Subject"] == "Your message was not delivered"
    assert report.sentence == \
        "Your message could not be delivered to this recipient:"
    lines = report.words.split("\n")
    about = lines.index("  alice@example.com")
    assert lines[about + 1] == "    The mailbox is full."
    assert "552 5.2.2 The mailbox" in lines[about + 2]
    recipient, = report.recipients
    assert recipient["Action"] == "failed" and recipient["Status"] == "5.2.2"
    assert recipient["Diagnostic-Code"].startswith("smtp; 552 5.2.2")
    assert "is full" in recipient["Diagnostic-Code"]
    assert recipient["Final-Recipient"] == "rfc822; alice@example.com"
    assert fake.lines.count("MAIL FROM:<>") or \
        [l for l in fake.lines if l.startswith("MAIL FROM:<> ")]


def test_delayed(dovecot, fake, tag):
    """Once, and not where the sender does not want to know."""
    refuse(fake, "451 4.3.2 Not today")
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_timeout="2s",
                retry_first="1s", retry_longest="1s",
                queue_warn_after="2s") as culver:
        send(culver, message(tag, "the letter\r\n"), mail=" RET=FULL")
        send(culver, message(), rcpt=" NOTIFY=FAILURE",
             recipient="bob@example.com")
        send(culver, message(), rcpt=" NOTIFY=FAILURE,DELAY",
             recipient="carol@example.com")
        wait_for(lambda: len(reports(fake)) == 2, 15, "reports")
        time.sleep(3)
        assert len(reports(fake)) == 2
        both = [Report(content) for content in reports(fake)]
        assert sorted(r.recipients[0]["Final-Recipient"] for r in both) == \
            ["rfc822; alice@example.com", "rfc822; carol@example.com"]
        for report in both:
            recipient, = report.recipients
            assert recipient["Action"] == "delayed"
            assert recipient["Status"] == "4.3.2"
            assert recipient["Will-Retry-Until"]
            assert "Not today" in recipient["Diagnostic-Code"]
            assert report.whole["Subject"] == "Your message is delayed"
            assert "You need not send it again" in report.words
            assert report.original.get_content_type() == \
                "text/rfc822-headers", "RFC 3461 4.3"
        assert culver.queue_size() == 3


@pytest.mark.parametrize("first", ["250 2.0.0 Saved", "451 4.2.0 Later"])
def test_delivered(culver, fake, tag, first):
    """NOTIFY=SUCCESS, from the session and from the queue."""
    refuse(fake, "250 2.0.0 Saved", first)
    send(culver, message(tag), rcpt=" NOTIFY=SUCCESS,FAILURE")
    report = wait_report(fake)
    recipient, = report.recipients
    assert recipient["Action"] == "delivered"
    assert recipient["Status"].startswith("2.")
    assert report.whole["Subject"] == "Your message was delivered"
    assert report.sentence == "Your message was delivered to this recipient:"
    assert report.original.get_content_type() == "text/rfc822-headers"
    wait_for(lambda: culver.queue_size() == 0, 10)
    assert len(reports(fake)) == 1


def test_several(culver, fake, tag):
    """What failed together is told together."""
    refuse(fake, "550 5.7.1 No")
    later = iter(["451 4.2.0 Later"] * 3)
    refused = fake.on_message
    fake.on_message = lambda recipient: refused(recipient) \
        if recipient == SENDER else next(later, "550 5.7.1 No")
    names = ["alice@example.com", "bob@example.com", "carol@example.com"]
    with culver.smtp() as client:
        client.ehlo()
        client.mail(SENDER)
        client.rcpt(*names)
        assert client.data(message(tag)).code == 250
    wait_for(lambda: sum(len(Report(c).recipients)
                         for c in reports(fake)) == 3, 15, "reports")
    told = [r["Final-Recipient"].split()[1] for c in reports(fake)
            for r in Report(c).recipients]
    assert sorted(told) == names


# --- the parameters --------------------------------------------------------------------


def test_envid_and_orcpt(culver, fake, tag):
    refuse(fake, "550 5.1.1 Gone", "451 4.2.0 Later")
    send(culver, message(tag), mail=" ENVID=QQ+2B314+3D",
         rcpt=" ORCPT=rfc822;al+2Bice@old.test")
    report = wait_report(fake)
    assert report.about["Original-Envelope-Id"] == "QQ+314="
    assert report.recipients[0]["Original-Recipient"] == \
        "rfc822; al+ice@old.test"


@pytest.mark.parametrize("ret, octets, is_whole", [
    ("", 100, True), (" RET=FULL", 100, True), (" RET=HDRS", 100, False),
    (" RET=FULL", 70000, False), ("", 70000, False)])
def test_what_comes_back(culver, fake, tag, ret, octets, is_whole):
    refuse(fake, "550 5.7.1 No", "451 4.2.0 Later")
    body = ("the letter " * 6 + "\r\n") * (octets // 68 + 1)
    send(culver, message(tag, body), mail=ret)
    report = wait_report(fake)
    assert report.original.get_content_type() == \
        ("message/rfc822" if is_whole else "text/rfc822-headers")
    assert tag in report.original.as_string()
    assert ("the letter" in report.original.as_string()) == is_whole


# --- what a server says is not to be trusted ---------------------------------------------


@pytest.mark.parametrize("reply", [
    "550 5.7.1 a\x1b[2Jb\x07c", "550 5.7.1 " + "long " * 300,
    "550 5.7.1 --=_culver_report_0", "550 5.7.1 \xff\xfe",
    "550-5.7.1 \r\n550-5.7.1 Action: delivered\r\n550 5.7.1 x",
    "550 5.7.1 " + "x" * 900])
def test_hostile_replies(culver, fake, tag, reply):
    refuse(fake, reply, "451 4.2.0 Later")
    send(culver, message(tag))
    wait_for(lambda: reports(fake), 15, "a report")
    content = reports(fake)[0]
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", content)
    report = Report(content)
    assert [r["Action"] for r in report.recipients] == ["failed"]
    assert report.recipients[0]["Status"] == "5.7.1"


# --- beyond ASCII ------------------------------------------------------------------------


def test_utf8(culver, fake, tag):
    """RFC 6533: of a message that needed SMTPUTF8."""
    refuse(fake, "550 5.7.1 Nö", "451 4.2.0 Later")
    with culver.smtp() as client:
        client.ehlo()
        reply = client.command(f"MAIL FROM:<{SENDER}> SMTPUTF8 BODY=8BITMIME")
        if reply.code != 250:
            pytest.skip(f"no SMTPUTF8 here: {reply}")
        client.command("RCPT TO:<alice@example.com>", 250)
        content = message(tag, extra="X-Name: Ömer\r\n")
        assert client.data(content).code == 250
    report = wait_report(fake, is_utf8=True)
    assert report.recipients[0]["Status"] == "5.7.1"
    assert report.original.get_content_type() == "message/global"
