"""outbound_ipv6 = auto: IPv6 only where our address has a name that leads back
to it."""

import ipaddress

import pytest

import netns
from culver import Culver, free_port
from dns import Dns
from server import Server
from test_outbound import arrived, submit

pytestmark = pytest.mark.skipif(netns.why_not() != "", reason=netns.why_not())
# Not of 2001:db8::/32, which libunbound answers for itself.
OURS, OTHER = "2600:bad::1", "2600:bad::2"
THEIRS = "2600:bad::25"
IPV4 = "127.0.0.51"

RECORDS = {
    "both.example MX": ["10 mx.both.example"],
    "mx.both.example A": [IPV4],
    "mx.both.example AAAA": [THEIRS],
    "six.example MX": ["10 mx.six.example"],
    "mx.six.example AAAA": [THEIRS],
}


def named(address, name, *addresses):
    """The address has that name, and the name those addresses."""
    arpa = ipaddress.ip_address(address).reverse_pointer
    return {f"{arpa} PTR": [name],
            **({f"{name} AAAA": list(addresses)} if addresses else {})}


@pytest.fixture(scope="module")
def network(dovecot):  # which is not to be in it
    with netns.Network(OURS, OTHER, THEIRS):
        yield


def world(records, dovecot, port, **settings):
    dns = Dns({**RECORDS, **records})
    return dns, Culver(dovecot, certificates=("mx.culver.example",),
                       outbound_port=str(port), outbound_loopback="yes",
                       hostname="mx.culver.example", **dns.settings(),
                       **settings)


@pytest.mark.parametrize("records, settings, uses, words", [
    (named(OURS, "mx.our.example", OURS), {}, True,
     f"our address {OURS} is mx.our.example, and leads back"),
    (named(OTHER, "mx.our.example", OTHER), {"outbound_address6": OTHER}, True,
     f"our address {OTHER} is mx.our.example, and leads back"),
    ({}, {}, False, f"our address {OURS} has no name in DNS"),
    (named(OURS, "mx.our.example", OTHER), {}, False,
     "which does not lead back to it"),
    ({}, {"outbound_ipv6": "yes"}, True, "outbound_ipv6 is yes"),
    (named(OURS, "mx.our.example", OURS), {"outbound_ipv6": "no"}, False,
     "outbound_ipv6 is no"),
], ids=["confirmed", "another address", "no name", "not back", "yes", "no"])
def test_which_way(network, dovecot, tag, records, settings, uses, words):
    port = free_port()
    dns, culver = world(records, dovecot, port, **settings)
    with dns, culver, Server(THEIRS, port) as six, Server(IPV4, port) as four:
        submit(culver, tag, "user@both.example")
        arrived(six if uses else four, tag)
        assert not (four if uses else six).connections
        said = culver.ctl("route", "both.example").stdout
        assert f"IPv6 is {'' if uses else 'not '}used: " in said
        assert words in said
        if "outbound_ipv6" not in settings:
            culver.wait_log("mail goes out over .*" + words)
        submit(culver, tag + "-6", "user@six.example")
        if uses:
            arrived(six, tag + "-6")
        else:
            culver.wait_log(r"deferred trace=.*status=4\.4\.4 .*IPv6 "
                            "addresses only.*" + words)
