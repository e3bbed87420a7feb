"""Mail to and from a server of another make, Debian's Postfix."""

import email
import email.policy
import re

import pytest

import postfix as other_server
from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from postfix import DOMAIN, HOSTNAME, Postfix
from smtp import message

ADDRESS = "127.0.0.31"
RECORDS = {f"{DOMAIN} MX": [f"10 {HOSTNAME}"], f"{HOSTNAME} A": [ADDRESS]}

pytestmark = [
    pytest.mark.skipif(bool(other_server.why_not()),
                       reason=other_server.why_not()),
    pytest.mark.xdist_group("postfix"),
]


@pytest.fixture(scope="module")
def world(dovecot):
    """Each is told where the other is."""
    port = free_port()
    with Dns(RECORDS) as dns, \
            Culver(dovecot, certificates=("mx.example.com",),
                   hostname="mx.example.com", outbound_port=str(port),
                   outbound_loopback="yes", retry_longest="2s",
                   aliases={"example.com": f"out: user@{DOMAIN}\n"
                                        f"astray: nobody@{DOMAIN}\n"},
                   **dns.settings()) as culver, \
            Postfix(ADDRESS, port, culver.port) as postfix:
        yield culver, postfix


@pytest.fixture
def culver(world):
    return world[0]


@pytest.fixture
def postfix(world):
    return world[1]


def submit(culver, content, *recipients, mail="", rcpt=""):
    with culver.submission("alice@example.com") as client:
        client.mail("alice@example.com", mail)
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>{rcpt}", 250)
        reply = client.data(content)
        assert reply.code == 250, str(reply)


def inject(postfix, content, recipient, sender=f"user@{DOMAIN}", mail="",
           rcpt=""):
    with postfix.smtp() as client:
        client.ehlo()
        client.mail(sender, mail)
        client.command(f"RCPT TO:<{recipient}>{rcpt}", 250)
        assert client.data(content).code == 250


def arrived(postfix, tag, user="user"):
    """The one message with the tag, at Postfix's."""
    def found():
        return [m for m in postfix.messages(user) if tag.encode() in m]
    try:
        first, = wait_for(found, 20, f"{tag} at Postfix's")
    except AssertionError:
        print(postfix.log())
        raise
    return first.replace(b"\n", b"\r\n")


def at_alice(dovecot, tag, count=1):
    found = delivered(dovecot, "alice@example.com", tag, 20, count)
    assert len(found) == count
    return found[0]


def body_of(content):
    return content.partition(b"\r\n\r\n")[2]


def fields_of(report):
    """The fields of the only recipient, and of the message, of a report."""
    whole = email.message_from_bytes(report, policy=email.policy.default)
    assert whole.get_content_type() == "multipart/report"
    about, recipient = list(whole.iter_parts())[1].get_payload()
    return recipient, about


# --- to Postfix ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    "A letter.\r\n", ".\r\n..dots\r\n.\r\n", "Grüße, 漢字\r\n" * 100,
    "\r\n" * 3 + "x" * 990 + "\r\n", "0123456789abcde\r\n" * 200000],
    ids=["short", "dots", "8 bit", "long line", "3 MB"])
def test_to_postfix(culver, postfix, tag, body):
    submit(culver, message(tag, body), f"user@{DOMAIN}", mail=" BODY=8BITMIME")
    content = arrived(postfix, tag)
    assert body_of(content) == body.encode()
    assert content.startswith(b"Return-Path: <alice@example.com>")
    head = content.partition(b"\r\n\r\n")[0]
    assert re.search(rb"Received: from mx.example.com .*\r\n.*TLSv1.3", head)
    assert re.search(r"delivered .*host=mx.post.example address=127.0.0.31 "
                     r"tls=TLSv1.3", culver.log())


def test_several_to_postfix(culver, dovecot, postfix, tag):
    """One message: to those who exist it goes, of the others comes a report."""
    submit(culver, message(tag), f"user@{DOMAIN}", f"nobody@{DOMAIN}",
           f"other@{DOMAIN}")
    for user in ("user", "other"):
        arrived(postfix, tag, user)
    recipient, _ = fields_of(at_alice(dovecot, tag))
    assert recipient["Final-Recipient"] == f"rfc822; nobody@{DOMAIN}"


def test_postfix_refuses(culver, dovecot, postfix, tag):
    submit(culver, message(tag), f"nobody@{DOMAIN}")
    recipient, about = fields_of(at_alice(dovecot, tag))
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert recipient["Final-Recipient"] == f"rfc822; nobody@{DOMAIN}"
    assert "User unknown in virtual mailbox table" in \
        recipient["Diagnostic-Code"]
    assert recipient["Remote-MTA"] == f"dns; {HOSTNAME}"
    assert about["Reporting-MTA"] == "dns; mx.example.com"
    assert len(delivered(dovecot, "alice@example.com", tag)) == 1


def test_success_is_told_by_postfix(culver, dovecot, postfix, tag):
    """The wish goes over, with its parameters, and the report comes back."""
    submit(culver, message(tag), f"user@{DOMAIN}", mail=" RET=HDRS ENVID=e1",
           rcpt=f" NOTIFY=SUCCESS ORCPT=rfc822;first@{DOMAIN}")
    recipient, about = fields_of(at_alice(dovecot, tag))
    assert recipient["Action"] == "delivered"
    assert recipient["Original-Recipient"] == f"rfc822;first@{DOMAIN}"
    assert about["Original-Envelope-Id"] == "e1"
    assert HOSTNAME in about["Reporting-MTA"]


def test_smtputf8(culver, postfix, tag):
    content = message(tag, extra="X-Name: Ömer\r\n")
    submit(culver, content, f"user@{DOMAIN}", mail=" SMTPUTF8 BODY=8BITMIME")
    content = arrived(postfix, tag)
    assert "X-Name: Ömer".encode() in content
    assert b"UTF8SMTPS" in content


# --- from Postfix ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    "A letter.\r\n", ".\r\n..dots\r\n.\r\n", "Grüße, 漢字\r\n" * 100,
    "0123456789abcde\r\n" * 200000], ids=["short", "dots", "8 bit", "3 MB"])
def test_from_postfix(culver, dovecot, postfix, tag, body):
    inject(postfix, message(tag, body), "alice@example.com",
           mail=" BODY=8BITMIME")
    content = at_alice(dovecot, tag)
    assert body_of(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) \
        == body.encode()
    assert b"TLS" in content and HOSTNAME.encode() in content
    wait_for(lambda: postfix.queued() == 0, 10, "Postfix's empty queue")


def test_postfix_is_refused(culver, postfix, tag):
    """Its own report of what Culver said is in its user's mailbox."""
    inject(postfix, message(tag), "nobody@example.com")
    recipient, _ = fields_of(arrived(postfix, tag))
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert "550 5.1.1" in recipient["Diagnostic-Code"]


def test_success_is_told_to_postfix(culver, dovecot, postfix, tag):
    inject(postfix, message(tag), "alice@example.com", rcpt=" NOTIFY=SUCCESS")
    at_alice(dovecot, tag)
    recipient, about = fields_of(arrived(postfix, tag))
    assert recipient["Action"] == "delivered"
    assert about["Reporting-MTA"] == "dns; mx.example.com"


# --- there and back -----------------------------------------------------------------------


def test_round_trip(culver, dovecot, postfix, tag):
    """An alias there leads back to the sender."""
    submit(culver, message(tag), f"back@{DOMAIN}")
    content = at_alice(dovecot, tag)
    assert content.count(b"Received: ") >= 3


def test_round_trip_from_postfix(culver, postfix, tag):
    """An alias here leads there."""
    inject(postfix, message(tag), "out@example.com", sender=f"other@{DOMAIN}")
    content = arrived(postfix, tag)
    assert re.match(rb"Return-Path: <SRS0=\S+=post.example=other@example.com>",
                    content)


def test_a_report_finds_the_way_back(culver, postfix, tag):
    """From there to an alias here, which leads to nobody there."""
    inject(postfix, message(tag), "astray@example.com",
           sender=f"other@{DOMAIN}")
    report = arrived(postfix, tag, "other")
    recipient, _ = fields_of(report)
    assert recipient["Final-Recipient"] == "rfc822; astray@example.com"
    assert recipient["Status"] == "5.1.1"
    assert f"nobody@{DOMAIN}".encode() not in report
