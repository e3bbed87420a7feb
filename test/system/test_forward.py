"""Mail that aliases send outside, and reports that come back: SRS, loops,
"via"."""

import email
import re

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from server import ALL, Server
from smtp import message

PORT = free_port()
RECORDS = {
    "far.example MX": ["10 mx.far.example"],
    "mx.far.example A": ["127.0.0.21"],
    "sender.example MX": ["10 mx.sender.example"],
    "mx.sender.example A": ["127.0.0.22"],
    "h1.example A": ["127.0.0.23"],
    "h2.example A": ["127.0.0.24"],
}
ALIASES = """
out: bob@far.example
both: bob@far.example, alice
hosts: bob@far.example via h1.example/h2.example
*: *@far.example
"""
SENDER = "Carl+x@sender.example"


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as world:
        yield world


@pytest.fixture(scope="module")
def culver(dns, dovecot):
    with Culver(dovecot, aliases={"example.com": ALIASES},
                outbound_port=str(PORT), outbound_loopback="yes",
                **dns.settings()) as server:
        yield server


@pytest.fixture(scope="module")
def servers():
    with Server("127.0.0.21", PORT) as far, \
            Server("127.0.0.22", PORT) as sender_host:
        yield far, sender_host


@pytest.fixture
def far(servers):
    servers[0].on_rcpt = lambda address: None
    servers[0].extensions = ALL
    return servers[0]


@pytest.fixture
def sender_host(servers):
    return servers[1]


def send(culver, recipient, content, sender=SENDER, parameters=""):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(sender)
        client.command(f"RCPT TO:<{recipient}>{parameters}", 250)
        return client.data(content)


def arrived(server, tag, count=1, timeout=20):
    def found():
        hits = [e for e in server.received if tag.encode() in e.content]
        return hits if len(hits) >= count else None
    return wait_for(found, timeout, f"{tag} at {server.address}")


def path_of(envelope):
    return re.match("<(.*?)>", envelope.mail)[1]


def rcpt(culver, sender, recipient):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(sender)
        return client.command(f"RCPT TO:<{recipient}>")


def test_there_and_back(culver, far, sender_host, tag):
    assert send(culver, "out@example.com", message(tag)).code == 250
    envelope = arrived(far, tag)[0]
    assert envelope.recipients == ["bob@far.example"]
    path = path_of(envelope)
    assert re.fullmatch("SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=sender.example=Carl[+]x"
                        "@example.com", path)
    assert b"\r\nDelivered-To: out@example.com\r\n" in envelope.content
    # The report of the server there finds its way, in any case of letters.
    reply = send(culver, path.lower(), message(tag + "-report"), sender="")
    assert reply.code == 250
    back = arrived(sender_host, tag + "-report")[0]
    assert back.recipients == ["carl+x@sender.example"]
    assert path_of(back) == ""


def test_only_reports_go_back(culver, far, tag):
    send(culver, "out@example.com", message(tag))
    path = path_of(arrived(far, tag)[0])
    assert rcpt(culver, "", path).code == 250
    reply = rcpt(culver, "spam@client.test", path)
    assert (reply.code, reply.status) == (550, "5.1.1")
    forged = path.replace("=sender.example=", "=victim.example=")
    assert rcpt(culver, "", forged).status == "5.1.1"
    words = culver.ctl("resolve", path).stdout
    assert "goes back to Carl+x@sender.example" in words
    assert "not ours" in culver.ctl("resolve", forged, check=False).stdout


def test_forwarded_before(culver, far, tag):
    send(culver, "out@example.com", message(tag),
         sender="SRS0=HHHH=TT=first.example=carl@sender.example")
    assert re.fullmatch(
        "SRS1=[A-Z2-7]{8}=sender.example==HHHH=TT=first.example=carl"
        "@example.com", path_of(arrived(far, tag)[0]))


@pytest.mark.parametrize("sender", ["", "alice@example.com"])
def test_senders_that_stay(culver, far, tag, sender):
    assert send(culver, "out@example.com", message(tag), sender).code == 250
    assert path_of(arrived(far, tag)[0]) == sender


def test_a_refusal_there_is_reported(culver, far, sender_host, tag):
    far.on_rcpt = lambda address: f"550 5.1.1 {address} is not known"
    assert send(culver, "out@example.com", message(tag)).code == 250
    envelope = arrived(sender_host, tag)[0]
    assert envelope.recipients == [SENDER] and path_of(envelope) == ""
    # It does not tell where the alias leads.
    assert b"far.example" not in envelope.content
    report = email.message_from_bytes(envelope.content)
    assert report.get_content_type() == "multipart/report"
    fields = report.get_payload()[1].get_payload()[1]
    assert fields["Final-Recipient"] == "rfc822; out@example.com"
    assert fields["Status"] == "5.1.1"


def test_a_login_hears_who_refused(culver, dovecot, far, tag):
    far.on_rcpt = lambda address: "550 5.1.1 no"
    with culver.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt("bob@far.example")
        assert client.data(message(tag)).code == 250
    report = delivered(dovecot, "alice@example.com", tag, 20)[0]
    assert b"Remote-MTA: dns; mx.far.example" in report
    assert b"Diagnostic-Code: smtp; 550 5.1.1 no" in report


def test_nobody_is_told_of_a_lost_report(culver, far, tag):
    far.on_rcpt = lambda address: "550 5.1.1 no"
    assert send(culver, "out@example.com", message(tag), sender="").code == 250
    culver.wait_log("refused, dropped")
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


def test_here_and_there(culver, dovecot, far, tag):
    assert send(culver, "both@example.com", message(tag)).code == 250
    assert len(arrived(far, tag)) == 1
    assert delivered(dovecot, "alice@example.com", tag)


def test_any_user(culver, far, tag):
    assert send(culver, "NoBody+x@example.com", message(tag)).code == 250
    assert arrived(far, tag)[0].recipients == ["NoBody+x@far.example"]


def test_via(culver, tag):
    with Server("127.0.0.24", PORT) as second:
        assert send(culver, "hosts@example.com", message(tag)).code == 250
        envelope = arrived(second, tag)[0]
        assert envelope.recipients == ["bob@far.example"] and envelope.tls
        words = culver.ctl("resolve", "hosts@example.com").stdout
        assert "via h1.example/h2.example" in words


def test_a_loop_ends(culver, far, tag):
    assert send(culver, "out@example.com", message(tag)).code == 250
    content = arrived(far, tag)[0].content
    reply = send(culver, "out@example.com", content)
    assert (reply.code, reply.status) == (554, "5.4.6")
    # Another alias has not had it.
    assert send(culver, "other@example.com", content).code == 250


def test_success_is_told_by_who_can(culver, far, sender_host, tag):
    wants = " NOTIFY=SUCCESS"
    send(culver, "out@example.com", message(tag), parameters=wants)
    assert "NOTIFY=SUCCESS" in arrived(far, tag)[0].parameters[0]
    far.extensions = tuple(e for e in ALL if e != "DSN")
    culver.stop()
    culver.start()  # what was offered on a kept connection is gone
    send(culver, "out@example.com", message(tag + "-2"), parameters=wants)
    assert "NOTIFY" not in arrived(far, tag + "-2")[0].parameters[0]
    report = arrived(sender_host, tag + "-2")[0].content
    assert b"Action: relayed" in report
    assert len(arrived(sender_host, tag)) == 1


def test_strangers_do_not_relay(culver):
    reply = rcpt(culver, SENDER, "bob@far.example")
    assert (reply.code, reply.status) == (550, "5.7.1")
    assert rcpt(culver, SENDER, "bob@[127.0.0.21]").status != "2.1.5"


def test_the_key_stays(culver, far, tag):
    send(culver, "out@example.com", message(tag))
    path = path_of(arrived(far, tag)[0])
    culver.stop()
    culver.start()
    wait_for(lambda: rcpt(culver, "", path).code == 250, 10, "the way back")
