"""culver queue: what the operator sees of the mail that waits, and decides."""

import email
import json
import os
import sqlite3
import time

import pytest

from culver import Culver, wait_for
from lmtp import FakeLmtp
from smtp import message

FULL = "452 4.2.2 Mailbox has no room today"


@pytest.fixture
def fake(dovecot):
    with FakeLmtp(f"/tmp/culver-lmtp-{os.getpid()}") as server:
        server.on_message = lambda recipient: FULL
        yield server


@pytest.fixture
def culver(dovecot, fake):
    """Nothing is tried again by itself."""
    with Culver(dovecot, dovecot_lmtp=fake.path, in_session_timeout="2s",
                retry_first="1h", retry_longest="1h") as server:
        yield server


def entries(culver, *which):
    out = culver.ctl("--json", "queue", "list", *which).stdout
    return [json.loads(line) for line in out.splitlines()]


def recipients(culver, *which):
    return sorted(entry["recipient"] for entry in entries(culver, *which))


def three(culver, tag):
    """Of two senders, to three recipients."""
    culver.send(message(tag), ["alice@example.com", "bob@example.com"],
                sender="someone@client.test")
    culver.send(message(tag), ["carol@example.com"], sender="")
    assert culver.queue_size() == 3


def age(culver, seconds):
    with sqlite3.connect(f"{culver.state}/queue.db") as db:
        db.execute(f"UPDATE message SET arrived = arrived - {seconds}")
    db.close()


# --- seeing ------------------------------------------------------------------------


@pytest.mark.parametrize("which, found", [
    ((), "abc"), (("--from", "someone@client.test"), "ab"),
    (("--from", "@CLIENT.test"), "ab"), (("--from", "<>"), "c"),
    (("--to", "bob@example.com"), "b"), (("--to", "@example.com"), "abc"),
    (("--to", "@ample.com"), ""), (("--held",), ""),
    (("--older-than", "1d"), ""), (("--from", "<>", "--to", "@b.test"), ""),
])
def test_selected(culver, fake, tag, which, found):
    three(culver, tag)
    assert "".join(name[0] for name in recipients(culver, *which)) == found


def test_older_than(culver, fake, tag):
    three(culver, tag)
    culver.stop()
    age(culver, 7200)
    culver.start()
    culver.send(message(tag))
    assert len(recipients(culver)) == 4
    assert recipients(culver, "--older-than", "2h") == [
        "alice@example.com", "bob@example.com", "carol@example.com"]
    assert recipients(culver, "--older-than", "3h") == []


def test_summary(culver, fake, tag):
    assert culver.ctl("queue", "list", "--summary").stdout == \
        "The queue is empty.\n"
    three(culver, tag)
    title, line, total = culver.ctl("queue", "list",
                                    "--summary").stdout.splitlines()
    assert title.split() == ["COUNT", "AGE", "DOMAIN", "REASON"]
    assert line.split()[0] == "3" and line.split()[2] == "example.com"
    assert "no room today" in line and total == "3 recipients"
    group, = [json.loads(line) for line in culver.ctl(
        "--json", "queue", "--summary").stdout.splitlines()]
    assert group["recipients"] == 3 and group["domain"] == "example.com"
    assert time.time() - 60 < group["oldest"] <= time.time()


def test_shown(culver, fake, tag):
    """The envelope, each recipient, and the header, cleaned."""
    culver.send(message(tag, extra="X-Odd: a\x1b[31mb\r\n\tfolded\r\n"),
                ["alice@example.com", "bob@example.com"],
                sender="someone@client.test")
    entry = entries(culver)[0]
    for identity in (entry["id"], entry["trace"]):
        out = culver.ctl("queue", "show", identity).stdout
        assert "\x1b" not in out and "a\\x1B[31mb\n\tfolded" in out
        assert "someone@client.test" in out and entry["trace"] in out
        assert "alice@example.com" in out and "bob@example.com" in out
        assert out.count("no room today") == 2 and out.count("452") >= 2
        assert "deferred" in out and tag in out
        assert out.index("bob@example.com") < out.index("X-Odd")
    lines = [json.loads(line) for line in culver.ctl(
        "--json", "queue", "show", entry["id"]).stdout.splitlines()]
    assert [line.get("recipient") for line in lines] == [
        "alice@example.com", "bob@example.com", None]
    assert lines[0]["code"] == 452 and lines[0]["state"] == "deferred"
    assert lines[0]["last_try"] > 0
    header = lines[2]["header"]
    assert header["id"] == entry["id"]
    assert email.message_from_string(header["text"])["X-Odd"]


def test_not_there(culver):
    done = culver.ctl("queue", "show", "a1", check=False)
    assert done.returncode == 1 and "no such message" in done.stderr


# --- deciding ------------------------------------------------------------------------


def test_retried(culver, fake, tag):
    three(culver, tag)
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    done = culver.ctl("queue", "retry", "--from", "<>")
    assert done.stdout == "1 recipient to be tried now\n"
    wait_for(lambda: culver.queue_size() == 2, 10, "a delivery")
    assert [r for r, _ in fake.received] == ["carol@example.com"]
    culver.ctl("queue", "retry", "--all")
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


def test_held_and_released(culver, fake, tag):
    three(culver, tag)
    done = culver.ctl("queue", "hold", "--to", "@example.com", "--reason",
                      "looks odd")
    assert done.stdout == "3 recipients on hold now\n"
    assert recipients(culver, "--held") == recipients(culver)
    assert "looks odd" in culver.ctl("queue").stdout
    assert culver.ctl("queue", "retry", "--all").stdout.startswith("0 ")
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    culver.ctl("queue", "release", "--from", "<>")
    wait_for(lambda: culver.queue_size() == 2, 10, "a delivery")
    culver.ctl("queue", "release", "--all")
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


def test_dropped(culver, fake, tag):
    three(culver, tag)
    done = culver.ctl("--json", "queue", "drop", "--to", "alice@example.com")
    assert json.loads(done.stdout) == {"dropped": 1}
    assert recipients(culver) == ["bob@example.com", "carol@example.com"]
    culver.ctl("queue", "drop", "--all", "--yes")
    assert culver.queue_size() == 0
    assert fake.received == []


def test_bounced(culver, fake, tag):
    """The sender is told, with what the server said last."""
    fake.on_message = lambda recipient: "250 2.0.0 Saved" \
        if recipient.startswith("postmaster") else FULL
    culver.send(message(tag), ["alice@example.com"],
                sender="postmaster@example.com")
    done = culver.ctl("queue", "bounce", "--all", "--yes")
    assert done.stdout == "1 recipient given up\n"
    wait_for(lambda: len(fake.received) == 1, 10, "the report")
    report = email.message_from_bytes(fake.received[0][1])
    assert report["Subject"] == "Your message was not delivered"
    about = report.get_payload(1).get_payload(1)
    assert about["Action"] == "failed" and "no room" in \
        about["Diagnostic-Code"]
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


# --- by no accident --------------------------------------------------------------------


@pytest.mark.parametrize("words", [
    ("drop", "--all"), ("bounce", "--all"), ("drop",), ("bounce",), ("hold",),
    ("drop", "--yes"), ("show",), ("show", "--all"), ("show", "a1", "--held"),
    ("list", "--reason", "x"), ("retry", "a1", "--all"), ("retry", "--summary"),
    ("drop", "--older-than", "0s"), ("drop", "--older-than", "soon"),
    ("drop", "--held", "--all")])
def test_the_command_line_is_wrong(culver, fake, tag, words):
    culver.send(message(tag))
    assert culver.ctl("queue", *words, check=False).returncode == 2
    assert culver.queue_size() == 1


@pytest.mark.parametrize("words", [("--from", ""), ("--to", "")])
def test_nothing_selects_nothing(culver, fake, tag, words):
    culver.send(message(tag))
    done = culver.ctl("queue", "drop", *words, check=False)
    assert done.returncode == 1 and "no address" in done.stderr
    assert culver.queue_size() == 1
