"""What we sign verifies by opendkim, python3-dkim and rspamd, and what they sign
verifies by us: the same messages asked of all, as a table in the output. One
row each; "-" is for what a program does not know."""

import re
import subprocess
import tempfile

import dkim
import pytest

from culver import wait_for
from dkimkeys import Keys, signatures
from dns import Dns
from filtered import Filtered
from milterwire import Mta
from realfilters import OpenDkim, Rspamd, is_installed
from smtp import stuff

pytestmark = [pytest.mark.xdist_group("rspamd"),
              pytest.mark.skipif(not is_installed("opendkim"),
                                 reason="no opendkim")]
ALICE = "alice@example.com"

LETTERS = {
    "plain": ("Subject: plain", "Hello.\r\n"),
    "empty": ("Subject: no body", ""),
    "blanks": ("Subject:   a \t b \r\n\tc  ", " a \t b \r\n\r\n \t \r\n\r\n"),
    "twice": ("Subject: x\r\nTo: a@b.example\r\nTo: c@d.example", "Hello.\r\n"),
    "many": ("Subject: x\r\nTo: a@b.example,\r\n c@d.example\r\n"
             "List-Id: <x>\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "MIME-Version: 1.0", "H\u00e4llo.\r\n.\r\n..\r\n"),
    "big": ("Subject: big", "This is a line of it. \r\n" * 20000),
}
DOMAINS = {"rsa.example": "rsa", "ed.example": "ed25519"}


def letter(name, domain):
    field, body = LETTERS[name]
    return (f"From: A <a@{domain}>\r\n{field}\r\nDate: Mon, 2 Nov 2026 "
            f"10:00:00 +0000\r\nMessage-ID: <{name}@{domain}>\r\n\r\n{body}"
            ).encode()


# --- who verifies ---------------------------------------------------------------

class Ours:
    """A server that knows nothing of the signer but what DNS says."""
    name = "culver"

    def __init__(self, world):
        self.world = world

    def verify(self, content):
        self.world.forget()
        with self.world.culver.smtp(source="127.0.0.2") as client:
            client.ehlo("client.example")
            client.mail("a@nothing.example")
            client.rcpt(ALICE)
            client.line("DATA")
            client.expect(354)
            client.send(stuff(content))
            reply = client.reply()
        if reply.code == 550: # our own name, and nothing shows that it is
            return False
        assert reply.code == 250, str(reply)
        results, = self.world.values("Authentication-Results")
        return re.findall(rb"dkim=(\w+)", results) == [b"pass"]


class PythonDkim:
    name = "python3-dkim"

    def __init__(self, keys):
        self.keys = keys

    def verify(self, content):
        try:
            return dkim.verify(content, dnsfunc=self.keys.dns)
        except dkim.DKIMException:
            return False


class OpenDkimTool:
    name = "opendkim"

    def __init__(self, keys):
        self.directory = tempfile.TemporaryDirectory()
        path = self.directory.name
        with open(f"{path}/keys", "w", encoding="ascii") as f:
            f.writelines(f"{name} {record}\n"
                         for name, record in keys.records.items())
        with open(f"{path}/conf", "w", encoding="ascii") as f:
            f.write(f"Mode v\nTestPublicKeys {path}/keys\n")

    def verify(self, content):
        with open(f"{self.directory.name}/message", "wb") as f:
            f.write(content)
        done = subprocess.run(
            ["opendkim", "-x", f"{self.directory.name}/conf", "-t",
             f"{self.directory.name}/message"],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            capture_output=True, text=True, timeout=30, check=False)
        said = done.stdout + done.stderr
        assert "succeeded" in said or "failed" in said or "bad" in said, said
        return "succeeded" in said


class RspamdFilter:
    name = "rspamd"

    def __init__(self, peer):
        self.peer = peer

    def _results(self, content):
        with Mta(self.peer.where) as mta:
            mta.hello(address="198.51.100.1")  # not one of its own
            answers = mta.message(content)
        added = b"".join(a.data for a in answers
                         if b"Authentication-Results\0" in a.data)
        return re.findall(rb"dkim=(\w+)", added)

    def verify(self, content):
        """While it is busy with itself it says "none" of anything."""
        return wait_for(lambda: self._results(content), 60,
                        "rspamd's result") == [b"pass"]


# --- who signs ------------------------------------------------------------------

def sign_by_ours(world, name, domain):
    world.forget()
    with world.culver.submission(ALICE) as client:
        client.mail(ALICE)
        client.rcpt(ALICE)
        reply = client.data(letter(name, domain))
        assert reply.code == 250, str(reply)
    (_, selector, _), = signatures(world.content)
    assert selector == DOMAINS[domain]
    return world.content


def sign_by_python(keys, name, domain, canonicalization, **how):
    content = letter(name, domain)
    kind = DOMAINS[domain]
    private = keys.private[f"{kind}._domainkey.{domain}"]
    return dkim.sign(
        content, kind.encode(), domain.encode(), private,
        canonicalize=tuple(canonicalization.encode().split(b"/")),
        signature_algorithm=f"{kind}-sha256".encode(), **how) + content


def sign_by_filter(peer, content, **macros):
    """As a server does what a filter wants."""
    with Mta(peer.where) as mta:
        mta.hello(address="127.0.0.1")
        answers = mta.message(content, sender="a@example.com",
                              macros=macros)
        leading = mta.steps & 0x100000
    for answer in answers:
        name, value = answer.data[4:].split(b"\0")[:2] \
            if answer.command == "i" else (b"", b"")
        if name == b"DKIM-Signature":
            value = value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            return name + (b":" if leading else b": ") + value + b"\r\n" \
                + content
    raise AssertionError(f"no signature: {answers}")


# --- the world -------------------------------------------------------------------

@pytest.fixture(scope="module")
def world(dovecot):
    with Filtered(dovecot, None, domains=("example.com", *DOMAINS),
                  start=False) as signing, \
            OpenDkim("s", domain="one.example",
                     canonicalization="relaxed/simple") as one, \
            OpenDkim("s", domain="two.example",
                     canonicalization="simple/relaxed") as two:
        signing.keys = Keys(signing.culver)
        for domain, kind in DOMAINS.items():
            signing.keys.add(domain, kind, kind)
        for peer in (one, two):
            signing.keys.records[peer.key.name] = peer.key.record
        signing.culver.start()
        signing.filters = [one, two]
        with Dns(in_dns(signing.keys)) as dns, \
                Filtered(dovecot, None, trusted_networks="127.0.0.1",
                         **dns.settings()) as receiving:
            signing.receiving, signing.dns = receiving, dns
            yield signing


def in_dns(keys):
    return {f"{name} TXT": [record] for name, record in keys.records.items()}


@pytest.fixture(scope="module")
def rspamd(world):
    with Rspamd(world.dns.port) as peer:
        world.keys.records[peer.key.name] = peer.key.record
        world.dns.set(in_dns(world.keys))
        yield peer


# --- who is asked what -----------------------------------------------------------

def rows_of_ours(world):
    for domain in DOMAINS:
        for name in LETTERS:
            content = sign_by_ours(world, name, domain)
            yield f"culver {domain} {name}", content, True
        changes = {
            "Subject changed": content.replace(b"Subject:", b"Subject: x"),
            "Reply-To added": b"Reply-To: b@example.org\r\n" + content,
            "body changed": content + b"x\r\n",
        }
        for name, changed in changes.items():
            yield f"culver {domain} {name}", changed, False


def rows_of_theirs(world):
    for canonicalization in ("simple/simple", "simple/relaxed",
                             "relaxed/simple", "relaxed/relaxed"):
        for name in LETTERS:
            content = sign_by_python(world.keys, name, "rsa.example",
                                     canonicalization)
            yield f"python {canonicalization} {name}", content, True
        yield f"python {canonicalization} body changed", content + b"x\r\n", \
            False
    yield "python ed25519", sign_by_python(
        world.keys, "many", "ed.example", "relaxed/relaxed"), True
    for peer in world.filters:
        for name in LETTERS:
            content = letter(name, peer.key.domain)
            yield f"opendkim {peer.key.domain} {name}", \
                sign_by_filter(peer, content), True


WORDS = {True: "pass", False: "no", None: "-"}


def is_odd(verifier, row):
    """opendkim -t takes blanks off the begin of a field before it looks at
    it, which matters for a header that is signed as it stands; so it denies
    its own signatures, too. rspamd takes fields of one name in another order;
    nobody verifies what it makes of them."""
    if row.endswith(" twice") and "rspamd" in (verifier.name, row[:6]):
        return True
    return verifier.name == "opendkim" and row.endswith(" blanks") and \
        (row.startswith("python simple/") or "two.example" in row)


def agreement(rows, verifiers):
    print("".join(f"{v.name:14}" for v in verifiers))
    wrong = []
    for row, content, want in rows:
        said = [None if is_odd(v, row) else v.verify(content)
                for v in verifiers]
        print("".join(f"{WORDS[s]:14}" for s in said), row)
        if any(s not in (want, None) for s in said):
            wrong.append((row, want, said))
    return wrong


def test_all_agree(world):
    verifiers = [Ours(world.receiving), PythonDkim(world.keys),
                 OpenDkimTool(world.keys)]
    rows = [*rows_of_ours(world), *rows_of_theirs(world)]
    assert not agreement(rows, verifiers)


@pytest.mark.timeout(300)
@pytest.mark.skipif(not is_installed("rspamd", "redis-server"),
                    reason="no rspamd")
def test_rspamd_agrees(world, rspamd):
    verifiers = [Ours(world.receiving), PythonDkim(world.keys),
                 RspamdFilter(rspamd)]
    theirs = [(f"rspamd {name}",
               sign_by_filter(rspamd, letter(name, "example.com"),
                              auth_authen=ALICE), True)
              for name in LETTERS]
    assert not agreement([*rows_of_ours(world), *theirs], verifiers)
