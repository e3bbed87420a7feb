"""What the system tests share. Each pytest worker has one Dovecot, which tests
must leave as they found it; one that breaks it starts its own."""

import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from culver import Culver, NOBODY  # noqa: E402
from dovecot import Dovecot, quota_field  # noqa: E402

USERS = ("alice@example.com", "bob@example.com", "carol@example.com",
         "postmaster@example.com", "o.dot@example.com",
         "alice@xn--bcher-kva.example")

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def dovecot():
    """Shared by a worker's tests: only users may be added."""
    with Dovecot(start=False) as server:
        for user in USERS:
            server.add_user(user)
        server.add_user("off@example.com", extra="nologin")
        server.add_user("sick@example.com", extra="userdb_tempfail=yes")
        server.add_user("full@example.com", extra=quota_field("10B"))
        server.start()
        yield server


@pytest.fixture
def own_dovecot():
    """For a test that stops, freezes or breaks it."""
    with Dovecot(start=False) as server:
        server.add_user("alice@example.com")
        server.add_user("bob@example.com")
        server.start()
        yield server


@pytest.fixture(scope="module")
def culver(dovecot):
    """Shared by a module's tests, with no setting of note."""
    with Culver(dovecot) as server:
        yield server


@pytest.fixture
def tag():
    """A text that no other test's messages have."""
    return f"tag-{os.getpid()}-{next(_serial)}-end"


def delivered(dovecot, user, tag, timeout=10, count=1):
    """The messages of a user in which the tag stands, as soon as there are
    count of them."""
    import time
    deadline = time.monotonic() + timeout
    needle = tag.encode()
    while True:
        found = [m for m in dovecot.messages(user) if needle in m]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


as_root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root to change users")
assert NOBODY
