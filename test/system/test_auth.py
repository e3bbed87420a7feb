"""Logins, by a real Dovecot."""

import base64
import hashlib
import hmac
import os
import re
import threading
import time

import pytest

from culver import Culver, wait_for
from dovecot import Dovecot
from smtp import Smtp, message


@pytest.fixture
def client(culver):
    with culver.submissions() as connection:
        connection.ehlo()
        yield connection


def b64(data):
    return base64.b64encode(data).decode()


def challenge(reply):
    assert reply.code == 334, str(reply)
    return base64.b64decode(reply.lines[0])


def cram_md5(client, user, password):
    asked = challenge(client.command("AUTH CRAM-MD5"))
    digest = hmac.new(password.encode(), asked, hashlib.md5).hexdigest()
    return client.command(b64(f"{user} {digest}".encode()))


def scram(client, name, user, password, initial=True):
    """RFC 5802; returns the last reply, the server's proof checked."""
    algorithm = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[name]
    nonce = b64(os.urandom(12))
    bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    first = b64(f"n,,{bare}".encode())
    if initial:
        reply = client.command(f"AUTH {name} {first}")
    else:
        assert challenge(client.command(f"AUTH {name}")) == b""
        reply = client.command(first)
    server_first = challenge(reply).decode()
    fields = dict(part.split("=", 1) for part in server_first.split(","))
    assert fields["r"].startswith(nonce)
    salted = hashlib.pbkdf2_hmac(algorithm, password.encode(),
                                 base64.b64decode(fields["s"]),
                                 int(fields["i"]))

    def mac(key, text):
        return hmac.new(key, text, algorithm).digest()

    client_key = mac(salted, b"Client Key")
    without_proof = f"c={b64(b'n,,')},r={fields['r']}"
    signed = f"{bare},{server_first},{without_proof}".encode()
    signature = mac(hashlib.new(algorithm, client_key).digest(), signed)
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    reply = client.command(
        b64(f"{without_proof},p={b64(proof)}".encode()))
    if reply.code != 334:
        return reply
    assert challenge(reply) == b"v=" + base64.b64encode(
        mac(mac(salted, b"Server Key"), signed))
    return client.command("")


MECHANISMS = {
    "PLAIN": lambda c, u, p: c.auth_plain(u, p),
    "CRAM-MD5": cram_md5,
    "SCRAM-SHA-1": lambda c, u, p: scram(c, "SCRAM-SHA-1", u, p),
    "SCRAM-SHA-256": lambda c, u, p: scram(c, "SCRAM-SHA-256", u, p),
    "SCRAM-SHA-256 without initial response":
        lambda c, u, p: scram(c, "SCRAM-SHA-256", u, p, initial=False),
}


@pytest.mark.parametrize("log_in", MECHANISMS.values(), ids=MECHANISMS.keys())
def test_mechanism(client, log_in):
    reply = log_in(client, "alice@example.com", "wrong")
    assert (reply.code, reply.status) == (535, "5.7.8")
    reply = log_in(client, "alice@example.com", "secret")
    assert (reply.code, reply.status) == (235, "2.7.0")
    client.mail("alice@example.com")


def test_what_dovecot_offers_is_offered(client):
    words = client.ehlo()["AUTH"].split()
    assert {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1",
            "SCRAM-SHA-256"} <= set(words)
    assert "ANONYMOUS" not in words


def test_unknown_user_and_wrong_password_look_alike(client):
    assert client.auth_plain("nobody@example.com") == \
        client.auth_plain("alice@example.com", "wrong")


def test_authorization_as_someone_else_is_refused(client):
    reply = client.auth_plain("alice@example.com",
                              authzid="bob@example.com")
    assert reply.code == 535


def test_nologin(client):
    reply = client.auth_plain("off@example.com")
    assert (reply.code, reply.status) == (525, "5.7.13")


def test_userdb_trouble_is_temporary(client):
    """Never 535: a client drops a stored password on that."""
    reply = client.auth_plain("sick@example.com")
    assert reply.code in (235, 454), str(reply)


def test_many_logins_at_once(culver):
    codes = []

    def log_in(number):
        with culver.submissions() as each:
            each.ehlo()
            codes.append(each.auth_plain(
                "alice@example.com",
                "secret" if number % 2 else "wrong").code)

    threads = [threading.Thread(target=log_in, args=(i,)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [235] * 15 + [535] * 15


def test_password_is_in_no_log(culver):
    with culver.submissions() as each:
        each.ehlo()
        each.auth_plain("alice@example.com", "SesameOpen1")
        each.command("AUTH LOGIN", 334)
        each.command(b64(b"alice@example.com"), 334)
        each.command(b64(b"SesameOpen2"), 535)
        each.command(b64(b"SesameOpen3"))  # as a command, by mistake
    log = culver.log()
    for number in (b"1", b"2", b"3"):
        assert "SesameOpen" + number.decode() not in log
        assert b64(b"SesameOpen" + number) not in log
    assert b64(b"\0alice@example.com\0SesameOpen1") not in log


def test_dovecot_sees_address_and_session():
    """rip for its penalty, session for its log."""
    with Dovecot(settings="auth_verbose = yes\n") as dovecot, \
            Culver(dovecot) as culver:
        with culver.submissions() as each:
            each.ehlo()
            each.auth_plain("trace-me@example.com", "wrong")
        wait_for(lambda: "trace-me@example.com" in dovecot.log(), 5)
        line = next(l for l in dovecot.log().split("\n")
                    if "trace-me@example.com" in l)
        # 2.3: "(user,address,<session>)"; 2.4: "(user,address,how)<session>"
        found = re.search(r"\(trace-me@example\.com,127\.0\.0\.1,"
                          r"(?:sasl:plain\))?<(\w+)", line)
        assert found, line
        assert found[1] in culver.log()


def login_code(culver, password="secret"):
    with culver.submissions() as client:
        if "AUTH" not in client.ehlo():
            return 454  # no handshake, so nothing is offered
        return client.auth_plain("alice@example.com", password).code


@pytest.mark.timeout(180)
def test_dovecot_stops_and_starts(own_dovecot):
    """454 meanwhile, and by itself 235 again."""
    with Culver(own_dovecot) as culver:
        assert login_code(culver) == 235
        with culver.submissions() as waiting:
            assert "AUTH" in waiting.ehlo()
            own_dovecot.stop()
            reply = waiting.auth_plain("alice@example.com")
            assert (reply.code, reply.status) == (454, "4.7.0")
        assert login_code(culver) == 454
        # Recipients: 451, never guessed.
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            reply = client.command("RCPT TO:<bob@example.com>")
            assert (reply.code, reply.status) == (451, "4.3.0")
        own_dovecot.start()
        wait_for(lambda: login_code(culver) == 235, 10, "a login")
        assert login_code(culver, "wrong") == 535


def test_dovecot_reloads(own_dovecot):
    """Old processes answer for a while, then hang up: nobody notices."""
    with Culver(own_dovecot) as culver:
        deadline = time.monotonic() + 12
        own_dovecot.reload()
        count = 0
        while time.monotonic() < deadline:
            assert login_code(culver) == 235
            count += 1
            time.sleep(0.2)
        assert count > 10


def test_dovecot_hangs(own_dovecot):
    """Nobody else waits for a login that Dovecot does not answer."""
    with Culver(own_dovecot, workers="1") as culver:
        with culver.submissions() as stuck:
            stuck.ehlo()
            own_dovecot.freeze("auth")
            stuck.line("AUTH PLAIN " + b64(b"\0alice@example.com\0secret"))
            assert stuck.is_silent(0.5)
            begin = time.monotonic()
            with culver.smtp() as other:
                other.ehlo()
                other.command("NOOP", 250)
                other.quit()
            assert time.monotonic() - begin < 2
            own_dovecot.thaw()
            assert stuck.reply().code == 235


def test_auth_process_is_killed(own_dovecot):
    with Culver(own_dovecot) as culver:
        for _ in range(3):
            own_dovecot.kill("auth")
            wait_for(lambda: login_code(culver) == 235, 10, "a login")


def test_login_in_flight_when_client_leaves(culver):
    for _ in range(20):
        client = culver.submissions()
        client.ehlo()
        client.line("AUTH PLAIN " + b64(b"\0alice@example.com\0secret"))
        client.close()
    assert login_code(culver) == 235


def test_mail_of_a_login(culver, dovecot, tag):
    """ESMTPSA, and no address of the client."""
    from conftest import delivered
    with culver.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        assert client.data(message(tag, sender="alice@example.com")).code \
            == 250
    found, = delivered(dovecot, "bob@example.com", tag)
    field = found.partition(b"with ESMTPSA")[0].rpartition(b"Received:")[2]
    assert b"127.0.0.1" not in field
    assert isinstance(client, Smtp)
