"""An LMTP server that does what it is told, for what Dovecot cannot be made to
do: RFC 2033 with CHUNKING, on a Unix socket.

    with FakeLmtp(path) as lmtp:
        lmtp.on_message = lambda recipient: "452 4.2.2 Full"
        ... lmtp.received ...

on_rcpt(recipient) and on_message(recipient) return a reply, or one of
    CLOSE   hang up instead of answering
    HANG    say nothing until release()
"""

import os
import re
import socket
import threading

CLOSE = "close"
HANG = "hang"


class FakeLmtp:
    def __init__(self, path, extensions=("PIPELINING", "8BITMIME", "CHUNKING",
                                         "ENHANCEDSTATUSCODES")):
        self.path = str(path)
        self.extensions = extensions
        self.greeting = "220 fake.test LMTP"
        self.on_mail = lambda line: "250 2.1.0 OK"
        self.on_rcpt = lambda recipient: "250 2.1.5 OK"
        self.on_message = lambda recipient: "250 2.0.0 Saved"
        self.received = []  # (recipient, content) that got a 250
        self.attempts = []  # (recipient, content) of all transactions
        self.lines = []  # every command line
        self.connections = 0
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._sockets = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self._listener.listen(64)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._released.set()
        # The thread must not wake up on a descriptor that is the next one's.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        os.unlink(self.path)
        with self._lock:
            for s in self._sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def release(self):
        """Ends every HANG, now and later: they go on with a 250."""
        self._released.set()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(connection)
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            _Session(self, connection).run()
        except (OSError, EOFError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(connection)
            connection.close()


class _Session:
    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.file = connection.makefile("rb")
        self.recipients = []
        self.content = b""

    def say(self, reply):
        """Returns False when the connection is to end."""
        if reply == HANG:
            self.server._released.wait()
            reply = "250 2.0.0 At last"
        if reply == CLOSE:
            self.connection.shutdown(socket.SHUT_RDWR)
            raise EOFError
        self.connection.sendall(reply.encode() + b"\r\n")

    def run(self):
        self.say(self.server.greeting)
        while True:
            line = self.file.readline()
            if not line:
                return
            line = line.decode("utf-8").rstrip("\r\n")
            self.server.lines.append(line)
            verb = line.split(" ")[0].upper()
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None:
                self.say("502 5.5.1 What?")
            elif handler(line):
                return

    def do_lhlo(self, line):
        lines = ["fake.test", *self.server.extensions]
        self.connection.sendall(b"".join(
            b"250%s%s\r\n" % (b" " if i == len(lines) - 1 else b"-",
                              text.encode())
            for i, text in enumerate(lines)))

    def do_mail(self, line):
        self.recipients, self.content = [], b""
        self.say(self.server.on_mail(line))

    def do_rcpt(self, line):
        recipient = re.search(r"<(.*?)>", line)[1]
        reply = self.server.on_rcpt(recipient)
        if reply.startswith("2"):
            self.recipients.append(recipient)
        self.say(reply)

    def do_rset(self, line):
        self.recipients, self.content = [], b""
        self.say("250 2.0.0 OK")

    do_noop = do_rset

    def do_data(self, line):
        if not self.recipients:
            self.say("503 5.5.1 No recipients")
            return
        self.say("354 Go on")
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError
            if line == b".\r\n":
                break
            self.content += line[1:] if line.startswith(b".") else line
        self.end()

    def do_bdat(self, line):
        words = line.split(" ")
        size = int(words[1])
        content = self.file.read(size)
        if len(content) < size:
            raise EOFError
        self.content += content
        if len(words) < 3:
            self.say("250 2.0.0 More")
        elif self.recipients:
            self.end()
        else:
            self.say("503 5.5.1 No recipients")

    def end(self):
        for recipient in self.recipients:
            self.server.attempts.append((recipient, self.content))
            reply = self.server.on_message(recipient)
            is_plain = reply.startswith("2") # it may be looked for at once
            if is_plain:
                self.server.received.append((recipient, self.content))
            self.say(reply)  # CLOSE ends it here
            if reply == HANG:
                self.server.received.append((recipient, self.content))
        self.recipients, self.content = [], b""

    def do_quit(self, line):
        self.say("221 2.0.0 Bye")
        return True
