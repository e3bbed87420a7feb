"""One destination's trouble is no other's: mail to dead, slow and refusing
servers waits, mail to a good one flows, and no memory grows with what waits."""

import re
import statistics
import time

import pytest

from culver import Culver, free_port, status_of, wait_for
from dns import Dns
from server import HANG, Server
from smtp import message

EACH = 700
# What the sanitizer keeps of freed memory is not what is measured here.
NO_QUARANTINE = {"ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=1:"
                                 "thread_local_quarantine_size_kb=64"}
RECORDS = {
    "good.example MX": ["10 mx.good.example"],
    "mx.good.example A": ["127.0.0.51"],
    "dead.example MX": ["10 mx.dead.example"],  # nobody listens
    "mx.dead.example A": ["127.0.0.52"],
    "tar.example MX": ["10 mx.tar.example"],
    "mx.tar.example A": ["127.0.0.53"],
    "no.example MX": ["10 mx.no.example"],
    "mx.no.example A": ["127.0.0.54"],
}
BAD = ("dead.example", "tar.example", "no.example")


def memory(culver):
    """{role: KiB}"""
    roles = culver.wait_roles()
    return {role: int(status_of(roles[role][0])["VmRSS"].split()[0])
            for role in ("queue", "deliver")}


def send(client, tag, recipient):
    client.mail("alice@example.com")
    client.rcpt(recipient)
    reply = client.data(message(tag, "text\r\n" * 100))
    assert reply.code == 250, str(reply)


def delay(client, server, tag):
    """Seconds until it is there."""
    begin = time.monotonic()
    send(client, tag, "user@good.example")
    wait_for(lambda: any(tag.encode() in c for c in server.contents()), 20, tag)
    return time.monotonic() - begin


@pytest.mark.timeout(300)
def test_a_good_server_among_bad_ones(dovecot, tag):
    port = free_port()
    with Dns(RECORDS) as dns, Server("127.0.0.51", port) as good, \
            Server("127.0.0.53", port) as tar_pit, \
            Server("127.0.0.54", port) as refusing, \
            Culver(dovecot, outbound_port=str(port), outbound_loopback="yes",
                   retry_first="2s", retry_longest="10s", log_level="info",
                   start=False, **dns.settings()) as culver:
        culver.start(env=NO_QUARANTINE)
        tar_pit.on_mail = lambda line: HANG
        refusing.on_rcpt = lambda address: "450 4.2.0 Not now"
        with culver.submission("alice@example.com") as client:
            alone = [delay(client, good, f"{tag}.alone.{i}")
                     for i in range(10)]
            among, sizes = [], []
            for i in range(EACH):
                for domain in BAD:
                    send(client, f"{tag}.{i}", f"u{i}@{domain}")
                if i % 25 == 0:
                    among.append(delay(client, good, f"{tag}.among.{i}"))
                if i in (EACH // 3, EACH - 1):
                    sizes.append(memory(culver))
            # What waits is tried again and again meanwhile.
            for i in range(20):
                among.append(delay(client, good, f"{tag}.then.{i}"))
                time.sleep(0.2)
            sizes.append(memory(culver))
        print(f"alone: median {statistics.median(alone):.3f} s, "
              f"most {max(alone):.3f} s; among: median "
              f"{statistics.median(among):.3f} s, most {max(among):.3f} s")
        print(f"KiB with {EACH}, {3 * EACH}, and later: {sizes}")
        assert culver.queue_size() == 3 * EACH
        assert statistics.median(among) < 1
        assert max(among) < 5
        assert tar_pit.most_connections == 1
        for role in ("queue", "deliver"):
            assert sizes[-1][role] < sizes[0][role] + 8192, role
        for domain, reason in (("dead", "no connection"), ("no", "Not now")):
            wait_for(lambda: re.search(  # when the last of them was tried
                rf"{EACH} .* {domain}[.]example +{reason}",
                culver.ctl("queue", "list", "--summary").stdout), 60, reason)
