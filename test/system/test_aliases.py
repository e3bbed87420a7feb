"""Aliases of a domain: chasquid's file, and how addresses are found."""

import pytest

from conftest import delivered
from culver import Culver, wait_for
from smtp import message

FILE = """\
# who reads what
info: alice, bob
Sales : info
one: alice
remote: someone@elsewhere.test
both: alice, someone@elsewhere.test
bücher: carol
dead: nobody
half: alice, nobody
loop: pool
pool: loop
bob: carol
other: alice@second.example
"""
DEEP = "".join(f"deep{i}: deep{i + 1}\n" for i in range(1, 12)) + \
    "deep12: alice\n"


@pytest.fixture(scope="module")
def culver(dovecot):
    dovecot.add_user("alice@second.example")
    with Culver(dovecot, domains=("example.com", "second.example"),
                aliases={"example.com": FILE + DEEP,
                         "second.example": "*: *@example.com\n"}) as server:
        yield server


def rcpt(culver, address, parameters=""):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(parameters=parameters)
        return client.command(f"RCPT TO:<{address}>")


def assert_reaches(culver, dovecot, tag, address, *users, parameters=""):
    with culver.smtp() as client:
        client.ehlo()
        client.mail(parameters=parameters)
        client.rcpt(address)
        assert client.data(message(tag)).code == 250
    for user in ("alice@example.com", "bob@example.com", "carol@example.com",
                 "alice@second.example"):
        wanted = int(user in users)
        found = delivered(dovecot, user, tag, timeout=10 if wanted else 0)
        assert len(found) == wanted, f"{address}: {user} has {len(found)}"


@pytest.mark.parametrize("address, users", [
    ("one@example.com", ["alice@example.com"]),
    ("ONE@Example.Com", ["alice@example.com"]),
    ("one+detail@example.com", ["alice@example.com"]),
    ("info@example.com", ["alice@example.com", "bob@example.com"]),
    ("sales@example.com", ["alice@example.com", "bob@example.com"]),
    # an exact mailbox comes before an alias of that name
    ("bob@example.com", ["bob@example.com"]),
    ("other@example.com", ["alice@second.example"]),
    # the catch-all keeps the user, and never shadows a mailbox
    ("bob@second.example", ["bob@example.com"]),
    ("alice@second.example", ["alice@second.example"]),
    ("deep5@example.com", ["alice@example.com"]),
])
def test_alias_reaches(culver, dovecot, tag, address, users):
    assert_reaches(culver, dovecot, tag, address, *users)


def test_utf8_alias(culver, dovecot, tag):
    assert_reaches(culver, dovecot, tag, "bücher@example.com",
                   "carol@example.com", parameters=" SMTPUTF8")


def test_decomposed_utf8_is_the_same_alias(culver, dovecot, tag):
    """NFC: u and a combining diaeresis are an ü."""
    assert_reaches(culver, dovecot, tag, "Bu\u0308cher@example.com",
                   "carol@example.com", parameters=" SMTPUTF8")


@pytest.mark.parametrize("address", [
    "dead@example.com", "nobody@example.com", "nobody@second.example"])
def test_alias_to_nobody_is_refused_at_rcpt(culver, address):
    reply = rcpt(culver, address)
    assert (reply.code, reply.status) == (550, "5.1.1")


@pytest.mark.parametrize("address", ["loop@example.com", "pool@example.com",
                                     "deep1@example.com"])
def test_cycles_and_depth(culver, address):
    assert 500 <= rcpt(culver, address).code < 600


@pytest.mark.parametrize("address", ["remote@example.com",
                                     "both@example.com"])
def test_remote_target(culver, address):
    """For anyone; test_forward.py has what happens then."""
    assert rcpt(culver, address).code == 250


def test_resolve_prints_each_step(culver):
    out = culver.ctl("resolve", "sales+x@example.com").stdout
    for word in ("sales", "info", "alice@example.com", "bob@example.com"):
        assert word in out, out
    done = culver.ctl("resolve", "nobody@example.com", check=False)
    assert "nobody@example.com" in done.stdout + done.stderr


def test_a_change_is_noticed(culver, dovecot, tag):
    culver.write("domains/example.com/aliases",
                 FILE + DEEP + "fresh: carol\n")
    wait_for(lambda: rcpt(culver, "fresh@example.com").code == 250, 10,
             "the alias")
    assert_reaches(culver, dovecot, tag, "fresh@example.com",
                   "carol@example.com")


@pytest.mark.parametrize("line, words", [
    ("prog: |", "aliases:2"),
    ("away: x@elsewhere.test via 192.0.2.1", "aliases:2"),
    ("nothing:", "aliases:2"),
    ("no colon", "aliases:2"),
    ("bad: a@@b", "aliases:2"),
])
def test_wrong_lines_are_named(dovecot, line, words):
    with Culver(dovecot, aliases={"example.com": f"ok: alice\n{line}\n"},
                start=False) as culver:
        done = culver.ctl("check-config", check=False)
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
