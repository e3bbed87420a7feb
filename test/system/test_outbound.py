"""Mail to other servers, in a world of their own: DNS and scripted servers on
loopback addresses."""

import contextlib
import hashlib
import subprocess
import time

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from server import ALL, CLOSE, HANG, Server
from smtp import message

PORT = free_port()
PLAIN = tuple(e for e in ALL if e != "STARTTLS")

RECORDS = {
    "one.example MX": ["10 mx1.one.example", "20 mx2.one.example"],
    "mx1.one.example A": ["127.0.0.11"],
    "mx2.one.example A": ["127.0.0.12"],
    "two.example MX": ["10 mx.two.example"],
    "mx.two.example A": ["127.0.0.13"],
    "both.example MX": ["10 mx.both.example"],
    "mx.both.example A": ["127.0.0.14", "127.0.0.15"],
    "null.example MX": ["0 ."],
    "loop.plain MX": ["10 mx.culver.example"],
    "mx.culver.example A": ["127.0.0.1"],
}


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as server:
        yield server


def settings(dns, **more):
    return {**dns.settings(), "outbound_port": str(PORT),
            "outbound_loopback": "yes", "hostname": "mx.culver.example",
            **more}


@pytest.fixture
def culver(dns, dovecot):
    with Culver(dovecot, certificates=("mx.culver.example",),
                **settings(dns)) as server:
        yield server


@pytest.fixture
def one():
    with Server("127.0.0.11", PORT) as server:
        yield server


@pytest.fixture
def spare():
    with Server("127.0.0.12", PORT) as server:
        yield server


@pytest.fixture
def two():
    with Server("127.0.0.13", PORT) as server:
        yield server


def submit(culver, tag, *recipients, sender="alice@example.com", mail="",
           rcpt=""):
    with culver.submission(sender) as client:
        client.mail(sender, mail)
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>{rcpt}", 250)
        reply = client.data(message(tag, sender=sender))
        assert reply.code == 250, str(reply)


def arrived(server, tag, count=1, timeout=15):
    needle = tag.encode()

    def found():
        hits = [e for e in server.received if needle in e.content]
        return hits if len(hits) >= count else None
    return wait_for(found, timeout, f"{tag} at {server.address}")


def report_of(dovecot, tag, user="alice@example.com", timeout=15):
    found = delivered(dovecot, user, tag, timeout)
    assert found, "no report"
    return found[0].decode("utf-8", "replace")


# --- ways that work -------------------------------------------------------------------


def test_a_message_arrives(culver, one, tag):
    submit(culver, tag, "user@one.example")
    envelope = arrived(one, tag)[0]
    assert envelope.recipients == ["user@one.example"]
    assert envelope.mail.startswith("<alice@example.com>")
    assert envelope.tls == "TLSv1.3"
    assert b"\r\nSubject: " + tag.encode() in envelope.content
    culver.wait_log(
        f"delivered .*host=mx1.one.example address=127.0.0.11 "
        f"tls=TLSv1.3.*recipient=user@one.example")


def test_recipients_go_together(culver, one, two, tag):
    submit(culver, tag, *(f"u{i}@one.example" for i in range(20)),
           "user@two.example")
    envelope = arrived(one, tag)[0]
    assert sorted(envelope.recipients) == \
        sorted(f"u{i}@one.example" for i in range(20))
    assert arrived(two, tag)[0].recipients == ["user@two.example"]
    assert one.connections == 1


def test_sessions_are_kept(culver, one, tag):
    for i in range(5):
        submit(culver, f"{tag}.{i}", "user@one.example")
        arrived(one, f"{tag}.{i}")
    assert one.connections == 1


def test_a_session_is_not_kept_for_long(culver, one, tag):
    submit(culver, tag, "user@one.example")
    arrived(one, tag)
    wait_for(lambda: one.open_connections == 0, 10, "QUIT")
    assert one.lines[-1] == "QUIT"


# --- the next host ----------------------------------------------------------------------


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 5.7.1 Go away",
                                      "nonsense", CLOSE])
def test_unwilling_host(culver, one, spare, tag, greeting):
    one.greeting = greeting
    submit(culver, tag, "user@one.example")
    assert arrived(spare, tag)[0].recipients == ["user@one.example"]
    assert one.connections >= 1


def test_ehlo_is_refused(culver, one, spare, tag):
    one.on_command = lambda verb, line: \
        "550 5.7.1 Not you" if verb in ("EHLO", "HELO") else None
    submit(culver, tag, "user@one.example")
    arrived(spare, tag)


def test_nobody_listens_on_the_first_host(culver, spare, tag):
    submit(culver, tag, "user@one.example")
    arrived(spare, tag)


def test_the_next_address_of_a_host(dns, dovecot, tag):
    with Server("127.0.0.15", PORT) as server, \
            Culver(dovecot, certificates=("mx.culver.example",),
                   **settings(dns)) as culver:
        submit(culver, tag, "user@both.example")
        arrived(server, tag)


def test_a_definite_answer_is_the_end(culver, dovecot, one, spare, tag):
    one.on_rcpt = lambda address: "550 5.1.1 No such user here"
    submit(culver, tag, "nobody@one.example")
    report = report_of(dovecot, tag)
    assert "5.1.1" in report and "No such user here" in report
    assert "Final-Recipient: rfc822; nobody@one.example" in report
    assert spare.connections == 0


# --- tries again --------------------------------------------------------------------------


def test_greylisting(culver, one, tag):
    seen = []

    def on_rcpt(address):
        seen.append(address)
        return "451 4.7.1 Greylisted" if len(seen) == 1 else None
    one.on_rcpt = on_rcpt
    submit(culver, tag, "user@one.example")
    arrived(one, tag)
    assert len(seen) == 2


@pytest.mark.parametrize("verb, reply", [
    ("MAIL", "451 4.3.0 Later"), ("RCPT", "450 4.2.1 Later"),
    ("DATA", "451 4.3.0 Later"), ("MAIL", CLOSE), ("RCPT", CLOSE),
    ("DATA", CLOSE), ("MAIL", "421 4.3.2 Shutting down"),
    ("MAIL", "nonsense")])
def test_temporary_failure_at_each_step(dns, dovecot, tag, verb, reply):
    failures = []

    def on_command(said, line):
        if said == verb and len(failures) < 2:
            failures.append(line)
            return reply
        return None
    with Server("127.0.0.11", PORT, tuple(
            e for e in ALL if e != "CHUNKING")) as one, \
            Culver(dovecot, certificates=("mx.culver.example",),
                   **settings(dns)) as culver:
        one.on_command = on_command
        submit(culver, tag, "user@one.example")
        assert len(arrived(one, tag, timeout=30)) == 1
        assert len(failures) == 2
        wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_permanent_failure_at_each_step(culver, dovecot, tag, verb):
    with Server("127.0.0.13", PORT, tuple(
            e for e in ALL if e != "CHUNKING")) as server:
        server.on_command = lambda said, line: \
            "554 5.7.1 Never that" if said == verb else None
        submit(culver, tag, "user@two.example")
        report = report_of(dovecot, tag)
        assert "Never that" in report and "5.7.1" in report


def test_452_after_some_recipients(culver, one, tag):
    def on_rcpt(address):
        envelope = [e for e in one.lines if e.startswith("MAIL")]
        rcpts = one.lines[::-1].index(envelope[-1])
        return "452 4.5.3 Too many recipients" if rcpts > 10 else None
    one.on_rcpt = on_rcpt
    submit(culver, tag, *(f"u{i}@one.example" for i in range(25)))
    wait_for(lambda: sum(len(e.recipients) for e in one.received) == 25, 30,
             "all recipients")
    got = [r for e in one.received for r in e.recipients]
    assert sorted(got) == sorted(f"u{i}@one.example" for i in range(25))


def test_a_dead_destination_costs_one_connect(dns, dovecot, tag):
    """While it rests, mail for it is deferred without a word to it."""
    with Server("127.0.0.13", PORT) as two, \
            Culver(dovecot, certificates=("mx.culver.example",),
                   **settings(dns, retry_first="1h",
                              retry_longest="2h")) as culver:
        two.greeting = "421 4.3.2 Closed"
        for i in range(30):
            submit(culver, f"{tag}.{i}", f"u{i}@two.example")
        culver.wait_log("deferred trace=.*Closed", count=30)
        assert two.connections == 1


# --- TLS -------------------------------------------------------------------------------------


def test_without_tls(culver, tag):
    with Server("127.0.0.13", PORT, PLAIN) as server:
        submit(culver, tag, "user@two.example")
        assert arrived(server, tag)[0].tls is None


def test_a_broken_handshake_is_followed_by_plain_text(culver, tag):
    with Server("127.0.0.13", PORT) as server:
        server.breaks_tls = True
        submit(culver, tag, "user@two.example")
        assert arrived(server, tag)[0].tls is None
        assert server.connections == 2


TLSA = "_25._tcp.mx.two.example TLSA"


@contextlib.contextmanager
def dane_world(dovecot, server, data, **how):
    records = {**RECORDS,
               f"_{PORT}._tcp.mx.two.example TLSA": [data], TLSA: [data]}
    with Dns(records, **how) as dns, \
            Culver(dovecot, certificates=("mx.culver.example",),
                   **settings(dns)) as culver:
        yield culver


def key_hash(server):
    """SHA-256 of the certificate's public key."""
    der = subprocess.run(
        f"openssl x509 -in {server._directory}/fullchain.pem -noout -pubkey"
        " | openssl pkey -pubin -outform der", shell=True, check=True,
        capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


def test_dane(dovecot, two, tag):
    with dane_world(dovecot, two, f"3 1 1 {key_hash(two)}") as culver:
        submit(culver, tag, "user@two.example")
        assert arrived(two, tag)[0].tls == "TLSv1.3"


@pytest.mark.parametrize("how", ["other certificate", "no TLS", "broken TLS"])
def test_dane_is_not_talked_down(dovecot, two, tag, how):
    data = f"3 1 1 {'ab' * 32 if how == 'other certificate' else key_hash(two)}"
    if how == "no TLS":
        two.extensions = PLAIN
    two.breaks_tls = how == "broken TLS"
    with dane_world(dovecot, two, data) as culver:
        submit(culver, tag, "user@two.example")
        culver.wait_log("deferred trace=")
        time.sleep(0.5)
        assert not two.received
        assert not any(line.startswith("MAIL") for line in two.lines)
        assert culver.queue_size() == 1


@pytest.mark.parametrize("how", ["bogus", "servfail"])
def test_dane_that_cannot_be_asked_for_is_no_reason_to_do_without(
        dovecot, two, tag, how):
    """RFC 7672 2.1: whoever can keep the record from us gets no mail by it,
    neither in plain text nor by a certificate of his own."""
    world = {"bogus": [TLSA]} if how == "bogus" else {"failures": {TLSA: how}}
    with dane_world(dovecot, two, f"3 1 1 {key_hash(two)}", **world) as culver:
        submit(culver, tag, "user@two.example")
        culver.wait_log(r"deferred trace=.*status=4\.7\.5 .*the TLSA records of "
                        "its host cannot be had securely", 40)
        assert culver.queue_size() == 1 and two.connections == 0
        said = culver.ctl("--json", "route", "two.example").stdout
        assert '"dane":"bogus"' in said


def test_dane_that_was_bogus_is_used_once_it_is_mended(dovecot, two, tag):
    records = {**RECORDS, TLSA: [f"3 1 1 {key_hash(two)}"]}
    with Dns(records, bogus=[TLSA]) as dns, \
            Culver(dovecot, certificates=("mx.culver.example",),
                   **settings(dns)) as culver:
        submit(culver, tag, "user@two.example")
        culver.wait_log(r"deferred trace=.*status=4\.7\.5 ", 40)
        assert two.connections == 0
        dns.set(records, bogus=[])
        # libunbound knows for a minute that it was bogus
        culver.stop()
        culver.start()
        assert arrived(two, tag, timeout=40)[0].tls == "TLSv1.3"


# --- no way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain, status, code", [
    ("null.example", "5.1.10", "556"), ("no.example", "5.1.2", ""),
    ("loop.plain", "5.4.6", "")])
def test_there_is_no_way(dns, dovecot, tag, domain, status, code):
    port = free_port()
    with Culver(dovecot, certificates=("mx.culver.example",),
                **settings(dns, outbound_port=str(port),
                           listen_smtp=f"127.0.0.1:{port}"),
                start=False) as culver:
        culver.port = port
        culver.start()
        submit(culver, tag, f"user@{domain}")
        report = report_of(dovecot, tag)
        assert f"Status: {status}" in report
        assert code in report


def test_loopback_is_refused(dns, dovecot, one, tag):
    with Culver(dovecot, certificates=("mx.culver.example",),
                **settings(dns, outbound_loopback="no")) as culver:
        submit(culver, tag, "user@one.example")
        assert "Status: 5.4.6" in report_of(dovecot, tag)
        assert one.connections == 0


# --- fairness ------------------------------------------------------------------------------------


def test_a_tar_pit_is_in_nobodys_way(culver, one, two, tag):
    one.on_mail = lambda line: HANG
    with culver.submission("alice@example.com") as client:
        for i in range(400):
            client.mail("alice@example.com")
            client.rcpt(f"u{i}@one.example")
            assert client.data(message(tag)).code == 250
    begin = time.monotonic()
    submit(culver, tag + "two", "user@two.example")
    arrived(two, tag + "two", timeout=8)
    assert time.monotonic() - begin < 8
    assert one.most_connections == 1
