"""kill -9 under outbound load: what got a 250 is at the other server or in the
queue, whole, and hardly ever twice."""

import collections
import os
import random
import re
import signal
import threading
import time

import pytest

from culver import Culver, free_port, wait_for
from dns import Dns
from server import Server
from smtp import Closed, message

ROUNDS = int(os.environ.get("CULVER_CRASH_ROUNDS", "10"))
LOAD = 200  # messages between two deaths; a death sends about one again
SENDERS = 3
RECORDS = {"far.example MX": ["10 mx.far.example"],
           "mx.far.example A": ["127.0.0.41"]}


class Submitters:
    """Logins that send all the time; accepted: tags that got a 250."""

    def __init__(self, culver):
        self.culver = culver
        self.accepted, self.sent = [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,))
                        for i in range(SENDERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        count = 0
        while not self.stopping.is_set():
            try:
                with self.culver.submission("alice@example.com") as client:
                    while not self.stopping.is_set():
                        count += 1
                        self._send(client, f"load-{number}-{count}-end")
            except (AssertionError, Closed, OSError):
                self.stopping.wait(0.02)

    def _send(self, client, tag):
        client.mail("alice@example.com")
        client.rcpt("user@far.example")
        self.sent.append(tag)
        if client.data(message(tag, f"{tag}\r\n" * 20)).code == 250:
            self.accepted.append(tag)


def copies(server):
    """{tag: copies} of what came, each whole."""
    found = collections.Counter()
    for content in server.contents():
        tag = re.search(r"\r\nSubject: (\S+)\r\n", content.decode())[1]
        assert content.count(tag.encode()) == 21, f"damaged: {content!r}"
        found[tag] += 1
    return found


def kill_all(culver):
    culver.kill()
    culver.start(timeout=30)


def kill_role(role):
    def kill(culver):
        victim = culver.wait_roles()[role][0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in culver.wait_roles(30)[role], 30,
                 f"another {role}")
    return kill


def begin_anew(culver):
    """A role that keeps dying is started later and later."""
    culver.stop()
    culver.start()


def drain(culver):
    """What a busy destination sent back may be due in a minute only."""
    for _ in range(60):
        if culver.queue_size() == 0:
            return
        culver.ctl("queue", "retry")
        time.sleep(2)
    raise AssertionError(f"{culver.queue_size()} are left in the queue")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kill", [kill_all, kill_role("deliver"),
                                  kill_role("queue")],
                         ids=["all", "deliver", "queue"])
def test_deaths(dovecot, kill):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    port = free_port()
    with Dns(RECORDS) as dns, Server("127.0.0.41", port) as server, \
            Culver(dovecot, outbound_port=str(port), outbound_loopback="yes",
                   retry_longest="2s", **dns.settings()) as culver:
        with Submitters(culver) as load:
            for number in range(1, ROUNDS + 1):
                goal = len(load.accepted) + LOAD
                wait_for(lambda g=goal: len(load.accepted) >= g, 60, "load")
                time.sleep(rng.uniform(0.05, 0.7))
                kill(culver)
                if number % 5 == 0:
                    begin_anew(culver)
        drain(culver)
        found = copies(server)
        lost = set(load.accepted) - set(found)
        assert not lost, f"{len(lost)} lost"
        assert set(found) <= set(load.sent)
        twice = sum(found.values()) - len(found)
        print(f"{len(load.accepted)} accepted, {len(found)} arrived, "
              f"{twice} second copies")
        assert twice < len(found) * 0.01
