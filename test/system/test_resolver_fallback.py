"""Who is asked where a resolver does not pass on what proves signatures."""

import contextlib

import pytest

import netns
from culver import Culver
from dns import Dns
from test_lookup import RECORDS, route

# Those that libunbound knows, of a to m; it may begin with any.
ROOT_SERVERS = ("198.41.0.4", "199.9.14.201", "170.247.170.2", "192.33.4.12",
                "199.7.91.13", "192.203.230.10", "192.5.5.241",
                "192.112.36.4", "198.97.190.53", "192.36.148.17",
                "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33")
own_network = pytest.mark.skipif(netns.why_not() != "",
                                 reason=netns.why_not())


@contextlib.contextmanager
def asking(anchor, *fallbacks, resolver=None):
    """A Culver with that resolver, which validates by that Dns' key."""
    settings = {**anchor.settings(), "resolver": "",
                "resolver_fallback": ",".join(fallbacks)}
    if resolver is not None:
        settings["resolver"] = resolver.settings()["resolver"]
    with Culver(**settings) as culver:
        yield culver


def here(dns):
    return f"127.0.0.1@{dns.port}"


def test_another_resolver_passes_them_on():
    bogus = "_25._tcp.mx.badtlsa.example TLSA"
    with Dns(RECORDS, passes_signatures=False) as poor, \
            Dns(RECORDS, bogus=[bogus]) as good, \
            asking(good, here(good), resolver=poor) as culver:
        answer = route(culver, "dane.example")
        assert answer["secure"] and answer["hosts"][0]["dane"] == "usable"
        # What is bogus stays bogus, though the first says it plainly.
        answer = route(culver, "badtlsa.example")
        assert answer["hosts"][0]["dane"] == "bogus"
        culver.wait_log("warning: DNS answers are validated, but not those of "
                        f"the resolver by={here(good)} resolver={here(poor)}")


def test_none_does():
    with Dns(RECORDS, passes_signatures=False) as poor, \
            Dns(RECORDS, passes_signatures=False) as other, \
            asking(other, here(other), resolver=poor) as culver:
        answer = route(culver, "dane.example")
        assert answer["result"] == "hosts" and not answer["secure"]
        assert answer["hosts"][0]["dane"] == "none"
        culver.wait_log("error: DNS answers are not validated, and DANE is off "
                        f"by={here(poor)}")
        assert "dane.example MX" in poor.asked
        assert "dane.example MX" not in other.asked


def test_a_resolver_that_is_silent_is_waited_for():
    """It may know names that others do not."""
    with Dns(RECORDS, failures={"": "servfail"}) as silent, \
            Dns(RECORDS) as good, \
            asking(good, here(good), resolver=silent) as culver:
        answer = route(culver, "one.example")
        assert answer["result"] == "try later"
        assert "one.example MX" not in good.asked
        assert "validated" not in culver.log()


@own_network
@pytest.mark.parametrize("fallback", ["local", "recursion"])
def test_on_this_machine_or_from_the_root_on(fallback):
    """No resolver is set: the first is not there."""
    with netns.Network(*ROOT_SERVERS), \
            Dns(RECORDS, addresses=[(address, 53) for address in
                                    ("127.0.0.1", *ROOT_SERVERS)]) as dns, \
            asking(dns, "127.0.0.3@9", fallback) as culver:
        answer = route(culver, "dane.example")
        assert answer["secure"] and answer["hosts"][0]["dane"] == "usable"
        assert route(culver, "x.plain")["result"] == "hosts"
        culver.wait_log("DNS answers are validated by=" + (
            "127.0.0.1" if fallback == "local" else ".the servers of DNS"))
