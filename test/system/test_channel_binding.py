"""SCRAM with channel binding (RFC 5802 6), from a TLS client that knows its
own connection to a Dovecot that compares. Dovecot 2.3 has none of it."""

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import subprocess

import pytest

from culver import Culver
from dovecot import Dovecot, installed_version
from smtp import Smtp

pytestmark = pytest.mark.skipif(
    installed_version() < (2, 4),
    reason="Dovecot has channel binding from 2.4 on")

MECHANISMS = "auth_mechanisms = plain scram-sha-256 scram-sha-256-plus\n"


@pytest.fixture(scope="module")
def culver():
    with Dovecot(settings=MECHANISMS, start=False) as dovecot:
        dovecot.add_user("alice@example.com")
        dovecot.start()
        with Culver(dovecot) as server:
            yield server


class ExportingSmtp(Smtp):
    """A client over "openssl s_client", which tells the exporter's value for
    RFC 9266; Python's ssl module has no way to."""

    def __init__(self, port):
        self._buffer = b""
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(30)
        with theirs:
            self.process = subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                 "-servername", "mx.test", "-tls1_3", "-nocommands",
                 "-ign_eof", "-keymatexport", "EXPORTER-Channel-Binding",
                 "-keymatexportlen", "32"],
                stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        said = b""
        while b"\n220 " not in said or not said.endswith(b"\r\n"):
            part = self.socket.recv(65536)
            assert part, said
            said += part
        found = re.search(rb"Keying material: ([0-9A-F]{64})\n", said)
        assert found, said
        self.exported = bytes.fromhex(found[1].decode())

    def close(self):
        super().close()
        self.process.kill()
        self.process.wait()

    # What s_client tells of session tickets stands between the replies.
    def _read_line(self):
        while True:
            line = self._read_any_line()
            if line.endswith(b"\r"):
                return line[:-1]

    def _read_any_line(self):
        while b"\n" not in self._buffer:
            part = self.socket.recv(65536)
            assert part, self._buffer
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line


def b64(data):
    return base64.b64encode(data).decode()


def challenge(reply):
    assert reply.code == 334, str(reply)
    return base64.b64decode(reply.lines[0])


def scram(client, gs2_header, data=b"", *, name="SCRAM-SHA-256-PLUS",
          password=b"secret"):
    """Returns the last reply. data: what this client's end is bound to."""
    bare = f"n=alice@example.com,r={b64(os.urandom(12))}"
    reply = client.command(
        f"AUTH {name} " + b64(f"{gs2_header}{bare}".encode()))
    if reply.code != 334:
        return reply
    first = challenge(reply).decode()
    fields = dict(part.split("=", 1) for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password,
                                 base64.b64decode(fields["s"]),
                                 int(fields["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c={b64(gs2_header.encode() + data)},r={fields['r']}"
    signature = hmac.digest(hashlib.sha256(client_key).digest(),
                            f"{bare},{first},{final}".encode(), "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    reply = client.command(b64(f"{final},p={b64(proof)}".encode()))
    if reply.code != 334:
        return reply
    assert challenge(reply).startswith(b"v=")
    return client.command("")


def certificate_hash(client):
    """RFC 5929 4.1, for our certificates, which are signed with SHA-256."""
    return hashlib.sha256(client.socket.getpeercert(True)).digest()


def test_offered_under_tls_only(culver):
    with culver.submissions() as client:
        assert "SCRAM-SHA-256-PLUS" in client.ehlo()["AUTH"].split()
    with culver.submission() as client:
        assert "AUTH" not in client.ehlo()


def test_tls_exporter(culver):
    with ExportingSmtp(culver.submissions_port) as client:
        client.ehlo()
        reply = scram(client, "p=tls-exporter,,", bytes(32))
        assert (reply.code, reply.status) == (535, "5.7.8")
        reply = scram(client, "p=tls-exporter,,", client.exported,
                      password=b"wrong")
        assert reply.code == 535
        reply = scram(client, "p=tls-exporter,,", client.exported)
        assert (reply.code, reply.status) == (235, "2.7.0")


def test_tls_server_end_point(culver):
    with culver.submissions() as client:
        client.ehlo()
        digest = certificate_hash(client)
        reply = scram(client, "p=tls-server-end-point,,", digest[::-1])
        assert reply.code == 535
        reply = scram(client, "p=tls-server-end-point,,", digest)
        assert reply.code == 235


def test_tls_unique(culver):
    """There is one up to TLS 1.2 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with culver.submission() as client:
        client.ehlo()
        client.starttls(context)
        client.ehlo()
        unique = client.socket.get_channel_binding("tls-unique")
        reply = scram(client, "p=tls-unique,,", unique)
        assert reply.code == 235
    with culver.submissions() as client:
        assert client.socket.version() == "TLSv1.3"
        client.ehlo()
        assert scram(client, "p=tls-unique,,").code == 535


def test_type_that_nobody_knows(culver):
    """Dovecot asks for whatever type the client names."""
    with culver.submissions() as client:
        client.ehlo()
        assert scram(client, "p=bogus,,", b"data").code == 535
        assert client.auth_plain("alice@example.com").code == 235


def test_binding_without_plus(culver):
    with culver.submissions() as client:
        client.ehlo()
        reply = scram(client, "p=tls-server-end-point,,",
                      certificate_hash(client), name="SCRAM-SHA-256")
        assert reply.code == 235


def test_downgrade_is_noticed(culver):
    """"y": the client could bind, and was told that the server cannot."""
    with culver.submissions() as client:
        client.ehlo()
        assert scram(client, "y,,", name="SCRAM-SHA-256").code == 535
        assert scram(client, "n,,", name="SCRAM-SHA-256").code == 235
