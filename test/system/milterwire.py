"""The milter protocol's octets, and a small mail server's side of it, with
which the tests' own filters are tried."""

import socket
import struct

# Steps: what a filter does not want (NO_), or does not answer (NR_).
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT = 0x01, 0x02, 0x04, 0x08
NO_BODY, NO_HEADERS, NO_EOH, NO_UNKNOWN = 0x10, 0x20, 0x40, 0x100
NO_DATA, CAN_SKIP, RCPT_REJECTED = 0x200, 0x400, 0x800
NR_HEADER, NR_CONNECT, NR_HELO, NR_MAIL = 0x80, 0x1000, 0x2000, 0x4000
NR_RCPT, NR_DATA, NR_UNKNOWN = 0x8000, 0x10000, 0x20000
NR_EOH, NR_BODY, LEADING_SPACE = 0x40000, 0x80000, 0x100000
NR_ALL = 0xff080
STEPS_ALL, ACTIONS_ALL, VERSION = 0x1fffff, 0x1ff, 6

# Per command: the bits that say "not wanted" and "not answered".
BITS = {"C": (NO_CONNECT, NR_CONNECT), "H": (NO_HELO, NR_HELO),
        "M": (NO_MAIL, NR_MAIL), "R": (NO_RCPT, NR_RCPT),
        "T": (NO_DATA, NR_DATA), "L": (NO_HEADERS, NR_HEADER),
        "N": (NO_EOH, NR_EOH), "B": (NO_BODY, NR_BODY),
        "U": (NO_UNKNOWN, NR_UNKNOWN)}

CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, SKIP, SHUTDOWN, PROGRESS = (
    b"\0\0\0\1" + code for code in (b"c", b"a", b"r", b"t", b"d", b"s", b"4",
                                    b"p"))


def octets(text):
    return text if isinstance(text, bytes) else \
        text.encode("utf-8", "surrogateescape")


def packet(code, data=b""):
    return struct.pack(">I", len(data) + 1) + octets(code) + data


def strings(*texts):
    return b"".join(octets(text) + b"\0" for text in texts)


# --- replies of a filter -------------------------------------------------------

def say(text):
    """A reply of its own: "550 5.7.1 no"."""
    return packet("y", strings(text))


def add_header(name, value):
    return packet("h", strings(name, value))


def insert_header(index, name, value):
    return packet("i", struct.pack(">I", index & 0xffffffff)
                  + strings(name, value))


def change_header(index, name, value):
    return packet("m", struct.pack(">I", index & 0xffffffff)
                  + strings(name, value))


def delete_header(index, name):
    return change_header(index, name, "")


def replace_body(data):
    return packet("b", octets(data))


def add_rcpt(address, params=None):
    return packet("+", strings(address)) if params is None else \
        packet("2", strings(address, params))


def delete_rcpt(address):
    return packet("-", strings(address))


def change_from(address, params=None):
    return packet("e", strings(address) if params is None else
                  strings(address, params))


def quarantine(reason):
    return packet("q", strings(reason))


def options(version=VERSION, actions=ACTIONS_ALL, steps=0, symbols=None):
    """symbols: {stage's number: "i j"}."""
    return packet("O", struct.pack(">III", version, actions, steps)
                  + b"".join(struct.pack(">I", stage) + strings(names)
                             for stage, names in (symbols or {}).items()))


# --- what is read --------------------------------------------------------------

class Packet:
    """command: a letter. macros: those of the D packets just before it."""

    def __init__(self, command, data, macros=None):
        self.command, self.data = command, data
        self.macros = macros or {}

    @property
    def strings(self):
        """Those of M, R, H, L, U."""
        return [part.decode("utf-8", "surrogateescape")
                for part in self.data.split(b"\0")[:-1]]

    def __repr__(self):
        return f"{self.command}{self.data[:60]!r}"


def read_macros(data):
    """Of a D packet: (the command's letter, {name: value})."""
    parts = [part.decode("utf-8", "surrogateescape")
             for part in data[1:].split(b"\0")]
    assert parts.pop() == "" and len(parts) % 2 == 0, f"bad macros: {data!r}"
    return chr(data[0]), dict(zip(parts[::2], parts[1::2]))


def read_exactly(connection, count):
    """None when the peer hangs up before."""
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            return None
        data += part
    return data


def read_packet(connection):
    head = read_exactly(connection, 4)
    if head is None:
        return None
    length, = struct.unpack(">I", head)
    assert 0 < length, "a packet without a command"
    data = read_exactly(connection, length)
    return data and Packet(chr(data[0]), data[1:])


def connect(where):
    """where: unix:PATH or inet:HOST:PORT."""
    kind, _, rest = where.partition(":")
    if kind == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(rest)
        return connection
    host, _, port = rest.rpartition(":")
    return socket.create_connection((host, int(port)), 20)


class Mta:
    """One connection to a filter, used like this:

        with Mta(filter.where) as mta:
            mta.hello()
            replies = mta.message(b"Subject: x\r\n\r\nbody\r\n")
    """

    def __init__(self, where, offer=(VERSION, ACTIONS_ALL, STEPS_ALL)):
        self.socket = connect(where)
        self.socket.sendall(packet("O", struct.pack(">III", *offer)))
        answer = self.read()
        assert answer.command == "O", answer
        self.version, self.actions, self.steps = \
            struct.unpack(">III", answer.data[:12])
        self.symbols = answer.data[12:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.socket.sendall(packet("Q"))
        except OSError:
            pass
        self.socket.close()

    def read(self):
        answer = read_packet(self.socket)
        if answer is None:
            raise EOFError("the filter hung up")
        return answer

    def macros(self, command, **values):
        """Names of one letter go bare, others in braces."""
        self.socket.sendall(packet("D", octets(command) + strings(
            *(word for name, value in values.items() for word in
              (name if len(name) == 1 else "{" + name + "}", value)))))

    def ask(self, command, data=b""):
        """The letter of the answer; "" for what is not sent or answered."""
        unwanted, unanswered = BITS.get(command, (0, 0))
        if self.steps & unwanted:
            return ""
        self.socket.sendall(packet(command, data))
        return "" if self.steps & unanswered else self.read().command

    def hello(self, address="192.0.2.1", name="client.test"):
        self.macros("C", j="mx.test", v="Test 1")
        self.ask("C", strings(f"[{address}]") + b"4" + struct.pack(">H", 2525)
                 + strings(address))
        self.ask("H", strings(name))

    def message(self, content, sender="a@client.test",
                recipients=("b@example.com",), macros=None):
        """Returns the packets that answer the end, the verdict last, or the
        letter that ended it before."""
        self.macros("M", i="abc123", mail_addr=sender, **(macros or {}))
        stopped = self.ask("M", strings(f"<{sender}>")) not in ("", "c")
        for recipient in recipients:
            self.macros("R", i="abc123", rcpt_addr=recipient)
            self.ask("R", strings(f"<{recipient}>"))
        if stopped:
            return "M"
        head, _, body = content.partition(b"\r\n\r\n")
        steps = [("T", b"")]
        for field in head.replace(b"\r\n\t", b"\n\t") \
                .replace(b"\r\n ", b"\n ").split(b"\r\n"):
            name, _, value = field.partition(b":")
            if not self.steps & LEADING_SPACE:
                value = value.removeprefix(b" ")
            steps.append(("L", strings(name, value)))
        steps.append(("N", b""))
        steps += [("B", body[i:i + 65535])
                  for i in range(0, len(body), 65535)]
        skipped = False
        for command, data in steps:
            if command == "B" and skipped:
                continue
            answer = self.ask(command, data)
            skipped = answer == "s"
            if answer not in ("", "c", "s"):
                return answer
        self.socket.sendall(packet("E"))
        answers = [self.read()]
        while answers[-1].command not in "cartdy4f":
            answers.append(self.read())
        return answers
