"""culver dkim: keys made, published, taken into use and out of it."""

import json
import os
import stat

import dkim
import pytest

from conftest import delivered
from culver import Culver, wait_for
from dkimkeys import signatures

ALICE = "alice@example.com"


@pytest.fixture
def culver(dovecot):
    with Culver(dovecot, domains=("example.com", "b\u00fccher.example"),
                workers="1") as server:
        yield server


@pytest.fixture
def idle():
    """Not running."""
    server = Culver(domains=("example.com", "b\u00fccher.example"),
                    start=False)
    with server:
        yield server


def keys(culver, *arguments):
    return [json.loads(line)["key"]
            for line in culver.ctl("dkim", *arguments,
                                   "--json").stdout.splitlines()]


def states(culver, domain="example.com"):
    return {k["selector"]: k["state"] for k in keys(culver, "list", domain)}


def test_the_life_of_a_key(idle):
    assert idle.ctl("dkim", "list").stdout.startswith("There is no key")
    said = idle.ctl("dkim", "new", "example.com", "S1").stdout
    path = f"{idle.conf}/domains/example.com/dkim:s1.pem.new"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    if idle.owner is not None:
        assert os.stat(path).st_uid == idle.owner
    assert "culver dkim activate example.com s1" in said
    assert "s1._domainkey.example.com. IN TXT ( \"v=DKIM1; k=rsa; p=" in said
    assert states(idle) == {"s1": "new"}

    idle.ctl("dkim", "activate", "EXAMPLE.com")
    assert states(idle) == {"s1": "active"}
    assert not os.path.exists(path)
    assert idle.ctl("dkim", "activate", "example.com", "s1",
                    check=False).returncode == 1

    record = keys(idle, "dns", "example.com")[0]["value"]
    idle.ctl("dkim", "retire", "example.com", "s1")
    assert states(idle) == {"s1": "retired"}
    with open(path.replace(".new", ".retired"), encoding="ascii") as f:
        assert "PRIVATE" not in f.read()
    assert keys(idle, "dns", "example.com")[0]["value"] == record
    # Nobody knows what is in the queue.
    done = idle.ctl("dkim", "retire", "example.com", "s1", check=False)
    assert done.returncode == 1
    assert states(idle) == {"s1": "retired"}
    idle.ctl("dkim", "retire", "example.com", "s1", "--yes")
    assert states(idle) == {}


@pytest.mark.parametrize("kind,algorithm,bits", [
    (None, "rsa-sha256", 2048), ("rsa4096", "rsa-sha256", 4096),
    ("ed25519", "ed25519-sha256", 253)])
def test_what_is_published(idle, kind, algorithm, bits):
    more = ["--type", kind] if kind else []
    key = keys(idle, "new", "b\u00fccher.example", *more)[0]
    assert key["domain"] == "xn--bcher-kva.example"
    assert key["name"].endswith("._domainkey.xn--bcher-kva.example")
    assert key["algorithm"] == algorithm
    assert abs(key["bits"] - bits) < 8
    assert "".join(key["strings"]) == key["value"]
    assert all(len(s) <= 255 for s in key["strings"])
    assert len(key["strings"]) == (1 if kind == "ed25519" else
                                   2 if kind is None else 3)
    if kind != "rsa4096":  # python3-dkim reads it, too
        public, _, _, _ = dkim.evaluate_pk(b"x", key["value"].encode())
        assert public
    # A zone file of it says the same.
    text = idle.ctl("dkim", "dns", "xn--bcher-kva.example").stdout
    zone = text[text.index("file:\n") + 6:text.index("; In the form")]
    assert "".join(zone.split('"')[1::2]) == key["value"]


@pytest.mark.parametrize("arguments,status", [
    (["new", "far.example"], 1), (["new", "ex..ample"], 1),
    (["new", "example.com", "a b"], 1), (["new", "example.com", "../x"], 1),
    (["new", "example.com", "x", "--type", "dsa"], 2), (["new"], 2),
    (["activate", "example.com"], 1), (["retire", "example.com", "x"], 1),
    (["dns", "example.com"], 1), (["nonsense"], 2), (["list", "a", "b"], 2),
])
def test_what_is_refused(idle, arguments, status):
    done = idle.ctl("dkim", *arguments, check=False)
    assert done.returncode == status and done.stderr.startswith("culver: ")
    assert states(idle) == {}


def test_no_two_alike(idle):
    idle.ctl("dkim", "new", "example.com", "s1")
    assert idle.ctl("dkim", "new", "example.com", "S1",
                    check=False).returncode == 1


def test_rotation(culver, dovecot, tag):
    """From the first key to the next, with mail in the queue meanwhile."""
    records = {}

    def dns(name, timeout=5):
        del timeout
        return records.get(name.decode().rstrip("."), "").encode() or None

    def publish():
        records.clear()
        for key in keys(culver, "dns", "example.com"):
            records[key["name"]] = key["value"]

    def signers(to=ALICE):
        number = next(rounds)
        with culver.submission(ALICE) as client:
            client.mail(ALICE)
            client.rcpt(to)
            reply = client.data(f"From: {ALICE}\r\nSubject: {tag}-{number}"
                                "\r\n\r\nHello.\r\n".encode())
            assert reply.code == 250, str(reply)
        if to != ALICE:
            return None
        content = delivered(dovecot, ALICE, f"{tag}-{number}")[0]
        found = [s for _, s, _ in signatures(content)]
        assert all(dkim.DKIM(content).verify(i, dnsfunc=dns)
                   for i in range(len(found)))
        return found

    rounds = iter(range(1000))
    culver.ctl("dkim", "new", "example.com", "old")
    publish()
    assert signers() == []
    culver.ctl("dkim", "activate", "example.com")
    wait_for(lambda: signers() == ["old"], 20)
    signers("someone@far.example")  # nobody can be asked where that is
    wait_for(lambda: culver.queue_size() == 1)

    culver.ctl("dkim", "new", "example.com", "next", "--type", "ed25519")
    publish()
    culver.ctl("dkim", "activate", "example.com")
    wait_for(lambda: signers() == ["next", "old"], 20)
    culver.ctl("dkim", "retire", "example.com", "old")
    wait_for(lambda: signers() == ["next"], 20)

    done = culver.ctl("dkim", "retire", "example.com", "old", check=False)
    assert done.returncode == 1 and "wait in the queue" in done.stderr
    publish()
    assert "old._domainkey.example.com" in records
    culver.ctl("queue", "drop", "--all", "--yes")
    culver.ctl("dkim", "retire", "example.com", "old")
    publish()
    assert set(records) == {"next._domainkey.example.com"}
