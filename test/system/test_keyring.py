"""Private keys: where they are, where they are not, and what signs."""

import hashlib
import os
import signal
import ssl
import subprocess

import pytest

import keyscan
from culver import KINDS, Culver, make_certificate, send_signal, wait_for
from rolewire import RoleProcess
from smtp import Closed, Smtp, tls_context

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="undumpable processes show their memory to root")


def make_key(path, *how, owner=None):
    subprocess.run(["openssl", "genpkey", *how, "-out", path], check=True,
                   capture_output=True)
    os.chmod(path, 0o600)
    if owner is not None:
        os.chown(path, owner, owner)
    return path


def shown(culver, name="mx.test", context=None):
    """The certificate that a client gets; None if there is no handshake."""
    try:
        with Smtp(culver.port, server_name=name) as client:
            client.ehlo()
            client.starttls(context)
            return client.socket.getpeercert(True)
    except (Closed, OSError):  # ssl.SSLError is one
        return None


def fingerprint(culver, name="mx.test"):
    with open(f"{culver.conf}/certs/{name}/fullchain.pem",
              encoding="ascii") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


# --- where they are ----------------------------------------------------------------


def where(culver, keys):
    """{role: number of keys of which something was found}; a key is its
    needles"""
    every = [needle for needles in keys for needle in needles]
    pids = [("parent", culver.parent())] + [
        (role, pid) for role, pids in culver.wait_roles().items()
        for pid in pids]
    counts = {}
    for role, pid in pids:
        found = keyscan.finds(pid, every)
        counts[role] = counts.get(role, 0) + sum(
            bool(found.intersection(needles)) for needles in keys)
    return counts


def check_where(culver, paths, former=()):
    """Returns the keys; those of before are to be nowhere."""
    keys = [keyscan.needles(path) for path in paths]
    counts = where(culver, keys)
    assert counts.pop("keyring") == len(keys), "else nothing is shown"
    assert not any(counts.values()), counts
    assert not any(where(culver, former).values())
    return keys


@as_root
@pytest.mark.timeout(180)
def test_keys_are_in_keyring_only():
    """After the start, after handshakes, after a renewal of all keys, after
    the death of keyring."""
    with Culver(start=False, workers=1, certificates=(),
                listen_submission="") as culver:
        culver.add_certificate("mx.test")
        culver.add_certificate("rsa.test", kind="RSA-2048")
        keys = [f"{culver.conf}/certs/mx.test/privkey.pem",
                f"{culver.conf}/certs/rsa.test/privkey.pem",
                f"{culver.conf}/domains/example.com/dkim:r1.pem",
                f"{culver.conf}/domains/example.com/dkim:e1.pem"]

        def make_dkim():
            make_key(keys[2], "-algorithm", "RSA", owner=culver.owner)
            make_key(keys[3], "-algorithm", "ED25519", owner=culver.owner)

        make_dkim()
        culver.start()
        former = check_where(culver, keys)
        assert shown(culver) and shown(culver, "rsa.test")
        culver.add_certificate("mx.test")
        culver.add_certificate("rsa.test", kind="RSA-2048")
        make_dkim()
        wait_for(lambda: shown(culver) == fingerprint(culver) and
                 shown(culver, "rsa.test") == fingerprint(culver, "rsa.test"),
                 20, "the new certificates")
        check_where(culver, keys)
        send_signal(culver.roles()["keyring"][0], signal.SIGKILL)
        wait_for(lambda: shown(culver), 20, "handshakes again")
        check_where(culver, keys, former)


# --- handshakes -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_kinds():
    """A server with a certificate of each kind of key, kind.test."""
    with Culver(start=False, workers=1, certificates=(),
                listen_submission="") as culver:
        for kind in KINDS:
            culver.add_certificate(f"{kind.lower()}.test", kind=kind)
        culver.start()
        yield culver


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key(all_kinds, kind, version):
    name = f"{kind.lower()}.test"
    context = ssl.create_default_context(
        cafile=f"{all_kinds.conf}/certs/{name}/fullchain.pem")
    context.minimum_version = context.maximum_version = \
        getattr(ssl.TLSVersion, version)
    assert shown(all_kinds, name, context) == fingerprint(all_kinds, name)


def test_no_key_decrypts(all_kinds):
    """RSA key exchange (RFC 5246 7.4.7.1) would need it to."""
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("kRSA")
    assert shown(all_kinds, "rsa-2048.test", context) is None


def test_renewal_without_a_break():
    """Certificate and key are replaced: who is there stays, the next one gets
    the new ones."""
    with Culver(workers=1, listen_submission="") as culver:
        before = fingerprint(culver)
        with Smtp(culver.port) as client, Smtp(culver.port) as waiting:
            client.ehlo()
            client.starttls()
            waiting.ehlo()
            assert client.socket.getpeercert(True) == before
            culver.add_certificate("mx.test", kind="RSA-2048")
            after = fingerprint(culver)
            assert after != before
            wait_for(lambda: shown(culver) == after, 20, "the new certificate")
            client.ehlo()
            client.mail()
            client.command("NOOP", 250)
            waiting.starttls()
            assert waiting.socket.getpeercert(True) == after
        assert culver.log().count(": ready ") == 1
        assert "role ended" not in culver.log()


def test_a_bad_renewal_changes_nothing():
    with Culver(workers=1, listen_submission="") as culver:
        before = fingerprint(culver)
        culver.write("certs/mx.test/privkey.pem", "no key")
        culver.wait_log("configuration not taken")
        assert "privkey.pem: this is no private key" in culver.log()
        assert shown(culver) == before


def test_keyring_away_and_back():
    with Culver(workers=1, listen_submission="") as culver:
        with Smtp(culver.port) as client:
            client.ehlo()
            client.starttls()
            keyring, = culver.wait_roles()["keyring"]
            send_signal(keyring, signal.SIGSTOP)
            assert shown(culver) is None
            assert shown(culver) is None, "and at once"
            client.command("NOOP", 250)
            send_signal(keyring, signal.SIGCONT)
            wait_for(lambda: shown(culver), 20, "handshakes again")
            send_signal(keyring, signal.SIGKILL)
            wait_for(lambda: culver.roles().get("keyring") not in
                     (None, [keyring]), 20, "another keyring")
            wait_for(lambda: shown(culver), 20, "handshakes again")
            client.command("NOOP", 250)
        assert "a handshake is not signed" in culver.log()
        assert "handshakes are signed again" in culver.log()


# --- what it refuses --------------------------------------------------------------------

HANDSHAKE, HEADER = 0, 1
ECDSA_SHA256, RSA_SHA256, RSA_PSS_SHA256 = 0x0403, 0x0401, 0x0804
CERTIFICATE_VERIFY = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + \
    b"h" * 32
BLOCK = b"from:a@one.example\r\ndkim-signature:v=1; a=rsa-sha256; " \
    b"d=one.example; s=k1; h=from; bh=eA==; b="


@pytest.fixture
def keyring(tmp_path):
    """The program itself, with a certificate's key and one of DKIM."""
    os.chmod(tmp_path, 0o755)
    make_certificate(str(tmp_path), "mx.test")
    make_key(str(tmp_path / "k1.pem"), "-algorithm", "RSA")
    with RoleProcess("keyring", tmp_path / "log") as process:
        process.pem = {}
        process.path = tmp_path
        process.parent.send("conf_begin", generation=1)
        process.parent.send("conf_key", signing=HANDSHAKE, domain=b"mx.test",
                            pem=(tmp_path / "privkey.pem").read_bytes())
        process.parent.send("conf_key", signing=HEADER, domain=b"one.example",
                            selector=b"k1",
                            pem=(tmp_path / "k1.pem").read_bytes())
        process.parent.send("conf_commit", generation=1)
        process.parent.send("start")
        process.parent.receive("ready")
        spki = subprocess.run(
            ["openssl", "pkey", "-in", tmp_path / "privkey.pem", "-pubout",
             "-outform", "DER"], check=True, capture_output=True).stdout
        process.server_key = hashlib.sha256(spki).digest()
        yield process


DKIM_KEY = b"k1._domainkey.one.example"


def ask(link, **what):
    link.send("sign", id=7, **what)
    answer = link.receive("signature")
    assert answer["id"] == 7
    assert bool(answer["octets"]) != bool(answer["problem"])
    return answer["octets"]


def test_it_signs_what_it_is_for(keyring):
    receive = keyring.join("receive")
    waiting = keyring.join("receive", message="waiting_link")
    queue = keyring.join("queue")
    handshake = {"signing": HANDSHAKE, "key": keyring.server_key,
                 "scheme": ECDSA_SHA256, "text": CERTIFICATE_VERIFY}
    header = {"signing": HEADER, "key": DKIM_KEY, "scheme": RSA_SHA256,
              "text": BLOCK}
    signature = keyring.path / "signature"
    signature.write_bytes(ask(queue, **header))
    assert ask(receive, **header) == signature.read_bytes()
    assert ask(waiting, **handshake) and ask(receive, **handshake)
    (keyring.path / "text").write_bytes(BLOCK)
    subprocess.run(["openssl", "dgst", "-sha256", "-prverify",
                    keyring.path / "k1.pem", "-signature", signature,
                    keyring.path / "text"], check=True, capture_output=True)


@pytest.mark.parametrize("role,what", [
    ("receive", {"text": b"any octets at all"}),
    ("receive", {"text": CERTIFICATE_VERIFY.replace(b"server", b"client")}),
    ("receive", {"text": CERTIFICATE_VERIFY[:-1]}),
    ("receive", {"text": BLOCK}),
    ("receive", {"key": DKIM_KEY}),
    ("receive", {"key": b"k" * 32}),
    ("receive", {"scheme": RSA_PSS_SHA256}),
    ("queue", {}),
    ("control", {}),
    ("receive", {"signing": HEADER, "text": BLOCK}),
    ("receive", {"signing": HEADER, "key": DKIM_KEY, "scheme": RSA_SHA256,
                 "text": BLOCK.replace(b"d=one", b"d=two")}),
    ("receive", {"signing": HEADER, "key": DKIM_KEY, "scheme": RSA_SHA256}),
    ("deliver", {"signing": HEADER, "key": DKIM_KEY, "scheme": RSA_SHA256,
                 "text": BLOCK}),
], ids=range(13))
def test_it_refuses_all_else(keyring, role, what):
    """Whoever asks is told no, named in the log, and asked no more of."""
    link = keyring.join(role, 3)
    good = {"signing": HANDSHAKE, "key": keyring.server_key,
            "scheme": ECDSA_SHA256, "text": CERTIFICATE_VERIFY}
    assert ask(link, **{**good, **what}) == b""
    assert f"not signed role={role} index=3" in keyring.log()
    assert ask(keyring.join("receive"), **good), "others are served"


def test_it_hangs_up_on_nonsense(keyring):
    link = keyring.join("receive", message="waiting_link")
    link.end.send(b"\0nonsense")
    assert link.is_hung_up()
    said = keyring.parent.receive("misbehaved")
    assert said["index"] == 0
