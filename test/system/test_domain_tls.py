"""How well mail for a domain was protected is remembered, and less than that is
not accepted: culver domain-tls."""

import json
import time

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dns import Dns
from server import ALL, Server
from test_outbound import arrived, key_hash, submit

PORT = free_port()
PLAIN = tuple(e for e in ALL if e != "STARTTLS")
ADDRESS = "127.0.0.21"
NAME = "mx.kept.example"

RECORDS = {
    "kept.example MX": [f"10 {NAME}"],
    f"{NAME} A": [ADDRESS],
    "other.example MX": ["10 mx.other.example"],
    "mx.other.example A": ["127.0.0.22"],
}


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as server:
        yield server


def make_culver(dns, dovecot, start=True, **more):
    settings = {**dns.settings(), "outbound_port": str(PORT),
                "outbound_loopback": "yes", "hostname": "mx.culver.example",
                "retry_longest": "1s", **more}
    return Culver(dovecot, certificates=("mx.culver.example",),
                  start=start, **settings)


@pytest.fixture
def culver(dns, dovecot):
    with make_culver(dns, dovecot) as server:
        yield server


@pytest.fixture
def server():
    with Server(ADDRESS, PORT, name=NAME) as server:
        yield server


def known(culver, *arguments):
    """What domain-tls says, by destination."""
    done = culver.ctl("--json", "domain-tls", *arguments, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1].keys() == {"destinations"}
    found = {d["destination"]["name"]: d["destination"] for d in lines[:-1]}
    assert lines[-1]["destinations"] == len(found)
    return found


def send(culver, server, tag, recipient="user@kept.example"):
    submit(culver, tag, recipient)
    return arrived(server, tag)[0]


def restart(server, extensions=ALL, name=NAME):
    """The same host, which offers something else: a new certificate, too. The
    session with the old one ends first."""
    wait_for(lambda: server.open_connections == 0, 15, "QUIT")
    server.close()
    return Server(ADDRESS, PORT, extensions, name=name)


# --- what is kept ------------------------------------------------------------------------


def test_what_was_seen_is_listed(culver, server, tag):
    assert known(culver, "list") == {}
    before = int(time.time())
    assert send(culver, server, tag).tls == "TLSv1.3"
    culver.wait_log("delivered from the queue")
    found = known(culver, "list")
    assert found.keys() == {"kept.example"}
    entry = found["kept.example"]
    assert entry["level"] == "TLS"
    assert before <= entry["seen"] <= time.time()
    assert "TLSv1.3" in entry["reason"] and NAME in entry["reason"]
    assert known(culver, "show", "KEPT.example") == found
    words = culver.ctl("domain-tls").stdout
    assert "kept.example" in words and "TLSv1.3" in words


def test_plain_text_is_no_obstacle(culver, tag):
    with Server(ADDRESS, PORT, PLAIN) as server:
        send(culver, server, tag + "1")
        culver.wait_log("delivered from the queue")
        assert known(culver, "list")["kept.example"]["level"] == "none"
        send(culver, server, tag + "2")
        wait_for(lambda: server.open_connections == 0, 15, "QUIT")
    with Server(ADDRESS, PORT, name=NAME) as server:
        assert send(culver, server, tag + "3").tls == "TLSv1.3"
        culver.wait_log("delivered from the queue", count=3)
    assert known(culver, "list")["kept.example"]["level"] == "TLS"


def test_what_was_not_accepted_is_not_kept(culver, dovecot, server, tag):
    server.on_rcpt = lambda address: "550 5.1.1 No such user"
    submit(culver, tag, "user@kept.example")
    assert delivered(dovecot, "alice@example.com", tag, 15)
    assert known(culver, "list") == {}


# --- less is refused ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["no STARTTLS", "refused", "broken"])
def test_a_downgrade_is_refused_until_forgotten(culver, server, tag, how):
    send(culver, server, tag + "1")
    culver.wait_log("delivered from the queue")
    worse = restart(server, PLAIN if how == "no STARTTLS" else ALL)
    with worse:
        worse.breaks_tls = how == "broken"
        if how == "refused":
            worse.on_command = lambda verb, line: \
                "454 4.7.0 No TLS today" if verb == "STARTTLS" else None
        submit(culver, tag + "2", "user@kept.example")
        culver.wait_log(r"deferred trace=.*status=4\.7\.\d.*"
                        "protected by TLS before, and less is not accepted")
        time.sleep(1.5)
        assert not worse.received
        assert not any(line.startswith("MAIL") for line in worse.lines)
        assert culver.queue_size() == 1
        assert culver.ctl("domain-tls", "forget",
                          "Kept.Example").stdout == "forgotten\n"
        assert arrived(worse, tag + "2")[0].tls is None


def test_it_outlives_a_restart(dns, dovecot, server, tag):
    with make_culver(dns, dovecot) as culver:
        send(culver, server, tag + "1")
        culver.wait_log("delivered from the queue")
        with restart(server, PLAIN) as worse:
            culver.stop()
            culver.start()
            submit(culver, tag + "2", "user@kept.example")
            culver.wait_log("less is not accepted")
            assert not worse.received


def test_others_are_not_concerned(culver, server, tag):
    send(culver, server, tag + "1")
    culver.wait_log("delivered from the queue")
    with Server("127.0.0.22", PORT, PLAIN) as other:
        assert send(culver, other, tag + "2", "user@other.example").tls is None


@pytest.mark.parametrize("setting", ["0", "1s"])
def test_memory_ends(dns, dovecot, server, tag, setting):
    with make_culver(dns, dovecot, tls_memory=setting) as culver:
        send(culver, server, tag + "1")
        culver.wait_log("delivered from the queue")
        time.sleep(2)
        with restart(server, PLAIN) as worse:
            assert send(culver, worse, tag + "2").tls is None


# --- certificates -----------------------------------------------------------------------------


def test_a_verified_certificate(dns, dovecot, server, tag):
    """By an authority that ca_file names; another certificate is less."""
    with make_culver(dns, dovecot, start=False) as culver:
        with open(f"{server._directory}/fullchain.pem", encoding="ascii") as ca:
            culver.write("ca", ca.read())
        culver.settings["ca_file"] = culver.conf + "/ca"
        culver.start()
        send(culver, server, tag + "1")
        culver.wait_log("delivered from the queue")
        entry = known(culver, "list")["kept.example"]
        assert entry["level"] == "verified"
        assert "an authority" in entry["reason"]
        with restart(server) as other:
            submit(culver, tag + "2", "user@kept.example")
            culver.wait_log("protected by verified TLS before, and less")
            assert not other.received


def test_dane_is_verified(dovecot, server, tag):
    data = f"3 1 1 {key_hash(server)}"
    records = {**RECORDS, f"_{PORT}._tcp.{NAME} TLSA": [data],
               f"_25._tcp.{NAME} TLSA": [data]}
    with Dns(records) as dns, make_culver(dns, dovecot) as culver:
        send(culver, server, tag)
        culver.wait_log("delivered from the queue")
        entry = known(culver, "list")["kept.example"]
        assert entry["level"] == "verified" and "DANE" in entry["reason"]


# --- the command --------------------------------------------------------------------------------


def test_a_file_without_certificates():
    with Culver(start=False) as culver:
        culver.settings["ca_file"] = culver.conf + "/ca"
        culver.write("ca", "nothing\n")
        done = culver.ctl("check-config", check=False)
        assert done.returncode == 1
        assert "has no certificate in PEM" in done.stderr


@pytest.mark.parametrize("arguments", [
    ("show",), ("forget",), ("list", "x.example"), ("drop", "x.example")])
def test_the_command_line(culver, arguments):
    assert culver.ctl("domain-tls", *arguments, check=False).returncode == 2


def test_what_is_not_known(culver):
    for verb in ("show", "forget"):
        done = culver.ctl("domain-tls", verb, "no.example", check=False)
        assert done.returncode == 1
        assert "nothing is known" in done.stderr
    assert culver.ctl("domain-tls").stdout == "Nothing is known yet.\n"
