"""REQUIRETLS and TLS-Required (RFC 8689): what a message itself wants of TLS."""

import json
import os

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from server import ALL, Server
from smtp import message
from test_outbound import arrived, submit

PORT = free_port()
ADDRESS, NAME = "127.0.0.51", "mx.safe.example"
OFFERS = (*ALL, "REQUIRETLS")
PLAIN = tuple(e for e in OFFERS if e != "STARTTLS")
RECORDS = {
    "safe.example MX": [f"10 {NAME}"],
    f"{NAME} A": [ADDRESS],
    "safe.plain MX": [f"10 {NAME}"],
    "away.example MX": ["10 mx.away.example"],
    "mx.away.example A": ["127.0.0.59"],
    "dane.example MX": ["10 mx.dane.example"],
    "mx.dane.example A": [ADDRESS],
    "_25._tcp.mx.dane.example TLSA": [f"3 1 1 {'ab' * 32}"],
    f"_{PORT}._tcp.mx.dane.example TLSA": [f"3 1 1 {'ab' * 32}"],
}


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as server:
        yield server


@pytest.fixture
def server():
    with Server(ADDRESS, PORT, OFFERS, name=NAME) as server:
        yield server


def make_culver(dns, dovecot, trusted=None):
    culver = Culver(dovecot, certificates=("mx.culver.example",), start=False,
                    hostname="mx.culver.example", outbound_port=str(PORT),
                    outbound_loopback="yes", retry_longest="1s",
                    **dns.settings())
    if trusted:
        with open(os.path.join(trusted._directory, "fullchain.pem"),
                  encoding="ascii") as f:
            culver.write("ca", f.read())
        culver.settings["ca_file"] = culver.conf + "/ca"
    culver.start()
    return culver


@pytest.fixture
def culver(dns, dovecot, server):
    with make_culver(dns, dovecot, trusted=server) as culver:
        yield culver


def bounce(dovecot, tag):
    found = delivered(dovecot, "alice@example.com", tag, 15)
    assert found, "no report"
    text = found[0].decode()
    assert "Status: 5.7.30" in text and "REQUIRETLS" in text
    return text


def test_it_is_offered_within_tls_only(culver):
    for connect in (culver.smtp, culver.submission):
        with connect() as client:
            assert "REQUIRETLS" not in client.ehlo()
            if connect == culver.smtp:
                reply = client.command("MAIL FROM:<a@b.test> REQUIRETLS")
                assert reply.code == 555
            client.starttls()
            assert client.ehlo()["REQUIRETLS"] == ""
    with culver.smtp() as client:
        client.ehlo()
        client.starttls()
        client.ehlo()
        client.mail("a@b.test", " REQUIRETLS")
        client.rcpt("alice@example.com")  # Dovecot is on this machine
        assert client.data(message("required")).code == 250


def test_it_is_kept(culver, server, tag):
    submit(culver, tag, "user@safe.example", mail=" REQUIRETLS")
    envelope = arrived(server, tag)[0]
    assert envelope.tls == "TLSv1.3"
    assert "REQUIRETLS" in envelope.mail.upper()
    submit(culver, tag + "2", "user@safe.example")
    assert "REQUIRETLS" not in arrived(server, tag + "2")[0].mail.upper()


def test_it_is_not_offered_there(culver, dovecot, server, tag):
    server.extensions = ALL
    submit(culver, tag, "user@safe.example", mail=" RET=FULL REQUIRETLS")
    text = bounce(dovecot, tag)
    assert "does not offer REQUIRETLS" in text
    # RFC 8689 5: as if RET=HDRS had been said
    assert "text/rfc822-headers" in text and "A letter." not in text
    assert not server.received


def test_no_tls_there(culver, dovecot, server, tag):
    server.extensions = PLAIN
    submit(culver, tag, "user@safe.example", mail=" REQUIRETLS")
    bounce(dovecot, tag)
    assert not server.received
    assert not any(line.startswith("MAIL") for line in server.lines)


def test_nobody_vouches_for_its_certificate(dns, dovecot, server, tag):
    with make_culver(dns, dovecot) as culver:
        submit(culver, tag, "user@safe.example", mail=" REQUIRETLS")
        bounce(dovecot, tag)
        submit(culver, tag + "2", "user@safe.example")
        arrived(server, tag + "2")
    assert len(server.received) == 1


def test_nobody_vouches_for_its_name(culver, dovecot, server, tag):
    submit(culver, tag, "user@safe.plain", mail=" REQUIRETLS")
    assert "neither by DNSSEC" in bounce(dovecot, tag)
    assert not server.received


def test_the_queue_says_so(culver, tag):
    submit(culver, tag, "user@away.example", mail=" REQUIRETLS")
    culver.wait_log("deferred trace=")
    done = culver.ctl("--json", "queue", "list")
    entry = json.loads(done.stdout.splitlines()[0])
    assert entry["tls"] == "REQUIRETLS"
    assert "REQUIRETLS" in culver.ctl("queue", "show", entry["id"]).stdout
    culver.ctl("queue", "drop", entry["id"])


def send_relaxed(culver, tag, recipient):
    with culver.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt(recipient)
        content = message(tag, sender="alice@example.com",
                          extra="TLS-Required: No\r\n")
        assert client.data(content).code == 250


def test_rather_without_tls_than_not_at_all(culver, server, tag):
    submit(culver, tag, "user@dane.example")
    culver.wait_log(r"deferred trace=.*user@dane\.example")
    assert not server.received
    send_relaxed(culver, tag + "2", "user@dane.example")
    assert arrived(server, tag + "2")[0].tls == "TLSv1.3"
    # with the next hosts, too
    assert b"TLS-Required: No" in server.received[0].content
    wait_for(lambda: culver.queue_size() == 1, 10, "the other one waits")
