"""MTA-STS: policies are fetched, kept, and followed."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from culver import Culver, as_nobody, free_port, make_certificate, wait_for
from dns import Dns
from policies import PATH, PLAIN_TEXT, Policies, policy
from server import ALL, Server
from test_outbound import arrived, submit

PORT, STS_PORT = free_port(), free_port()
WEB, DEAD = "127.0.0.31", "127.0.0.39"
FIRST, SECOND = "127.0.0.32", "127.0.0.33"
PLAIN = tuple(e for e in ALL if e != "STARTTLS")
GOOD = ("good", "two", "wild", "dane", "late", "untrusted", "othername",
        "notls", "unnamed", "test", "testother", "none", "via", "kept",
        "daily", "another", "ends", "our")
BROKEN = ("redirect", "missing", "big", "endless", "html", "nonsense",
          "stranger", "dead", "nowhere", "forged", "short")


class Keys:
    """One certificate for all hosts that take mail."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="st", dir="/tmp")
        self.chain = make_certificate(
            self.directory, *(f"mx{i}.{name}.example"
                              for name in GOOD for i in (1, 2)
                              if name != "othername"))

    def server(self, address=FIRST, extensions=ALL):
        server = Server(address, PORT, extensions)
        server._context.load_cert_chain(
            self.chain, os.path.join(self.directory, "privkey.pem"))
        return server

    def key_hash(self):
        der = subprocess.run(
            f"openssl x509 -in {self.chain} -noout -pubkey"
            " | openssl pkey -pubin -outform der", shell=True, check=True,
            capture_output=True).stdout
        return hashlib.sha256(der).hexdigest()


def domain_records(name, web=WEB, sts_id="1"):
    records = {f"{name}.example MX": [f"10 mx1.{name}.example"],
               f"mx1.{name}.example A": [FIRST]}
    if web:
        records[f"mta-sts.{name}.example A"] = [web]
    if sts_id:
        records[f"_mta-sts.{name}.example TXT"] = \
            [f"v=STSv1\\; id={sts_id}\\;"]
    return records


class World:
    def __init__(self):
        self.keys = Keys()
        self.web = Policies(
            WEB, STS_PORT, *(f"{name}.example" for name in GOOD + BROKEN
                             if name != "stranger"))
        self.records = {
            "two.example MX": ["10 mx1.two.example", "20 mx2.two.example"],
            "mx2.two.example A": [SECOND],
            "_25._tcp.mx1.dane.example TLSA":
                [f"3 1 1 {self.keys.key_hash()}"]}
        for name in GOOD:
            self.records = {**domain_records(name), **self.records}
        for name in BROKEN:
            web = {"dead": DEAD, "nowhere": None}.get(name, WEB)
            self.records.update(domain_records(name, web))
        self.dns = Dns(self.records, bogus={"_mta-sts.forged.example TXT"})

    def close(self):
        self.dns.stop()
        self.web.close()
        shutil.rmtree(self.keys.directory)

    def set(self, **changes):
        """Other records for a domain; None: no record of its policy."""
        for name, sts_id in changes.items():
            self.records.pop(f"_mta-sts.{name}.example TXT", None)
            self.records.update(domain_records(name, sts_id=sts_id))
        self.dns.set(self.records)

    def culver(self, dovecot, start=True, **more):
        settings = {
            **self.dns.settings(), "outbound_port": str(PORT),
            "sts_port": str(STS_PORT), "outbound_loopback": "yes",
            "hostname": "mx.culver.example", "retry_longest": "1s",
            "tls_memory": "0", **more}
        culver = Culver(dovecot, certificates=("mx.culver.example",),
                        start=False, **settings)
        with open(self.keys.chain, encoding="ascii") as f:
            culver.write("ca", self.web.certificate() + f.read())
        culver.settings["ca_file"] = culver.conf + "/ca"
        if start:
            culver.start()
        return culver


@pytest.fixture(scope="module")
def world():
    with contextlib.closing(World()) as w:
        yield w


@pytest.fixture(scope="module")
def web(world):
    return world.web


@pytest.fixture(scope="module")
def culver(world, dovecot):
    aliases = {"example.com":
               "out: user@via.example via mx1.via.example\n"}
    with world.culver(dovecot, aliases=aliases) as server:
        yield server


@pytest.fixture
def server(world):
    with world.keys.server() as server:
        yield server


def route(culver, name, check=True):
    done = culver.ctl("--json", "route", f"{name}.example", check=check)
    return json.loads(done.stdout)


def wait_route(culver, name, condition):
    def found():
        answer = route(culver, name, check=False)
        return answer if condition(answer) else None
    return wait_for(found, 15, "the route")


def has(server, tag):
    return any(tag.encode() in e.content for e in server.received)


def count(web, name):
    return web.asked[f"mta-sts.{name}.example"]


# --- what is followed ---------------------------------------------------------------------


def test_enforce(culver, web, server, tag):
    web.set("good.example", "enforce", "mx1.good.example")
    submit(culver, tag, "user@good.example")
    assert arrived(server, tag)[0].tls == "TLSv1.3"
    found = route(culver, "good")
    fetched = found["sts"].pop("fetched")
    assert abs(fetched - time.time()) < 300
    assert found["sts"] == {
        "id": "1", "mode": "enforce", "max_age": 604800,
        "mx": ["mx1.good.example"], "source": "kept"}
    assert found["sts_problem"] == ""
    assert found["hosts"][0]["sts"] == "named"
    assert count(web, "good") == 1
    assert web.lines[-1] == f"GET {PATH} HTTP/1.1"
    words = culver.ctl("route", "good.example").stdout
    assert "MTA-STS: enforce, id 1, kept" in words
    culver.wait_log("a policy of MTA-STS was fetched domain=good.example "
                    "id=1 mode=enforce")


@pytest.mark.parametrize("name", ["untrusted", "othername", "notls"])
def test_enforce_without_proof(culver, world, web, tag, name):
    web.set(f"{name}.example", "enforce", f"mx1.{name}.example")
    other = Server(FIRST, PORT, name="mx1.untrusted.example") \
        if name == "untrusted" else \
        world.keys.server(extensions=PLAIN if name == "notls" else ALL)
    with other:
        submit(culver, tag, f"user@{name}.example")
        culver.wait_log(rf"deferred trace=.*@{name}\.example.*"
                        r"status=4\.7\.\d.*its policy \(MTA-STS\) demands "
                        "TLS with a certificate")
        assert not has(other, tag)
        assert not any(f"@{name}.example" in line for line in other.lines)
        if name != "untrusted":
            return
        # The domain may change its mind.
        web.set(f"{name}.example", "none")
        world.set(**{name: "2"})
        arrived(other, tag)


def test_a_host_that_is_not_named(culver, world, web, server, tag):
    web.set("two.example", "enforce", "mx2.two.example")
    with world.keys.server(SECOND) as second:
        submit(culver, tag, "user@two.example")
        arrived(second, tag)
        assert not has(server, tag)
        hosts = route(culver, "two")["hosts"]
        assert [h["sts"] for h in hosts] == ["unnamed", "named"]


def test_no_host_is_named(culver, web, server, tag):
    web.set("unnamed.example", "enforce", "*.elsewhere.example")
    submit(culver, tag, "user@unnamed.example")
    culver.wait_log(r"deferred trace=.*@unnamed.*status=4\.7\.5.*none of its "
                    r"hosts is one that its policy \(MTA-STS\) names")
    assert not has(server, tag)


def test_a_policy_that_is_new(culver, world, web, server, tag):
    """The way that worked is not good enough any more."""
    world.set(late=None)
    submit(culver, tag + "1", "user@late.example")
    arrived(server, tag + "1")
    assert "sts" not in route(culver, "late")
    web.set("late.example", "enforce", "mx9.late.example")
    world.set(late="1")
    wait_route(culver, "late", lambda r: "sts" in r)
    wait_for(lambda: server.open_connections == 0, 15, "QUIT")
    culver.reload()  # which asks for ways again
    culver.wait_log("configuration loaded")
    submit(culver, tag + "2", "user@late.example")
    culver.wait_log(r"deferred trace=.*@late.*policy \(MTA-STS\) names")
    assert not has(server, tag + "2")


def test_wildcard(culver, web, server, tag):
    web.set("wild.example", "enforce", "*.wild.example")
    submit(culver, tag, "user@wild.example")
    arrived(server, tag)
    assert route(culver, "wild")["hosts"][0]["sts"] == "named"


@pytest.mark.parametrize("name, host, problem", [
    ("test", "mx1.test.example", "certificate"),
    ("testother", "mx2.testother.example", "the policy does not name it")])
def test_testing(culver, web, tag, name, host, problem):
    web.set(f"{name}.example", "testing", host)
    with Server(FIRST, PORT) as other:
        submit(culver, tag, f"user@{name}.example")
        arrived(other, tag)
    culver.wait_log("a policy of MTA-STS, in testing, would not have this host "
                    f"host=mx1.{name}.example .*problem=.*{problem}")


def test_none(culver, web, tag):
    web.set("none.example", "none")
    with Server(FIRST, PORT) as other:
        submit(culver, tag, "user@none.example")
        arrived(other, tag)
    assert "host=mx1.none.example address=127.0.0.32 problem" not in \
        culver.log()
    assert route(culver, "none")["sts"]["mode"] == "none"


def test_dane_decides(culver, web, server, tag):
    """For its host, whatever the policy says."""
    web.set("dane.example", "enforce", "mx9.dane.example")
    submit(culver, tag, "user@dane.example")
    arrived(server, tag)
    found = route(culver, "dane")
    assert found["sts"]["mode"] == "enforce"
    assert found["hosts"][0]["sts"] == "none"


def test_other_ways_are_not_asked_about(culver, world, web, server, tag):
    with culver.smtp() as client:
        client.ehlo()
        client.mail("sender@client.test")
        client.rcpt("out@example.com")
        client.data(f"Subject: {tag}\r\n\r\nhello\r\n".encode())
    arrived(server, tag)
    assert world.dns.count("_mta-sts.via.example TXT") == 0
    assert count(web, "via") == 0


# --- what is kept -------------------------------------------------------------------------


def test_it_outlives_record_server_and_restart(world, web, dovecot, tag):
    web.set("kept.example", "enforce", "mx1.kept.example")
    with world.keys.server(extensions=PLAIN) as server, \
            world.culver(dovecot) as culver:
        assert route(culver, "kept")["sts"]["source"] == "fetched"
        web.answers.clear()
        world.set(kept=None)
        culver.stop()
        culver.start()
        found = route(culver, "kept")
        assert found["sts"]["source"] == "kept"
        assert found["sts_problem"] == ""
        submit(culver, tag, "user@kept.example")
        culver.wait_log(r"deferred trace=.*policy \(MTA-STS\) demands")
        assert not server.received
        assert count(web, "kept") == 1
        os.kill(culver.wait_roles()["queue"][0], signal.SIGKILL)
        culver.wait_log("role ended role=queue")
        found = wait_route(culver, "kept", lambda r: r["result"] == "hosts")
        assert found["sts"]["source"] == "kept"


def test_it_is_fetched_anew_each_day(world, web, dovecot):
    web.set("daily.example", "enforce", "mx1.daily.example")
    with world.culver(dovecot) as culver:
        route(culver, "daily")
        culver.stop()
        change = ["sqlite3", f"{culver.state}/queue.db",
                  "UPDATE sts_policy SET fetched = fetched - 90000,"
                  " tried = tried - 90000"]
        subprocess.run(as_nobody(change) if culver.owner else change,
                       check=True)
        web.set("daily.example", "testing", "mx1.daily.example")
        # and not through a proxy that the environment names
        nobody = f"http://{DEAD}:{STS_PORT}"
        culver.start(env={"https_proxy": nobody, "ALL_PROXY": nobody})
        found = wait_route(culver, "daily",
                           lambda r: r["sts"]["mode"] == "testing")
        assert found["sts"]["source"] == "kept"
        assert found["sts"]["id"] == "1"
        assert count(web, "daily") == 2


def test_another_id(culver, world, web):
    web.set("another.example", "enforce", "mx1.another.example")
    assert route(culver, "another")["sts"]["id"] == "1"
    web.set("another.example", "testing", "mx8.another.example")
    # The same id: nobody looks.
    assert route(culver, "another")["sts"]["mode"] == "enforce"
    world.set(another="2")
    found = wait_route(culver, "another", lambda r: r["sts"]["id"] == "2")
    assert found["sts"]["mode"] == "testing"
    assert found["sts"]["source"] == "fetched"
    # A new one that cannot be had: the old one goes on.
    web.answers.clear()
    world.set(another="3")
    found = wait_route(culver, "another", lambda r: r["sts_problem"])
    assert found["sts"]["id"] == "2"
    assert "the server answers 404" in found["sts_problem"]
    asked = count(web, "another")
    assert route(culver, "another")["sts_problem"] == found["sts_problem"]
    assert count(web, "another") == asked


def test_it_ends(culver, web):
    web.set("ends.example", "enforce", "mx1.ends.example", max_age=2)
    assert route(culver, "ends")["sts"]["source"] == "fetched"
    web.answers.clear()
    time.sleep(2.5)
    found = route(culver, "ends")
    assert "sts" not in found
    assert "404" in found["sts_problem"]


# --- what cannot be had ---------------------------------------------------------------------


def endless(request):
    """No length, and no end."""
    request.send_response(200)
    request.send_header("Content-Type", "text/plain")
    request.end_headers()
    for _ in range(1000):
        request.wfile.write(b"x-extra: " + 1000 * b"x" + b"\n")


def short(request):
    """It hangs up in the middle."""
    request.send_response(200)
    request.send_header("Content-Type", "text/plain")
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(policy("enforce", "mx1.short.example"))


@pytest.fixture
def broken(culver, web):
    good = policy("enforce", "mx.example")
    web.answers = {
        "mta-sts.redirect.example": (
            302, {**PLAIN_TEXT, "Location":
                  f"https://mta-sts.good.example:{STS_PORT}{PATH}"}, good),
        "mta-sts.missing.example": (404, PLAIN_TEXT, good),
        "mta-sts.big.example": (
            200, PLAIN_TEXT, good + b"x: " + 65536 * b"x" + b"\r\n"),
        "mta-sts.endless.example": endless,
        "mta-sts.html.example": (200, {"Content-Type": "text/html"}, good),
        "mta-sts.nonsense.example": (200, PLAIN_TEXT, b"hello\r\n"),
        "mta-sts.stranger.example": (200, PLAIN_TEXT, good),
        "mta-sts.short.example": short,
    }
    return culver


@pytest.mark.parametrize("name, problem", [
    ("redirect", "the server answers 302"),
    ("missing", "the server answers 404"),
    ("big", "the answer is too big"),
    ("endless", "the answer is too big"),
    ("html", "it is not text/plain"),
    ("nonsense", "it has a line that is no field"),
    ("stranger", "certificate"),
    ("dead", "connect"),
    ("nowhere", "its host has no address"),
    ("short", "remaining"),
])
def test_what_cannot_be_fetched(broken, name, problem):
    """As if there were no policy: RFC 8461 3.3."""
    found = route(broken, name)
    assert found["result"] == "hosts"
    assert "sts" not in found
    assert problem in found["sts_problem"]
    again = route(broken, name)
    assert again["sts_problem"] == found["sts_problem"]
    assert len(broken.wait_log("a policy of MTA-STS cannot be fetched "
                               f"domain={name}.example")) == 1


def test_a_forged_record(broken):
    found = route(broken, "forged", check=False)
    assert found["result"] == "try later"
    assert "DNSSEC validation failed" in found["problem"]


def test_our_own_addresses(world, web, dovecot):
    web.set("our.example", "enforce", "mx1.our.example")
    with world.culver(dovecot, outbound_loopback="no") as culver:
        found = route(culver, "our")
        assert "leads back to us" in found["sts_problem"]
        assert count(web, "our") == 0
