"""What a user here is told of what servers elsewhere said, and what the
operator sees meanwhile."""

import json
import time

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from server import ALL, Server
from smtp import message
from test_reports import Report

ALICE, HOST = "alice@example.com", "mx.far.example"
RECORDS = {"far.example MX": [f"10 {HOST}"], f"{HOST} A": ["127.0.0.61"],
           "null.example MX": ["0 ."]}


@pytest.fixture(scope="module")
def world(dovecot):
    port = free_port()
    with Dns(RECORDS) as dns, Server("127.0.0.61", port) as far, \
            Culver(dovecot, outbound_port=str(port), outbound_loopback="yes",
                   retry_longest="1s", **dns.settings()) as culver:
        yield culver, far


@pytest.fixture
def culver(world):
    return world[0]


@pytest.fixture
def far(world):
    """As if nobody had told it anything."""
    server = world[1]
    yield server
    server.extensions = ALL
    server.on_command = lambda verb, line: None
    server.on_rcpt = lambda address: None
    server.on_message = lambda envelope: None


def submit(culver, content, *recipients, sender=ALICE, rcpt=""):
    with culver.submission(ALICE) as client:
        client.mail(sender)
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>{rcpt}", 250)
        reply = client.data(content)
        assert reply.code == 250, str(reply)


def the_report(culver, dovecot, tag):
    """The only one."""
    found = delivered(dovecot, ALICE, tag, 20)
    assert found, "no report"
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")
    time.sleep(0.3)
    only, = delivered(dovecot, ALICE, tag)
    return Report(only.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def check(report, address, status, code, text):
    recipient, = report.recipients
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == status
    assert recipient["Final-Recipient"] == f"rfc822; {address}"
    assert recipient["Remote-MTA"] == f"dns; {HOST}"
    assert recipient["Diagnostic-Code"].startswith(f"smtp; {code}")
    assert text in recipient["Diagnostic-Code"]
    assert f"  {address}\n" in report.words
    assert text in report.words
    assert report.whole["To"].addresses[0].addr_spec == ALICE


@pytest.mark.parametrize("reply, status", [
    ("550 5.1.1 No such user here", "5.1.1"),
    ("552 5.2.2 That mailbox is full", "5.2.2"),
    ("554 5.7.1 Spam is not taken", "5.7.1"),
    ("550 It has no enhanced code", "5.0.0")])
@pytest.mark.parametrize("where", ["RCPT", "content"])
def test_refused(culver, dovecot, far, tag, where, reply, status):
    if where == "RCPT":
        far.on_rcpt = lambda address: reply
    else:
        far.on_message = lambda envelope: reply
    address = "someone@far.example"
    submit(culver, message(tag, sender=ALICE), address)
    code, text = reply[:3], reply.partition(" ")[2].lstrip("0123456789. ")
    report = the_report(culver, dovecot, tag)
    check(report, address, status, code, text)
    assert tag in report.original.as_string()
    assert not [c for c in far.contents() if tag.encode() in c]


def test_some_are_refused(culver, dovecot, far, tag):
    """The report is of those only, and the others have the message once."""
    far.on_rcpt = lambda address: \
        "550 5.1.1 Who?" if address.startswith("bad") else None
    submit(culver, message(tag), "good1@far.example", "bad@far.example",
           "good2@far.example")
    check(the_report(culver, dovecot, tag), "bad@far.example", "5.1.1", "550",
          "Who?")
    # One transaction, or two when the first was ready before the others came.
    envelopes = [e for e in far.received if tag.encode() in e.content]
    assert sorted(name for e in envelopes for name in e.recipients) == \
        ["good1@far.example", "good2@far.example"]


def test_several_are_refused(culver, dovecot, far, tag):
    """What failed together is told together, and each once."""
    far.on_rcpt = lambda address: f"550 5.1.1 {address} is not known"
    names = [f"u{i}@far.example" for i in range(20)]
    submit(culver, message(tag), *names)
    wait_for(lambda: culver.queue_size() == 0, 20, "an empty queue")
    reports = [Report(m.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
               for m in delivered(dovecot, ALICE, tag)]
    told = [r["Final-Recipient"] for one in reports for r in one.recipients]
    assert sorted(told) == sorted(f"rfc822; {name}" for name in names)
    print(f"{len(reports)} reports")
    assert len(reports) < len(names) / 2


def test_there_is_no_mail_there(culver, dovecot, tag):
    submit(culver, message(tag), "someone@null.example")
    recipient, = the_report(culver, dovecot, tag).recipients
    assert recipient["Status"] == "5.1.10"
    assert recipient["Diagnostic-Code"].startswith("smtp; 556")


def test_nobody_wants_to_know(culver, dovecot, far, tag):
    far.on_rcpt = lambda address: "550 5.1.1 No"
    submit(culver, message(tag), "someone@far.example", rcpt=" NOTIFY=NEVER")
    submit(culver, message(tag + "-next"), "someone@far.example")
    the_report(culver, dovecot, tag + "-next")
    assert len(delivered(dovecot, ALICE, tag)) == 1


def test_what_waits_is_seen(culver, dovecot, far, tag):
    """And goes when it can, without a report."""
    far.on_rcpt = lambda address: "451 4.7.1 Greylisted, come again"
    submit(culver, message(tag), "someone@far.example")

    def entry():
        lines = culver.ctl("--json", "queue", "list").stdout.splitlines()
        found = [json.loads(line) for line in lines]
        return found if found and "Greylisted" in str(found) else None
    only, = wait_for(entry, 10, "an entry")
    assert only["recipient"] == "someone@far.example"
    assert only["sender"] == ALICE
    words = culver.ctl("queue", "list").stdout
    assert "someone@far.example" in words and "Greylisted" in words
    far.on_rcpt = lambda address: None
    wait_for(lambda: [c for c in far.contents() if tag.encode() in c], 15,
             "the message")
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")
    assert not delivered(dovecot, ALICE, tag, 0.3)
