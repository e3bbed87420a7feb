"""A full disk: never a 250 without the whole message, and it recovers."""

import errno
import os
import shutil
import subprocess
import time

import pytest

from culver import Culver, NOBODY, wait_for
from lmtp import FakeLmtp
from smtp import Closed, message

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can mount a small tmpfs")


@pytest.fixture
def fake():
    with FakeLmtp(f"/tmp/culver-lmtp-{os.getpid()}") as server:
        yield server


@pytest.fixture
def culver(dovecot, fake):
    """Its state_dir is a tmpfs of 8 MB."""
    server = Culver(dovecot, start=False, dovecot_lmtp=fake.path,
                    in_session_timeout="1s", queue_reserve="2M",
                    retry_first="1s", retry_longest="2s")
    subprocess.run(["mount", "-t", "tmpfs", "-o",
                    f"size=8M,mode=700,uid={NOBODY},gid={NOBODY}", "tmpfs",
                    server.state], check=True)
    try:
        with server:
            server.start()
            yield server
    finally:
        subprocess.run(["umount", "-l", server.state], check=True)
        shutil.rmtree(server.directory, ignore_errors=True)


def fill(culver, leave=0):
    """Takes all room but so many octets; returns the file. The server may be
    writing, too, so what room there is changes meanwhile."""
    path = os.path.join(culver.state, "ballast")
    with open(path, "wb") as f:
        def take():
            room = os.statvfs(culver.state)
            size = room.f_bavail * room.f_frsize - leave
            try:
                if size > 0:
                    os.posix_fallocate(f.fileno(), os.fstat(
                        f.fileno()).st_size, size)
                return True
            except OSError as trouble:
                return trouble.errno != errno.ENOSPC
        wait_for(take, 5, "a full disk")
    return path


def attempt(culver, tag, size):
    """The code of the last reply."""
    content = message(tag, f"{tag} {'x' * 60}\r\n" * (size // 80))
    with culver.smtp() as client:
        client.ehlo()
        reply = client.command("MAIL FROM:<sender@client.test>")
        if reply.code == 250:
            reply = client.command("RCPT TO:<alice@example.com>")
        if reply.code == 250:
            try:
                reply = client.data(content)
            except (BrokenPipeError, ConnectionResetError, Closed) as end:
                raise AssertionError("it hung up instead of a 452") from end
    return reply, content


@pytest.mark.parametrize("leave", [0, 5_000, 100_000, 1_000_000])
@pytest.mark.parametrize("size", [500, 60_000, 400_000, 3_000_000])
def test_full_disk(culver, fake, tag, size, leave):
    fake.on_message = lambda recipient: "451 4.2.0 Wait"
    kept = []
    reply, content = attempt(culver, f"{tag}-a", size)
    assert reply.code == 250
    kept.append(content)
    ballast = fill(culver, leave)
    for number in range(4):
        reply, content = attempt(culver, f"{tag}-{number}", size)
        assert reply.code in (250, 452), str(reply)
        if reply.code == 250:
            kept.append(content)
        else:
            assert reply.status == "4.3.1"
    os.unlink(ballast)
    wait_for(lambda: attempt(culver, f"{tag}-z", 500)[0].code == 250, 10,
             "that mail is taken again")
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    wait_for(lambda: len(fake.received) >= len(kept) + 1, 30,
             f"{len(kept) + 1} deliveries")
    stored = [content for _, content in fake.received]
    for content in kept:
        assert sum(each.endswith(content) for each in stored) == 1
    wait_for(lambda: culver.queue_size() == 0, 10, "an empty queue")


def test_no_room_is_said_at_mail(culver):
    """452 4.3.1 before any data are sent, while what is left is the
    reserve."""
    ballast = fill(culver, leave=1_000_000)

    def said():
        with culver.smtp() as client:
            client.ehlo()
            reply = client.command("MAIL FROM:<sender@client.test>")
            return (reply.code, reply.status) == (452, "4.3.1")
    wait_for(said, 20, "452 at MAIL")
    os.unlink(ballast)
    wait_for(lambda: not said(), 20, "room again")


def test_delivery_goes_on_when_the_disk_is_full(culver, fake):
    """What waits leaves although the database can hardly be written."""
    fake.on_message = lambda recipient: "451 4.2.0 Wait"
    for number in range(10):
        assert attempt(culver, f"full-{number}", 20_000)[0].code == 250
    fill(culver)
    fake.on_message = lambda recipient: "250 2.0.0 Saved"
    wait_for(lambda: len(fake.received) >= 10, 30, "10 deliveries")
    time.sleep(1)
    assert len({content for _, content in fake.received}) == 10
