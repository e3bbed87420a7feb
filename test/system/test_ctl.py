"""The culver command, beside what the other files show of it."""

import json
import os
import socket

import pytest

from conftest import delivered
from culver import Culver, wait_for
from lmtp import FakeLmtp
from smtp import message


@pytest.fixture
def fake():
    with FakeLmtp(f"/tmp/culver-lmtp-{os.getpid()}") as server:
        server.on_message = lambda recipient: "451 4.2.0 Wait"
        yield server


def test_queue_retry(dovecot, fake):
    """All of it, or one message, at once."""
    with Culver(dovecot, dovecot_lmtp=fake.path,
                retry_first="1h") as culver:
        for _ in range(3):
            assert culver.send(message()).code == 250
        entries = [json.loads(line) for line
                   in culver.ctl("--json", "queue").stdout.splitlines()]
        assert len(entries) == 3
        fake.on_message = lambda recipient: "250 2.0.0 Saved"
        ident = next(e[k] for e in entries for k in ("id", "queue_id")
                     if k in e)
        culver.ctl("queue", "retry", str(ident))
        wait_for(lambda: len(fake.received) == 1, 10, "one delivery")
        culver.ctl("queue", "retry")
        wait_for(lambda: len(fake.received) == 3, 10, "three deliveries")
        wait_for(lambda: culver.queue_size() == 0, 10)


def test_queue_retry_of_an_unknown_message(culver):
    done = culver.ctl("queue", "retry", "00000000deadbeef", check=False)
    assert "0" in done.stdout or done.returncode != 0


def test_queue_lists_many(dovecot, fake):
    """More than one message between processes holds."""
    with Culver(dovecot, dovecot_lmtp=fake.path, retry_first="1h",
                in_session_delivery="no") as culver:
        with culver.smtp() as client:
            client.ehlo()
            for _ in range(15):
                client.mail()
                client.send("".join(f"RCPT TO:<alice+{n}@example.com>\r\n"
                                    for n in range(100)))
                for _ in range(100):
                    client.expect(250)
                assert client.data(message()).code == 250
        lines = culver.ctl("--json", "queue").stdout.splitlines()
        assert len(lines) == 1500
        assert len(set(lines)) == 1500


def test_reload_says_what_is_wrong(dovecot):
    with Culver(dovecot) as culver:
        assert culver.ctl("reload").returncode == 0
        culver.write("culver.conf", "hostnmae = x.test\n")
        done = culver.ctl("reload", check=False)
        assert done.returncode != 0
        assert "culver.conf:1" in done.stdout + done.stderr
        assert "hostname" in done.stdout + done.stderr
        with culver.smtp() as client:
            client.ehlo()


def test_resolve_in_json(culver):
    out = culver.ctl("--json", "resolve", "alice+x@example.com").stdout
    answer = [json.loads(line) for line in out.splitlines()]
    assert "alice" in json.dumps(answer)


@pytest.mark.parametrize("arguments", [
    (), ("no-such-command",), ("resolve",), ("resolve", "a", "b"),
    ("--no-such-option",), ("queue", "bury")])
def test_wrong_use(culver, arguments):
    done = culver.ctl(*arguments, check=False)
    assert done.returncode not in (0, -11, -6)
    assert done.stderr


def test_no_daemon(dovecot):
    with Culver(dovecot, start=False) as culver:
        done = culver.ctl("queue", check=False)
        assert done.returncode != 0
        assert "control.sock" in done.stderr


def test_control_socket_is_the_admins(culver):
    """Not for everyone: it tells who writes to whom."""
    path = os.path.join(culver.run, "control.sock")
    assert os.stat(path).st_mode & 0o007 == 0


def test_garbage_on_the_control_socket(culver, dovecot, tag):
    path = os.path.join(culver.run, "control.sock")
    for data in (b"\0" * 100, b"{" * 100000, b"{\"command\":", b"[]\n",
                 b"{\"command\": 7}\n", b"null\n" * 1000, b"\xff\xfe\n"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.settimeout(2)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError:
                pass
    culver.ctl("queue")
    assert culver.send(message(tag)).code == 250
    assert delivered(dovecot, "alice@example.com", tag)


def test_clients_that_do_not_wait_for_the_answer(dovecot):
    """They are forgotten: others find room."""
    with Culver(dovecot) as culver:
        for _ in range(40):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(f"{culver.run}/control.sock")
                s.sendall(b'{"command":"queue_list"}\n')
        wait_for(lambda: culver.ctl("queue", check=False).returncode == 0, 5,
                 "an answer")
        control, = culver.roles()["control"]
        wait_for(lambda: len(os.listdir(f"/proc/{control}/fd")) < 30, 5,
                 "the end of their sessions")
