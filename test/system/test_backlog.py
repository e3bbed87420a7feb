"""A big queue: a restart with it is quick, starts no rush, and costs no
memory for what only waits."""

import os
import sqlite3
import time

import pytest

from culver import Culver, status_of, wait_for
from lmtp import HANG, FakeLmtp
from smtp import message

COUNT = int(os.environ.get("CULVER_BACKLOG", "20000"))
CONTENT = b"Subject: waiting\r\n\r\n" + b"x" * 60 * 10 + b"\r\n"


def fill(culver, due):
    """Deferred mail, one recipient each."""
    now = int(time.time())
    with sqlite3.connect(f"{culver.state}/queue.db") as db:
        db.executemany(
            "INSERT INTO message VALUES (?, 't.1', 'a@far.test', '', '', 0, 0,"
            f" 0, {now - 3600}, {len(CONTENT)}, ?)",
            ((number, CONTENT) for number in range(1, COUNT + 1)))
        db.executemany(
            "INSERT INTO recipient (queue_id, place, address, original,"
            " orcpt_type, orcpt, notify, line, due, attempts, last_try,"
            " last_kind, last_code, last_status, last_text)"
            " VALUES (?, 0, 'alice@example.com', 'alice@example.com', '', '',"
            f" 0, 1, {due}, 3, {now - 600}, 2, 452, 0, 'full')",
            ((number,) for number in range(1, COUNT + 1)))
    db.close()


def memory(culver):
    pid, = culver.roles()["queue"]
    return int(status_of(pid)["VmRSS"].split()[0])


@pytest.fixture
def world(dovecot):
    with FakeLmtp(f"/tmp/culver-lmtp-{os.getpid()}") as fake, \
            Culver(dovecot, dovecot_lmtp=fake.path,
                   in_session_timeout="2s") as culver:
        yield culver, fake


def restart(culver, due):
    """Returns how long it takes to the greeting, without and with it."""
    took = []
    for is_full in (False, True):
        culver.stop()
        if is_full:
            fill(culver, due)
        begin = time.monotonic()
        culver.start()
        took.append(time.monotonic() - begin)
    print(f"{COUNT}: greeting after {took[1]:.2f} s; {took[0]:.2f} s without")
    return took


@pytest.mark.timeout(300)
def test_what_waits(world, tag):
    culver, fake = world
    culver.send(message(tag))
    before = memory(culver)
    without, with_it = restart(culver, int(time.time()) + 3600)
    assert with_it < without + 0.5
    time.sleep(2)
    after = memory(culver)
    print(f"queue: {before} KiB empty, {after} KiB with {COUNT}")
    assert after < before + 10 * 1024 + 8192  # the database's page cache
    culver.send(message(tag))
    assert [r for r, _ in fake.received] == ["alice@example.com"] * 2
    # To look at all and to change all takes its time, and mail goes on.
    begin = time.monotonic()
    out = culver.ctl("queue", "list", "--summary").stdout
    print(f"summary: {time.monotonic() - begin:.2f} s")
    assert f"{COUNT} recipients" in out
    begin = time.monotonic()
    done = culver.ctl("queue", "drop", "--from", "@far.test")
    print(f"drop: {time.monotonic() - begin:.2f} s")
    assert done.stdout == f"{COUNT} recipients dropped\n"
    assert culver.queue_size() == 0


@pytest.mark.timeout(300)
def test_what_is_overdue(world, tag):
    """Dovecot is not overrun, and new mail does not wait behind it."""
    culver, fake = world
    fake.on_message = lambda recipient: HANG
    culver.send(message(tag))
    restart(culver, int(time.time()) - 60)
    time.sleep(3)
    assert len(fake.attempts) <= 64
    assert fake.connections <= 20
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    fake.release()
    begin = time.monotonic()
    assert culver.send(message(tag)).code == 250
    assert time.monotonic() - begin < 5
    wait_for(lambda: any(tag.encode() in content
                         for _, content in list(fake.received)), 20,
             "new mail")
