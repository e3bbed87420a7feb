"""Mail that a filter has put on hold: it waits for the operator."""

import json
import time

import pytest

from culver import wait_for
from filtered import Filtered
from milters import RawFilter
from milterwire import CONTINUE, insert_header, quarantine
from smtp import message

HELD = {"E": [insert_header(0, "X-Spam", "yes"), quarantine("looks\tbad"),
              CONTINUE]}


@pytest.fixture
def world(dovecot):
    with RawFilter(HELD) as peer, \
            Filtered(dovecot, {"raw": {"socket": peer.where}},
                     retry_first="1s", retry_longest="1s",
                     queue_lifetime="1m") as world:
        world.peer = peer
        yield world


def entries(world):
    lines = world.culver.ctl("--json", "queue").stdout.splitlines()
    return [json.loads(line) for line in lines]


def wait_empty(world):
    wait_for(lambda: world.culver.queue_size() == 0, 10, "an empty queue")


def hold_one(world, tag, **how):
    reply = world.send(message(tag), **how)
    assert reply.code == 250 and "queued" in reply.text
    entry = [e for e in entries(world) if e["hold"]][-1]
    assert entry["hold"].startswith("looks")
    return entry


def test_listed(world, tag):
    entry = hold_one(world, tag)
    assert entry["next_try"] == 0 and entry["attempts"] == 0
    assert entry["kind"] == "mailbox"
    said = world.culver.ctl("queue").stdout
    assert entry["id"] in said and "held" in said and "looks" in said
    warning, = world.culver.wait_log("held until released.*")
    assert "looks" in warning[0]
    assert "warning" in next(line for line in world.culver.log().splitlines()
                             if "held until released" in line)


def test_it_stays(world, tag):
    """Neither asking to try it nor a restart moves it."""
    entry = hold_one(world, tag)
    assert "0 recipients" in world.culver.ctl("queue", "retry").stdout
    assert world.culver.ctl("queue", "retry", entry["id"],
                            check=False).returncode == 1
    world.culver.stop()
    world.culver.start()
    time.sleep(1.5)
    assert entries(world) == [entry]
    assert world.lmtp.attempts == []


def test_released(world, tag):
    """What the filter has changed is in it."""
    entry = hold_one(world, tag, recipients=["alice@example.com",
                                             "bob@example.com"])
    done = world.culver.ctl("queue", "release", entry["id"])
    assert done.stdout == "2 recipients released\n"
    wait_empty(world)
    assert world.recipients == ["alice@example.com", "bob@example.com"]
    assert tag.encode() in world.content and b"X-Spam" in world.content
    assert world.culver.ctl("queue", "release", entry["id"],
                            check=False).returncode == 1


def test_released_all(world, tag):
    hold_one(world, tag)
    world.culver.send(message(tag))
    assert world.culver.queue_size() == 2
    done = world.culver.ctl("--json", "queue", "release", "--all")
    assert json.loads(done.stdout) == {"released": 2}
    wait_empty(world)
    assert len(world.lmtp.received) == 2


def test_released_into_trouble(world, tag):
    """From then on it is mail like any other."""
    entry = hold_one(world, tag)
    world.lmtp.on_message = lambda recipient: "451 4.2.0 Later"
    world.culver.ctl("queue", "release", entry["trace"])
    wait_for(lambda: len(world.lmtp.attempts) >= 2, 10, "two attempts")
    assert entries(world)[0]["hold"] == ""
    world.lmtp.on_message = lambda recipient: "250 2.0.0 Saved"
    wait_empty(world)


def test_dropped(world, tag):
    """Nobody hears of it, neither recipient nor sender."""
    entry = hold_one(world, tag, sender="postmaster@example.com")
    done = world.culver.ctl("queue", "drop", entry["trace"])
    assert done.stdout == "1 recipient dropped\n"
    assert world.culver.queue_size() == 0
    assert world.culver.ctl("queue", "drop", entry["id"],
                            check=False).returncode == 1
    time.sleep(1.5)
    assert world.lmtp.attempts == []


def test_what_waits_can_be_dropped(world, tag):
    """Held or not."""
    world.peer.script = {}
    world.lmtp.on_message = lambda recipient: "451 4.2.0 Later"
    assert world.send(message(tag)).code == 250
    entry, = entries(world)
    assert entry["hold"] == ""
    assert json.loads(world.culver.ctl(
        "--json", "queue", "drop", entry["id"]).stdout) == {"dropped": 1}
    time.sleep(1.5)
    assert world.culver.queue_size() == 0


@pytest.mark.parametrize("words", [
    ("drop",), ("release",), ("release", "x.1", "--all"),
    ("retry", "x.1", "--all"), ("list", "--all"), ("list", "x"), ("hold",)])
def test_the_command_line_is_wrong(culver, words):
    done = culver.ctl("queue", *words, check=False)
    assert done.returncode == 2 and "queue takes" in done.stderr


@pytest.mark.parametrize("identity", ["x", ".", "x.", "no such.1", "0"])
def test_no_such_id(culver, identity):
    done = culver.ctl("queue", "drop", identity, check=False)
    assert done.returncode == 1
