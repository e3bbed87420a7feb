"""An SMTP server of somebody else, that does what it is told.

    with Server("127.0.0.2", port) as server:
        server.on_rcpt = lambda address: "550 5.1.1 No such user"
        ... server.received ...

greeting and extensions are texts; on_greeting(), on_command(verb, line),
on_mail(line), on_rcpt(address) and on_message(envelope) return a reply, None
for what it would say by itself, or one of
    CLOSE   hang up instead of answering
    HANG    say nothing until release()

logins {user: password} makes it take mail of those only, in TLS; auth says how
they prove it. tls_first: TLS from the start, as on port 465.
"""

import base64
import os
import re
import shutil
import socket
import ssl
import tempfile
import threading

from culver import make_certificate

CLOSE = "close"
HANG = "hang"
ALL = ("PIPELINING", "SIZE 50000000", "8BITMIME", "SMTPUTF8", "CHUNKING",
       "DSN", "ENHANCEDSTATUSCODES", "STARTTLS")


class HungUp(Exception):
    pass


class Envelope:
    def __init__(self, mail, tls):
        self.mail, self.tls, self.user = mail, tls, None
        self.recipients, self.parameters, self.content = [], [], b""


class Server:
    def __init__(self, address, port, extensions=ALL, name="mx.test",
                 logins=None, auth=("PLAIN", "LOGIN"), tls_first=False):
        self.address, self.port = address, port
        self.logins, self.auth, self.tls_first = logins, auth, tls_first
        self.extensions = extensions
        self.greeting = "220 server.test ESMTP"
        self.on_greeting = lambda: None
        self.on_command = lambda verb, line: None
        self.on_mail = lambda line: None
        self.on_rcpt = lambda address: None
        self.on_message = lambda envelope: None
        self.breaks_tls = False
        self.received = []  # envelopes that got a 250
        self.lines = []  # every command line
        self.connections = 0
        self.open_connections = self.most_connections = 0
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._sockets = set()
        self._directory = tempfile.mkdtemp(prefix="sv", dir="/tmp")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = make_certificate(self._directory, name)
        self._context.load_cert_chain(
            chain, os.path.join(self._directory, "privkey.pem"))
        self._listener = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._released.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for s in self._sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        shutil.rmtree(self._directory, ignore_errors=True)

    def release(self):
        """Ends every HANG, now and later."""
        self._released.set()

    def contents(self):
        return [e.content for e in self.received]

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(connection)
                self.connections += 1
                self.open_connections += 1
                self.most_connections = max(self.most_connections,
                                            self.open_connections)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            Session(self, connection).run()
        except (HungUp, OSError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(connection)
                self.open_connections -= 1
            connection.close()


class Session:
    def __init__(self, server, connection):
        self.server, self.socket = server, connection
        self.buffer, self.tls, self.envelope = b"", None, None
        self.user = None

    def run(self):
        if self.server.tls_first:
            self.begin_tls()
        self.say(self.server.on_greeting() or self.server.greeting)
        while True:
            line = self.line()
            self.server.lines.append(line)
            verb = line.split(" ")[0].split(":")[0].upper()
            reply = self.server.on_command(verb, line)
            if reply is not None:
                self.say(reply)
            else:
                getattr(self, "do_" + verb.lower(), self.do_unknown)(line)

    def fill(self):
        part = self.socket.recv(65536)
        if not part:
            raise HungUp
        self.buffer += part

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    def octets(self, count):
        while len(self.buffer) < count:
            self.fill()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def say(self, reply):
        if reply == HANG:
            self.server._released.wait()
            reply = CLOSE
        if reply == CLOSE:
            raise HungUp
        self.socket.sendall(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise HungUp

    def do_unknown(self, line):
        self.say("502 5.5.1 What?")

    def do_ehlo(self, line):
        lines = ["server.test", *(e for e in self.server.extensions
                                  if e != "STARTTLS" or not self.tls)]
        if self.server.logins is not None and self.tls:
            lines.append("AUTH " + " ".join(self.server.auth))
        self.say("\r\n".join(f"250{' ' if i + 1 == len(lines) else '-'}{text}"
                             for i, text in enumerate(lines)))

    def do_helo(self, line):
        self.say("250 server.test")

    def do_starttls(self, line):
        self.say("220 2.0.0 Go")
        if self.server.breaks_tls:
            self.socket.recv(1)  # not before the client has begun
            self.socket.sendall(b"this is no handshake\r\n")
            raise HungUp
        self.begin_tls()

    def begin_tls(self):
        self.socket = self.server._context.wrap_socket(
            self.socket, server_side=True)
        self.tls = self.socket.version()

    def do_auth(self, line):
        def asked(prompt):
            self.say("334 " + base64.b64encode(prompt).decode())
            return base64.b64decode(self.line())

        words = line.split()
        if words[1] not in self.server.auth or not self.tls:
            self.say("504 5.5.4 Not this")
            return
        if words[1] == "PLAIN":
            _, user, password = base64.b64decode(words[2]).split(b"\0")
        else:
            user, password = asked(b"Username:"), asked(b"Password:")
        if self.server.logins.get(user.decode()) != password.decode():
            self.say("535 5.7.8 Wrong")
            return
        self.user = user.decode()
        self.say("235 2.7.0 Welcome")

    def do_mail(self, line):
        reply = self.server.on_mail(line) or "250 2.1.0 OK"
        if self.server.logins is not None and self.user is None:
            reply = "530 5.7.0 Log in first"
        if reply.startswith("250"):
            self.envelope = Envelope(line[10:], self.tls)
            self.envelope.user = self.user
        self.say(reply)

    def do_rcpt(self, line):
        address = re.match(r"RCPT TO:<(.*?)>(.*)", line)
        reply = self.server.on_rcpt(address[1]) or "250 2.1.5 OK"
        if reply.startswith("250") and self.envelope is None:
            reply = "503 5.5.1 MAIL first"
        if reply.startswith("250"):
            self.envelope.recipients.append(address[1])
            self.envelope.parameters.append(address[2])
        self.say(reply)

    def do_data(self, line):
        if self.envelope is None or not self.envelope.recipients:
            self.say("554 5.5.1 No valid recipients")
            return
        self.say("354 Go")
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            self.fill()
        content, self.buffer = (b"\r\n" + self.buffer).split(
            b"\r\n.\r\n", 1)
        self.envelope.content = (content + b"\r\n")[2:].replace(
            b"\r\n..", b"\r\n.")
        self.finish()

    def do_bdat(self, line):
        words = line.split()
        content = self.octets(int(words[1]))
        if self.envelope is None or not self.envelope.recipients:
            self.say("554 5.5.1 No valid recipients")
            return
        self.envelope.content += content
        if words[-1].upper() == "LAST":
            self.finish()
        else:
            self.say("250 2.0.0 More")

    def finish(self):
        reply = self.server.on_message(self.envelope) or "250 2.0.0 Taken"
        if reply.startswith("250"):
            self.server.received.append(self.envelope)
        self.envelope = None
        self.say(reply)

    def do_rset(self, line):
        self.envelope = None
        self.say("250 2.0.0 OK")

    def do_noop(self, line):
        self.say("250 2.0.0 OK")

    def do_quit(self, line):
        self.say("221 2.0.0 Bye")
        raise HungUp
