"""A small SMTP client that speaks raw bytes, for what smtplib would not say."""

import base64
import collections
import re
import socket
import ssl
import time


class Reply(collections.namedtuple("Reply", "code lines")):
    """code: an int. lines: the texts, without the code and its separator."""

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def status(self):
        """The enhanced code, "5.1.1", or "" without one."""
        found = re.match(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)", self.lines[-1])
        return found[1] if found else ""

    def __str__(self):
        return f"{self.code} {self.text}"


class Closed(Exception):
    """The server hung up where a reply was due."""


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Smtp:
    """One connection. Use it in a with block."""

    def __init__(self, port, host="127.0.0.1", *, tls=False, timeout=30,
                 greeting=True, server_name="mx.test", source=None):
        self.server_name = server_name
        self.socket = socket.create_connection(
            (host, port), timeout,
            source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        if tls:
            self.start_tls()
        self.greeting = self.reply() if greeting else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- bytes ------------------------------------------------------------

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes)
                            else data.encode("utf-8"))

    def line(self, text):
        """Sends a line; the CRLF is added."""
        self.send(text.encode("utf-8") + b"\r\n" if isinstance(text, str)
                  else text + b"\r\n")

    def _read_line(self):
        while b"\n" not in self._buffer:
            part = self.socket.recv(65536)
            if not part:
                raise Closed(f"after {self._buffer!r}")
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a bare LF in a reply: {line!r}"
        return line[:-1]

    def reply(self):
        """Reads one whole reply, RFC 5321 4.2."""
        lines, code = [], None
        while True:
            line = self._read_line().decode("utf-8")
            found = re.fullmatch(r"([2-5]\d\d)([ -])(.*)", line)
            assert found, f"not a reply: {line!r}"
            assert len(line) <= 510, f"a reply line of {len(line)} octets"
            assert code in (None, found[1]), "codes differ within a reply"
            code = found[1]
            lines.append(found[3])
            if found[2] == " ":
                return Reply(int(code), lines)

    def at_end(self, timeout=10):
        """True if the server hangs up and says nothing more."""
        self.socket.settimeout(timeout)
        try:
            return self._buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except (socket.timeout, TimeoutError):
            return False

    def is_silent(self, seconds=0.3):
        """True if nothing comes, and no end, for so long."""
        if self._buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._buffer = self.socket.recv(1)
            return False
        except (socket.timeout, TimeoutError):
            return True
        finally:
            self.socket.settimeout(30)

    # --- commands ---------------------------------------------------------

    def command(self, text, *codes):
        """Sends a line and returns the reply, whose code is checked if codes
        are given."""
        self.line(text)
        return self.expect(*codes, after=text)

    def expect(self, *codes, after=""):
        reply = self.reply()
        assert not codes or reply.code in codes, \
            f"{str(after)[:200]!r} was answered {reply}, not {codes}"
        return reply

    def start_tls(self, context=None):
        """The handshake alone."""
        self.socket = (context or tls_context()).wrap_socket(
            self.socket, server_hostname=self.server_name)

    def ehlo(self, name="client.test"):
        """Returns {keyword: parameters}."""
        reply = self.command(f"EHLO {name}", 250)
        return {line.split(" ")[0].upper(): line.partition(" ")[2]
                for line in reply.lines[1:]}

    def starttls(self, context=None):
        self.command("STARTTLS", 220)
        assert self._buffer == b"", "bytes after 220"
        self.start_tls(context)

    def auth_plain(self, user, password="secret", authzid=""):
        text = f"{authzid}\0{user}\0{password}".encode()
        return self.command(
            "AUTH PLAIN " + base64.b64encode(text).decode())

    def mail(self, sender="sender@client.test", parameters=""):
        return self.command(f"MAIL FROM:<{sender}>{parameters}", 250)

    def rcpt(self, *recipients):
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)

    def data(self, content):
        """Sends content, dot-stuffed, by DATA; returns the last reply."""
        self.command("DATA", 354)
        if isinstance(content, str):
            content = content.encode("utf-8")
        self.send(stuff(content))
        return self.reply()

    def bdat(self, content, last=True):
        self.send(b"BDAT %d%s\r\n" % (len(content), b" LAST" if last else b"")
                  + content)
        return self.reply()

    def quit(self):
        self.command("QUIT", 221)
        assert self.at_end()
        self.close()


def stuff(content):
    """A message as DATA carries it, with the final dot."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content + b".\r\n"


def message(subject="test", body="A letter.\r\n", *, sender=None, to=None,
            extra=""):
    """A small, correct message as bytes."""
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    return (f"From: <{sender or 'sender@client.test'}>\r\n"
            f"To: <{to or 'alice@example.com'}>\r\n"
            f"Subject: {subject}\r\nDate: {stamp}\r\n"
            f"Message-ID: <{time.monotonic_ns()}@client.test>\r\n{extra}"
            f"\r\n{body}").encode("utf-8")
