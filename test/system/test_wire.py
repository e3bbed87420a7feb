"""What a dialog file cannot say: bytes around TLS, and states of the socket."""

import socket
import ssl
import time

import pytest

from smtp import Closed, Smtp, tls_context


def test_clear_text_after_starttls_is_not_obeyed(culver):
    """NO STARTTLS: what stands between 220 and the ClientHello is TLS's."""
    with culver.smtp() as client:
        client.ehlo()
        client.command("STARTTLS", 220)
        client.socket.settimeout(10)
        rest = b""
        try:
            client.line("MAIL FROM:<evil@client.test>")
            client.line("RCPT TO:<alice@example.com>")
            while part := client.socket.recv(4096):
                rest += part
        except ConnectionResetError:
            pass
        assert b"250" not in rest  # an alert at most


def test_tls_version_floor(culver):
    """RFC 8996: no TLS 1.0 or 1.1."""
    context = tls_context()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with culver.smtp() as client:
        client.ehlo()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            client.starttls(context)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_tls_versions(culver, version):
    context = tls_context()
    context.minimum_version = context.maximum_version = \
        getattr(ssl.TLSVersion, version)
    with culver.smtp() as client:
        client.ehlo()
        client.starttls(context)
        client.ehlo()
        client.quit()


def test_pipelining_over_tls(culver):
    with culver.submissions() as client:
        client.send(b"EHLO client.test\r\nNOOP\r\nRSET\r\nQUIT\r\n")
        assert [client.reply().code for _ in range(4)] == [250, 250, 250, 221]
        assert client.at_end()


def test_half_closed_client_gets_its_answers(culver):
    """A client that shuts its sending side still reads."""
    with culver.smtp() as client:
        client.send(b"EHLO client.test\r\nNOOP\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply().code == 250
        assert client.reply().code == 250
        assert client.at_end()


def test_client_that_does_not_read_is_not_fed_for_ever(culver):
    """Replies stop being made when nobody reads them, and others are served."""
    with culver.smtp() as client:
        client.ehlo()
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(3)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += client.socket.send(b"NOOP\r\n" * 10000)
        except (socket.timeout, TimeoutError, ConnectionError):
            pass
        assert sent < 64 << 20, "it read without end"
        with culver.smtp() as other:
            other.ehlo()
            other.quit()


def test_reply_is_quick_after_many_sessions(culver):
    for _ in range(200):
        with culver.smtp() as client:
            client.ehlo()
    begin = time.monotonic()
    with culver.smtp() as client:
        client.ehlo()
        client.quit()
    assert time.monotonic() - begin < 1


def test_vanishing_clients_leave_nothing(culver):
    """Resets in every state."""
    linger = b"\x01\0\0\0\0\0\0\0"
    for lines in (b"", b"EHLO a.test\r\n",
                  b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n",
                  b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n"
                  b"RCPT TO:<alice@example.com>\r\n",
                  b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n"
                  b"RCPT TO:<alice@example.com>\r\nDATA\r\nhalf",
                  b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n"
                  b"RCPT TO:<alice@example.com>\r\nBDAT 100\r\nhalf",
                  b"STARTTLS\r\n", b"EHLO a.test\r\nSTARTTLS\r\n\x16\x03\x01"):
        for _ in range(5):
            client = culver.smtp()
            client.send(lines)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     linger)
            client.close()
    with culver.smtp() as client:
        client.ehlo()
        client.quit()


def test_garbage_on_465(culver):
    with pytest.raises((Closed, OSError)):
        with Smtp(culver.submissions_port, greeting=False) as client:
            client.send(b"EHLO client.test\r\n" * 10)
            client.reply()
    with culver.submissions() as client:
        client.ehlo()
        client.quit()
