"""Runs dialog/*.smtp: one wire conversation a file, sent and expected.

    C: text     a line to send; CRLF is added. Escapes: \\r \\n \\t \\\\ \\xHH
    C> text     bytes to send, nothing added
    C* N text   bytes to send N times
    B: text     BDAT with these bytes; BL: text the same with LAST
                Neighbouring ones of these leave in one segment: that is pipelining.
    S: REGEX    the next reply begins with this: "CODE TEXT", the texts of a
                reply of several lines are separated by \\n
    S+ REGEX    a line of the reply just read is this, from end to end
    S! REGEX    no line of it is
    S: EOF      the server hangs up and says nothing more
    S: SILENCE  the server says nothing and does not hang up
    @port NAME  smtp (the default), submission or submissions: connect to this
    @starttls   the TLS handshake
    @pause S    seconds to let pass
    @in USER REGEX       a message of this dialog in USER's mailbox matches
    @not-in USER         no message of this dialog is there
    @set KEY=VALUE       a server of its own, with this setting
    @alias DOMAIN LINE   the same with this line in the domain's aliases
    @domain NAME         the same with this domain
    # ...       a comment

"${ID}" is a text that no other dialog has; a message that is looked for must
contain it. "${AUTH user password}" is the response of SASL PLAIN in base64,
"${B64 text}" base64 of text."""

import base64
import pathlib
import re

import pytest

from conftest import delivered
from culver import Culver
from smtp import Closed, Smtp

DIALOGS = sorted(
    (pathlib.Path(__file__).parent / "dialog").glob("*.smtp"))

_servers = {}


@pytest.fixture(scope="module", autouse=True)
def own_servers():
    """Servers of dialogs with settings of their own; equal ones are shared."""
    yield
    for server in _servers.values():
        with server:
            pass
    _servers.clear()


def server_for(directives, dovecot, default):
    settings, aliases, domains = {}, {}, ["example.com"]
    for word, rest in directives:
        if word == "@set":
            key, _, value = rest.partition("=")
            settings[key] = value
        elif word == "@alias":
            domain, _, line = rest.partition(" ")
            aliases[domain] = aliases.get(domain, "") + line + "\n"
        elif word == "@domain":
            domains.append(rest)
    if not settings and not aliases and len(domains) == 1:
        return default
    key = repr((settings, aliases, domains))
    if key not in _servers:
        _servers[key] = Culver(dovecot, domains=domains, aliases=aliases,
                               **settings)
    return _servers[key]


def unescape(text):
    special = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
    out, rest = b"", text
    while rest:
        before, slash, rest = rest.partition("\\")
        out += before.encode("utf-8")
        if slash and rest[0] == "x":
            out += bytes([int(rest[1:3], 16)])
            rest = rest[3:]
        elif slash:
            out += special[rest[0]]
            rest = rest[1:]
    return out


def expand(text, ident):
    def b64(found):
        return base64.b64encode(unescape(found[1])).decode()

    def auth(found):
        return base64.b64encode(
            f"\0{found[1]}\0{found[2]}".encode()).decode()

    text = text.replace("${ID}", ident)
    text = re.sub(r"\$\{AUTH (\S+) (\S+)\}", auth, text)
    return re.sub(r"\$\{B64 (.*?)\}", b64, text)


class Runner:
    def __init__(self, server, dovecot, ident):
        self.server = server
        self.dovecot = dovecot
        self.ident = ident
        self.client = None
        self.to_send = b""
        self.last = None

    def connect(self, name="smtp"):
        port = getattr(self.server, {
            "smtp": "port", "submission": "submission_port",
            "submissions": "submissions_port"}[name])
        self.client = Smtp(port, tls=name == "submissions", greeting=False)

    def run(self, word, rest):
        if word == "C:":
            self.to_send += unescape(expand(rest, self.ident)) + b"\r\n"
        elif word == "C>":
            self.to_send += unescape(expand(rest, self.ident))
        elif word == "C*":
            count, _, text = rest.partition(" ")
            self.to_send += int(count) * unescape(text)
        elif word in ("B:", "BL:"):
            chunk = unescape(expand(rest, self.ident))
            self.to_send += b"BDAT %d%s\r\n" % (
                len(chunk), b" LAST" if word == "BL:" else b"") + chunk
        else:
            self.flush()
            {"S:": self.expect, "S+": self.expect_line,
             "S!": self.expect_no_line, "@starttls": self.starttls,
             "@pause": self.pause, "@in": self.expect_in,
             "@not-in": self.expect_not_in}[word](rest)

    def flush(self):
        if self.client is None:
            self.connect()
        if self.to_send:
            self.client.send(self.to_send)
            self.to_send = b""

    def expect(self, pattern):
        if pattern == "EOF":
            assert self.client.at_end(), "it did not hang up"
        elif pattern == "SILENCE":
            assert self.client.is_silent(), "it said something, or hung up"
        else:
            try:
                self.last = self.client.reply()
            except Closed as end:
                raise AssertionError(
                    f"it hung up instead of {pattern!r}: {end}") from None
            assert re.match(pattern, str(self.last)), \
                f"{str(self.last)!r} is not {pattern!r}"
            self.check_status()

    def check_status(self):
        """Every reply has an enhanced code of its class but those that RFC
        2034 4 excepts."""
        code = self.last.code
        if code in (220, 334, 354) or self.last.lines[0].startswith("mx.test"):
            return
        assert self.last.status.startswith(f"{code // 100}."), \
            f"no enhanced code, or a wrong one, in {self.last}"

    def expect_line(self, pattern):
        assert any(re.fullmatch(pattern, line) for line in self.last.lines), \
            f"no line {pattern!r} in {self.last}"

    def expect_no_line(self, pattern):
        assert not any(re.fullmatch(pattern, line)
                       for line in self.last.lines), \
            f"a line {pattern!r} in {self.last}"

    def starttls(self, _):
        self.client.start_tls()

    def pause(self, seconds):
        self.client.is_silent(float(seconds))

    def expect_in(self, rest):
        user, _, pattern = rest.partition(" ")
        found = delivered(self.dovecot, user, self.ident)
        pattern = expand(pattern, self.ident).encode("utf-8")
        assert any(re.search(pattern, m) for m in found), \
            f"nothing with {pattern!r} in {found}"

    def expect_not_in(self, user):
        found = delivered(self.dovecot, user, self.ident, timeout=0.3)
        assert not found, f"it was delivered: {found}"


def read_dialog(path):
    """[(line number, word, rest)]"""
    for number, line in enumerate(
            path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = re.fullmatch(r"(C:|C>|C\*|BL?:|S:|S\+|S!|@[a-z-]+)(?: (.*))?", line)
        assert found, f"{path}:{number}: what is that?"
        yield number, found[1], found[2] or ""


@pytest.mark.parametrize("path", DIALOGS, ids=lambda p: p.stem)
def test_dialog(path, dovecot, culver, tag):
    steps = list(read_dialog(path))
    setup = ("@set", "@alias", "@domain")
    server = server_for([s[1:] for s in steps if s[1] in setup], dovecot,
                        culver)
    runner = Runner(server, dovecot, tag)
    assert any(word.startswith("S") for _, word, _ in steps)
    for number, word, rest in steps:
        try:
            if word == "@port":
                if runner.client is not None:
                    runner.client.close()
                runner.connect(rest)
            elif word not in setup:
                runner.run(word, rest)
        except (AssertionError, Closed, OSError) as trouble:
            raise AssertionError(f"{path.name}:{number}: {word} {rest}: "
                                 f"{trouble}") from trouble
    runner.client.close()
