"""Routes: which hosts take mail for a domain, as `culver route` tells."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from culver import Culver, wait_for
from dns import Dns

SHA256 = "ab" * 32

RECORDS = {
    "one.example MX": ["20 b.one.example", "10 a.one.example"],
    "a.one.example A": ["127.0.0.2"],
    "a.one.example AAAA": ["::2"],
    "b.one.example A": ["127.0.0.3"],
    "x.plain MX": ["5 mx.plain"],
    "mx.plain A": ["127.0.0.4"],
    "implicit.example A": ["127.0.0.5"],
    "null.example MX": ["0 ."],
    "nullish.example MX": ["0 .", "10 a.one.example"],
    "text.example TXT": ["no mail here"],
    "alias.example CNAME": ["one.example"],
    "aliased.example CNAME": ["implicit.example"],
    "toalias.example MX": ["10 cname.example"],
    "cname.example CNAME": ["b.one.example"],
    "bad.example MX": ["10 a.one.example"],
    "nowhere.example MX": ["10 no.address.example"],
    "badhost.example MX": ["10 bad.host.example", "20 b.one.example"],
    "bad.host.example A": ["127.0.0.6"],
    "onlybad.example MX": ["10 bad.host.example"],
    "sick.example MX": ["10 a.one.example"],
    "dane.example MX": ["10 mx.dane.example"],
    "mx.dane.example A": ["127.0.0.7"],
    "_25._tcp.mx.dane.example TLSA": [
        f"3 1 1 {SHA256}", f"2 0 1 {SHA256}", f"1 1 1 {SHA256}",
        "3 1 1 abcd"],
    "pkix.example MX": ["10 mx.pkix.example"],
    "mx.pkix.example A": ["127.0.0.8"],
    "_25._tcp.mx.pkix.example TLSA": [f"1 1 1 {SHA256}"],
    "badtlsa.example MX": ["10 mx.badtlsa.example"],
    "mx.badtlsa.example A": ["127.0.0.9"],
    "_25._tcp.mx.badtlsa.example TLSA": [f"3 1 1 {SHA256}"],
    "sicktlsa.example MX": ["10 mx.sicktlsa.example"],
    "mx.sicktlsa.example A": ["127.0.0.10"],
    "_25._tcp.mx.sicktlsa.example TLSA": [f"3 1 1 {SHA256}"],
    "plaintlsa.example MX": ["10 mx.dane.plain"],
    "mx.dane.plain A": ["127.0.0.11"],
    "_25._tcp.mx.dane.plain TLSA": [f"3 1 1 {SHA256}"],
    "mixed.example MX": [f"10 m{i}.mixed.example" for i in range(4)],
    **{f"m{i}.mixed.example A": ["127.0.0.12"] for i in range(4)},
    "many.example MX": [f"{i} h{i}.many.example" for i in range(1, 31)],
    **{f"h{i}.many.example A": [f"127.0.1.{k}" for k in range(1, 21)]
       for i in range(1, 31)},
    **{f"h{i}.many.example AAAA": [f"::{k}" for k in range(2, 21)]
       for i in range(1, 31)},
    "big.example MX": [f"{100 + i} some-long-host-name-{i}.big.example"
                       for i in range(100)] + ["10 a.one.example"],
    "loop.example MX": ["10 a.one.example", "20 mx.culver.example",
                        "20 b.one.example", "30 mx.plain"],
    "mx.culver.example A": ["127.0.0.99"],
    "self.example MX": ["10 mx.culver.example"],
    "odd.example MX": ["10 0.0.0.0.example", "20 zero.example"],
    "zero.example A": ["0.0.0.0", "224.0.0.1", "255.255.255.255"],
    "xn--bcher-kva.example MX": ["10 a.one.example"],
}
FAILURES = {"sick.example": "servfail",
            "_25._tcp.mx.sicktlsa.example": "servfail"}
BOGUS = ("bad.example MX", "bad.host.example A",
         "_25._tcp.mx.badtlsa.example TLSA")


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS, bogus=BOGUS, failures=FAILURES) as server:
        yield server


@pytest.fixture(scope="module")
def culver(dns):
    with Culver(hostname="mx.culver.example", **dns.settings()) as server:
        yield server


def route(culver, domain):
    done = culver.ctl("--json", "route", domain, check=False)
    return json.loads(done.stdout)


def names(answer):
    return [host["name"] for host in answer["hosts"]]


def test_hosts_are_in_the_order_of_preference(culver):
    answer = route(culver, "one.example")
    assert answer["result"] == "hosts" and answer["secure"] is True
    assert [(h["name"], h["preference"], h["addresses"], h["secure"], h["dane"])
            for h in answer["hosts"]] == [
        ("a.one.example", 10, ["::2", "127.0.0.2"], True, "none"),
        ("b.one.example", 20, ["127.0.0.3"], True, "none")]


def test_an_unsigned_domain_is_not_secure(culver):
    answer = route(culver, "x.plain")
    assert answer["result"] == "hosts" and answer["secure"] is False
    assert names(answer) == ["mx.plain"]
    assert answer["hosts"][0]["secure"] is False


@pytest.mark.parametrize("domain, host, address", [
    ("implicit.example", "implicit.example", "127.0.0.5"),
    ("aliased.example", "implicit.example", "127.0.0.5"),
    ("alias.example", "a.one.example", "::2"),
    ("toalias.example", "cname.example", "127.0.0.3"),
    ("nullish.example", "a.one.example", "::2"),
    ("ONE.example", "a.one.example", "::2"),
    ("bücher.example", "a.one.example", "::2"),
])
def test_ways_to_a_host(culver, domain, host, address):
    answer = route(culver, domain)
    assert answer["result"] == "hosts", answer
    assert answer["hosts"][0]["name"] == host
    assert answer["hosts"][0]["addresses"][0] == address


@pytest.mark.parametrize("domain, result, problem", [
    ("null.example", "null mx", "takes no mail"),
    ("text.example", "no host", "has an address"),
    ("no.example", "no domain", "no such domain"),
    ("no.plain", "no domain", "no such domain"),
    ("nowhere.example", "no host", "has an address"),
    ("odd.example", "no host", "has an address"),
    ("[127.0.0.2]", "no domain", "literals"),
    ("[IPv6:::1]", "no domain", "literals"),
    ("not..a.domain", "no domain", "no domain"),
    ("sick.example", "try later", "SERVFAIL"),
    ("bad.example", "try later", "DNSSEC validation failed"),
    ("onlybad.example", "try later", "DNSSEC validation failed"),
    ("self.example", "loop", "loops back to us"),
])
def test_there_is_no_way(culver, domain, result, problem):
    answer = route(culver, domain)
    assert answer["result"] == result and answer["hosts"] == []
    assert problem in answer["problem"]


def test_a_host_that_cannot_be_had_is_passed_over(culver):
    assert names(route(culver, "badhost.example")) == ["b.one.example"]


def test_the_list_ends_with_ourselves(culver):
    """By name; and hosts with our preference go as well."""
    assert names(route(culver, "loop.example")) == ["a.one.example"]


def test_equal_preferences_are_mixed(culver):
    orders = {tuple(names(route(culver, "mixed.example"))) for _ in range(30)}
    assert len(orders) > 5
    assert all(sorted(o) == [f"m{i}.mixed.example" for i in range(4)]
               for o in orders)


def test_answers_are_bounded(culver):
    answer = route(culver, "many.example")
    assert names(answer) == [f"h{i}.many.example" for i in range(1, 11)]
    for host in answer["hosts"]:
        assert len(host["addresses"]) == 8
        assert [":" in a for a in host["addresses"]] == \
            [True] * 4 + [False] * 4


def test_an_answer_too_big_for_a_datagram(culver):
    assert names(route(culver, "big.example")) == ["a.one.example"]


def test_dane(culver):
    answer = route(culver, "dane.example")
    host = answer["hosts"][0]
    assert answer["secure"] and host["secure"] and host["dane"] == "usable"
    assert sorted(host["tlsa"]) == ["020001" + SHA256.upper(),
                                    "030101" + SHA256.upper()]


@pytest.mark.parametrize("domain, dane", [
    ("pkix.example", "unusable"), ("badtlsa.example", "bogus"),
    ("sicktlsa.example", "bogus"), ("plaintlsa.example", "none")])
def test_dane_that_cannot_be_used(culver, domain, dane):
    answer = route(culver, domain)
    assert answer["hosts"][0]["dane"] == dane
    assert answer["hosts"][0]["tlsa"] == []


def test_tlsa_is_not_asked_for_unsigned_hosts(culver, dns):
    route(culver, "plaintlsa.example")
    assert dns.count("_25._tcp.mx.dane.plain TLSA") == 0


def test_people_can_read_it(culver):
    done = culver.ctl("route", "dane.example")
    assert "mx.dane.example 127.0.0.7 (DANE)" in done.stdout
    done = culver.ctl("route", "null.example", check=False)
    assert done.returncode == 1
    assert "takes no mail (null MX)" in done.stdout


def test_answers_are_remembered():
    with Dns(RECORDS, ttl=600) as dns, Culver(**dns.settings()) as culver:
        for _ in range(3):
            assert route(culver, "one.example")["result"] == "hosts"
        assert dns.count("one.example MX") == 1
        assert dns.count("a.one.example A") == 1


def test_answers_are_forgotten_in_time(culver, dns):
    route(culver, "one.example")
    asked = dns.count("one.example MX")
    time.sleep(2.1)  # it counts whole seconds
    route(culver, "one.example")
    assert dns.count("one.example MX") > asked


def test_the_world_changes():
    """What the tests of others rely on."""
    with Dns({"one.example MX": ["10 a.one.example"],
              "a.one.example A": ["127.0.0.2"]}) as dns, \
            Culver(**dns.settings()) as culver:
        assert names(route(culver, "one.example")) == ["a.one.example"]
        dns.set({"one.example MX": ["10 b.one.example"],
                 "b.one.example A": ["127.0.0.3"]})
        wait_for(lambda: names(route(culver, "one.example")) ==
                 ["b.one.example"], 10, "the new host")


def test_our_address_is_ourselves(dns):
    """Listening on all addresses; and the same address on another port is
    not ours."""
    with Culver(hostname="other.example", **dns.settings()) as culver:
        assert names(route(culver, "implicit.example")) == ["implicit.example"]
        port = culver.port
        culver.stop()
        culver.settings.update(listen_smtp=f"0.0.0.0:{port}",
                               outbound_port=str(port))
        culver.start()
        assert route(culver, "implicit.example")["result"] == "loop"


def test_a_silent_resolver(dns):
    """The question ends by itself, and works as soon as there are answers."""
    with Culver(**dns.settings()) as culver:
        dns.failures["one.example"] = "silence"
        try:
            begin = time.monotonic()
            answer = route(culver, "one.example")
            assert answer["result"] == "try later"
            assert time.monotonic() - begin < 30
        finally:
            del dns.failures["one.example"]
        assert route(culver, "x.plain")["result"] == "hosts"


def test_no_resolver_at_all():
    with Culver() as culver:
        answer = route(culver, "one.example")
        assert answer["result"] == "try later"
        assert "no resolver answers" in answer["problem"]


def test_a_resolver_without_signatures():
    """Mail goes on without DANE, and the log says so once."""
    with Dns(RECORDS, passes_signatures=False) as dns, \
            Culver(**dns.settings()) as culver:
        for domain in ("dane.example", "one.example", "x.plain"):
            answer = route(culver, domain)
            assert answer["result"] == "hosts" and answer["secure"] is False
            assert all(h["dane"] == "none" and h["secure"] is False
                       for h in answer["hosts"])
        assert culver.log().count("DNS answers are not validated") == 1


def test_signatures_that_vanish_later_do_not_matter(dns):
    """What was validated once is not taken unvalidated."""
    with Dns(RECORDS) as own, Culver(**own.settings()) as culver:
        assert route(culver, "one.example")["secure"] is True
        own.passes_signatures = False
        answer = route(culver, "dane.example")
        assert answer["result"] == "try later"


def test_a_new_resolver_is_used_after_a_reload(dns):
    with Culver(start=False) as culver:
        del culver.settings["resolver"]
        culver.write("culver.conf", 'resolver = "127.0.0.1@9"\n')
        culver.start()
        culver.write("culver.conf", "".join(
            f'{key} = "{value}"\n' for key, value in dns.settings().items()))
        culver.ctl("reload")
        assert route(culver, "one.example")["secure"] is True


def test_a_new_trust_anchor_is_noticed(dns):
    """Keys that are not those of the root: nothing is validated."""
    with Culver(start=False, **dns.settings()) as culver:
        culver.settings["trust_anchor"] = culver.conf + "/anchor"
        culver.write("anchor", ". IN DS 12345 13 2 " + "ab" * 32 + "\n")
        culver.start()
        assert route(culver, "one.example")["secure"] is False
        culver.write("anchor", (dns.directory / "anchor").read_text())
        wait_for(lambda: route(culver, "one.example")["secure"], 20,
                 "that the new anchor is used")


@pytest.mark.parametrize("text, problem", [
    (None, "cannot be read"), ("nothing\n", "has no DS or DNSKEY record")])
def test_a_trust_anchor_that_is_none(text, problem):
    with Culver(start=False) as culver:
        culver.settings["trust_anchor"] = culver.conf + "/anchor"
        if text is not None:
            culver.write("anchor", text)
        done = culver.ctl("check-config", check=False)
        assert done.returncode == 1 and problem in done.stderr


@pytest.mark.parametrize("resolver, good", [
    ("127.0.0.1", True), ("::1", True), ("::1@53,127.0.0.1@5353", True),
    ("localhost", False), ("127.0.0.1:53", False), ("127.0.0.1@", False),
    ("127.0.0.1@65536", False), ("@53", False)])
def test_the_setting_resolver(resolver, good):
    with Culver(resolver=resolver, start=False) as culver:
        done = culver.ctl("check-config", check=False)
        assert (done.returncode == 0) == good, done.stdout


def test_a_dead_lookup_is_replaced(dns):
    """Who asked it hears so, and may ask again."""
    with Culver(**dns.settings()) as culver:
        assert route(culver, "one.example")["result"] == "hosts"
        dns.failures["b.one.example"] = "silence"
        try:
            time.sleep(2.1)
            with ThreadPoolExecutor() as pool:
                asked = dns.count("b.one.example A")
                waiting = pool.submit(culver.ctl, "route", "one.example",
                                      check=False)
                wait_for(lambda: dns.count("b.one.example A") > asked, 5,
                         "the question")
                pid, = culver.roles()["lookup"]
                os.kill(pid, signal.SIGKILL)
                assert "is gone" in waiting.result().stderr
        finally:
            del dns.failures["b.one.example"]
        wait_for(lambda: culver.roles().get("lookup", [pid]) != [pid], 5,
                 "another lookup")
        assert route(culver, "one.example")["result"] == "hosts"
