"""SPF of mail from outside, over a DNS of ours: results, limits, and what does
not end the server."""

import json
import os
import re
import signal
import threading

import pytest

from conftest import delivered
from culver import Culver, is_alive, wait_for
from dns import Dns
from smtp import message

GOOD, OTHER = "127.0.0.2", "127.0.0.3"  # clients


def strings(text):
    """As in a zone: quoted strings of at most 255 octets."""
    return '" "'.join(text[i:i + 250] for i in range(0, len(text), 250))


# What overflows the stack of libspf2 1.2.10: CVE-2023-42118.
OVERFLOW = "v=spf1 " + "exists:%{d}%{d}%{d}.%{d9999}.example " * 115 + "-all"

RECORDS = {
    "pass.example TXT": [f"v=spf1 ip4:{GOOD} -all"],
    "soft.example TXT": [f"v=spf1 ip4:{GOOD} ~all"],
    "neutral.example TXT": ["v=spf1 ?all"],
    "none.example TXT": ["hello"],
    "why.example TXT": [f"v=spf1 ip4:{GOOD} exp=exp.why.example -all"],
    "exp.why.example TXT": ["%{i} is not a host of %{d}"],
    "wrong.example TXT": ["v=spf1 ip4:127.0.0 +all"],
    "twice.example TXT": ["v=spf1 +all", "v=spf1 -all"],
    "loop.example TXT": ["v=spf1 include:loopb.example ?all"],
    "loopb.example TXT": ["v=spf1 include:loop.example ?all"],
    "ten.example TXT": ["v=spf1 " + "a:mx.example " * 10 + "+all"],
    "eleven.example TXT": ["v=spf1 " + "a:mx.example " * 11 + "+all"],
    "mx.example A": ["127.0.0.99"],
    "two.example TXT": ["v=spf1 a:no1.example a:no2.example +all"],
    "three.example TXT": ["v=spf1 a:no1.example a:no2.example "
                          "mx:no3.example +all"],
    "include.example TXT": ["v=spf1 include:dead.example +all"],
    "dead.example TXT": ["v=spf1 +all"],
    "silent.example TXT": ["v=spf1 +all"],
    "kill.example TXT": ["v=spf1 +all"],
    "overflow.example TXT": [strings(OVERFLOW)],
    "helo.example TXT": [f"v=spf1 ip4:{GOOD} -all"],
    "tls.example TXT": [f"v=spf1 ip4:{GOOD} ?all"],
}
FAILURES = {"dead.example": "servfail", "silent.example": "silence",
            "kill.example": "silence"}


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS, failures=FAILURES) as server:
        yield server


@pytest.fixture(scope="module")
def culver(dns, dovecot):
    with Culver(dovecot, certificates=("mx.culver.example",),
                hostname="mx.culver.example", trusted_networks="",
                **dns.settings()) as server:
        yield server


def send(culver, tag, sender, source=GOOD, helo="client.example", tls=False):
    """Returns the reply to RCPT, or to the content once RCPT was taken."""
    with culver.smtp(source=source) as client:
        client.ehlo(helo)
        if tls:
            client.starttls()
            client.ehlo(helo)
        client.mail(sender)
        reply = client.command("RCPT TO:<alice@example.com>")
        if reply.code == 250:
            reply = client.data(message(tag, sender="a@author.example"))
        return reply


def result(dovecot, tag):
    """("pass", "pass.example"), as the delivered message says."""
    text = delivered(dovecot, "alice@example.com", tag)[0].decode()
    found = re.search(r"\bspf=(\w+)(?:\s+\([^)]*\))?"
                      r"(?:\s+smtp\.(?:mailfrom|helo)=\"?([^\s;\"]+))?", text)
    assert found, text
    return found[1], (found[2] or "").rpartition("@")[2]


@pytest.mark.parametrize("domain,source,want", [
    ("pass", GOOD, "pass"),
    ("soft", OTHER, "softfail"),
    ("neutral", GOOD, "neutral"),
    ("none", GOOD, "none"),
    ("nosuch", GOOD, "none"),
    ("wrong", GOOD, "permerror"),
    ("twice", GOOD, "permerror"),
    ("loop", GOOD, "permerror"),
    ("ten", GOOD, "pass"),
    ("eleven", GOOD, "permerror"),
    ("two", GOOD, "pass"),
    ("three", GOOD, "permerror"),
    ("dead", GOOD, "temperror"),
    ("include", GOOD, "temperror"),
    ("silent", GOOD, "temperror"),
    ("overflow", GOOD, "permerror"),
])
def test_results(culver, dovecot, tag, domain, source, want):
    reply = send(culver, tag, f"a@{domain}.example", source)
    assert reply.code == 250, str(reply)
    assert result(dovecot, tag) == (want, f"{domain}.example")


def test_fail_is_refused_with_its_explanation(culver, tag):
    reply = send(culver, tag, "a@why.example", OTHER)
    assert reply.code == 550 and reply.status == "5.7.23"
    assert "127.0.0.3 is not a host of why.example" in reply.text
    reply = send(culver, tag, "a@pass.example", OTHER)
    assert reply.code == 550 and reply.status == "5.7.23"


def test_null_sender_is_checked_by_helo(culver, dovecot, tag):
    assert send(culver, tag, "", GOOD, "helo.example").code == 250
    assert result(dovecot, tag) == ("pass", "helo.example")
    assert send(culver, tag, "", OTHER, "helo.example").status == "5.7.23"


def test_record_that_overflows_the_library(culver, dovecot, tag):
    """Nobody dies of it, not even the process that checks."""
    before = culver.wait_roles()["verify"]
    for _ in range(3):
        assert send(culver, tag, "a@overflow.example").code == 250
    assert culver.wait_roles()["verify"] == before
    assert "over 1024 octets" in culver.log()
    assert send(culver, tag + "2", "a@pass.example").code == 250
    assert result(dovecot, tag + "2") == ("pass", "pass.example")


def test_the_checking_process_dies(culver, dns, dovecot, tag):
    """It is asked anew once; then there is no answer, and the session goes
    on."""
    replies = []
    dns.asked.clear()
    session = threading.Thread(target=lambda: replies.append(
        send(culver, tag, "a@kill.example")))
    session.start()
    for again in range(2):
        victim = wait_for(lambda: culver.roles().get("verify"), 10)[0]
        wait_for(lambda: dns.count("kill.example TXT") > 0, 10, "a question")
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda v=victim: not is_alive(v), 5)
        if again == 0:
            dns.asked.clear()
    session.join(30)
    assert replies and replies[0].code == 250, replies
    assert result(dovecot, tag) == ("temperror", "kill.example")
    culver.wait_roles()
    assert send(culver, tag + "2", "a@pass.example").code == 250
    assert result(dovecot, tag + "2") == ("pass", "pass.example")


def test_checks_that_nobody_waits_for(culver, dovecot, tag):
    """One client that begins and leaves many does not keep others from theirs."""
    for _ in range(70):
        with culver.smtp(source=GOOD) as client:
            client.ehlo("client.example")
            for _ in range(10):
                assert client.mail("a@silent.example").code == 250
                client.command("RSET")
            assert client.command("MAIL FROM:<a@silent.example>").code == 421
    assert send(culver, tag, "a@pass.example", OTHER).status == "5.7.23"
    assert send(culver, tag, "a@pass.example").code == 250
    assert result(dovecot, tag) == ("pass", "pass.example")


# --- TLS ---------------------------------------------------------------------------


def known(culver, *arguments):
    done = culver.ctl("--json", "domain-tls", *arguments, check=False)
    return {json.loads(line)["destination"]["name"]
            for line in done.stdout.splitlines() if '"destination"' in line}


def test_who_came_by_tls_comes_by_tls(culver, tag):
    sender = "a@tls.example"
    assert send(culver, tag, sender).code == 250
    assert known(culver, "list") == set(), "plain text is nothing to keep"
    # It did not pass: anybody may have sent this.
    assert send(culver, tag, sender, OTHER, tls=True).code == 250
    assert send(culver, tag, sender).code == 250
    assert send(culver, tag, sender, tls=True).code == 250
    wait_for(lambda: known(culver, "list") == {"from:tls.example"}, 10)
    reply = send(culver, tag, "A@TLS.example")
    assert reply.code == 550 and reply.status == "5.7.3", str(reply)
    assert send(culver, tag, sender, tls=True).code == 250
    assert send(culver, tag, sender, OTHER).code == 250, "neutral: not theirs"
    assert known(culver, "show", "tls.example") == {"from:tls.example"}
    culver.ctl("domain-tls", "forget", "tls.example")
    assert send(culver, tag, sender).code == 250
