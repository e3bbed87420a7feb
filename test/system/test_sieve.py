"""Mail that Dovecot sends while it takes a message: redirect, vacation, reject.
It comes to us over SMTP while LMTP waits for it."""

import time

import pytest

from conftest import delivered
from culver import Culver, free_port, wait_for
from dovecot import Dovecot
from smtp import message


@pytest.fixture
def pair():
    """(Dovecot, Culver) that know each other; with a single LMTP connection,
    which the message that makes Dovecot speak holds."""
    port = free_port()
    with Dovecot(start=False,
                 submission_host=f"127.0.0.1:{port}") as dovecot:
        for user in ("alice", "bob", "postmaster"):
            dovecot.add_user(f"{user}@example.com")
        dovecot.start()
        with Culver(dovecot, start=False, lmtp_connections="1",
                    in_session_timeout="15s") as culver:
            culver.port = port
            culver.settings["listen_smtp"] = f"127.0.0.1:{port}"
            culver.start()
            yield dovecot, culver


def test_redirect_does_not_wait_for_itself(pair, tag):
    dovecot, culver = pair
    dovecot.set_sieve("alice@example.com",
                      'redirect "bob@example.com";\nkeep;\n')
    begin = time.monotonic()
    assert culver.send(message(tag)).code == 250
    assert time.monotonic() - begin < 10, "LMTP and SMTP waited for each other"
    assert len(delivered(dovecot, "bob@example.com", tag, timeout=20)) == 1
    assert len(delivered(dovecot, "alice@example.com", tag)) == 1
    wait_for(lambda: culver.queue_size() == 0, 10)


def test_vacation_answers(pair, tag):
    """A message with the null sender, to a local user."""
    dovecot, culver = pair
    dovecot.set_sieve("alice@example.com",
                      'require "vacation";\nvacation "Away ...";\n')
    begin = time.monotonic()
    assert culver.send(message(tag, to="alice@example.com",
                               sender="bob@example.com"),
                       sender="bob@example.com").code == 250
    assert time.monotonic() - begin < 10
    found = delivered(dovecot, "bob@example.com", "Away ...", timeout=20)
    assert len(found) == 1
    assert b"Return-Path: <>" in found[0]


def test_redirect_loop_ends(pair, tag):
    """Two users redirect to each other: hops are counted, nothing spins."""
    dovecot, culver = pair
    dovecot.set_sieve("alice@example.com", 'redirect "bob@example.com";\n')
    dovecot.set_sieve("bob@example.com", 'redirect "alice@example.com";\n')
    assert culver.send(message(tag)).code == 250
    time.sleep(3)
    wait_for(lambda: culver.queue_size() == 0, 30, "an empty queue")
    assert culver.log().count("connected") < 500
