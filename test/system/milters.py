"""Filters for tests. RawFilter speaks whatever octets a test wants:

    with RawFilter({"R": [REJECT], "E": [add_header("X-A", "b"), CONTINUE]},
                   steps=NR_ALL) as peer:
        ... culver.conf: milter raw { socket = "{peer.where}" } ...
        session = peer.wait_session()
        assert session.letters == "OCHMRTLNBEQ"
"""

import collections
import os
import shutil
import socket
import struct
import tempfile
import threading
import time

from milterwire import (ACTIONS_ALL, BITS, CONTINUE, VERSION, Packet, options,
                        read_macros, read_packet)

# What a script may hold besides octets to be sent.
SILENT = "silent" # no reply to this command
CLOSE = "close"
HALF_CLOSE = "half close" # it says no more, but reads on
Sleep = collections.namedtuple("Sleep", "seconds")
Split = collections.namedtuple("Split", "octets size pause")


class Turns(list):
    """In a script: the first time the first, ...; the last for all others."""


class Session:
    """What one connection brought. packets: all but macros."""

    def __init__(self, number):
        self.number = number
        self.packets = []
        self.macros = {} # {command's letter: the last D packet's}
        self.offer = None # (version, actions, steps)
        self.problem = None # what the filter's own thread did not survive
        self.is_over = False # the peer, or the script, has closed
        self.turns = collections.Counter()

    @property
    def letters(self):
        return "".join(p.command for p in self.packets)

    @property
    def short_letters(self):
        """The same with runs of L and of B as one."""
        kept = [c for i, c in enumerate(self.letters)
                if c not in "LB" or i == 0 or self.letters[i - 1] != c]
        return "".join(kept)

    def all(self, command):
        return [p for p in self.packets if p.command == command]

    @property
    def body(self):
        return b"".join(p.data for p in self.all("B"))

    @property
    def fields(self):
        """[(name, value)] as they came."""
        return [tuple(p.strings) for p in self.all("L")]


class RawFilter:
    """script: {command's letter: action or list of them}, or a Turns of such
    dictionaries, one for each connection. An action is octets, SILENT, CLOSE,
    HALF_CLOSE, Sleep, Split, a Turns of actions (or of lists), or a function
    of (session, packet) that returns one of these or a list. What is not in
    the script is answered by CONTINUE, where steps let it be answered; "O" by
    the options, and a script may have its own answer. After a script's own
    answer nothing is added. "greeting" is said before anything is read.

    tcp: on a loopback port, else on a unix socket that anyone may use.
    """

    def __init__(self, script=None, *, steps=0, actions=ACTIONS_ALL,
                 version=VERSION, symbols=None, tcp=False, start=True):
        self.reset(script, steps=steps, actions=actions, version=version,
                   symbols=symbols)
        self._tcp = tcp
        self._directory = tempfile.mkdtemp(prefix="mf", dir="/tmp")
        os.chmod(self._directory, 0o755)
        self.path = os.path.join(self._directory, "s")
        self.port = None
        self._listener = None
        self._connections = set()
        self._lock = threading.Lock()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
        if kind is None:
            for session in self.sessions:
                assert session.problem is None, session.problem

    @property
    def where(self):
        """For culver.conf."""
        return f"inet:127.0.0.1:{self.port}" if self._tcp else \
            f"unix:{self.path}"

    def reset(self, script=None, *, steps=0, actions=ACTIONS_ALL,
              version=VERSION, symbols=None):
        """What it does from the next connection on; sessions are forgotten."""
        self.script = script or {}
        self.options = options(version, actions, steps, symbols)
        self.steps = steps
        self.sessions = []

    # --- its life -------------------------------------------------------------

    def start(self):
        """Listens; on the same port or path as before stop()."""
        if self._tcp:
            listener = socket.create_server(("127.0.0.1", self.port or 0),
                                            backlog=512)
            self.port = listener.getsockname()[1]
        else:
            listener = socket.socket(socket.AF_UNIX)
            if os.path.exists(self.path):
                os.unlink(self.path)
            listener.bind(self.path)
            os.chmod(self.path, 0o777)
            listener.listen(512)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,),
                         daemon=True).start()

    def stop(self):
        """Stops listening (connecting is refused) and hangs up on all."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        self.hang_up()

    def hang_up(self):
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    # --- what it has seen -------------------------------------------------------

    def wait(self, condition, timeout=10, what="it"):
        """condition()'s first true value."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < deadline, \
                f"{what} did not come: {[s.letters for s in self.sessions]}"
            time.sleep(0.01)
        return value

    def wait_session(self, number=0, timeout=10):
        """A session that is over."""
        return self.wait(
            lambda: len(self.sessions) > number and
            self.sessions[number].is_over and self.sessions[number],
            timeout, f"the end of session {number}")

    def wait_letters(self, letters, number=0, timeout=10):
        """A session once these are the beginning of its short letters."""
        return self.wait(
            lambda: len(self.sessions) > number and
            self.sessions[number].short_letters.startswith(letters) and
            self.sessions[number], timeout, letters)

    @property
    def open_count(self):
        return sum(not s.is_over for s in self.sessions)

    # --- inside ----------------------------------------------------------------

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
                session = Session(len(self.sessions))
                self.sessions.append(session)
            threading.Thread(target=self._serve, args=(connection, session),
                             daemon=True).start()

    def _serve(self, connection, session):
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        script = self.script
        if isinstance(script, Turns):
            script = script[min(session.number, len(script) - 1)]
        try:
            if "greeting" not in script or self._act(
                    connection, session, script["greeting"],
                    Packet("greeting", b"")) is not CLOSE:
                self._converse(connection, session, script)
        except ConnectionError:
            pass # it hangs up on us, which it may
        except OSError as error:
            session.problem = error
        except Exception as error: # it is told by __exit__
            session.problem = error
        finally:
            session.is_over = True
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _converse(self, connection, session, script):
        before = {}
        while (packet := read_packet(connection)) is not None:
            if packet.command == "D":
                command, macros = read_macros(packet.data)
                session.macros[command] = macros
                before.update(macros)
                continue
            packet.macros, before = before, {}
            if packet.command == "O":
                session.offer = struct.unpack(">III", packet.data)
            session.packets.append(packet)
            if packet.command in script:
                action = script[packet.command]
            else:
                action = self._usual(packet)
            if self._act(connection, session, action, packet) is CLOSE:
                return
            if packet.command == "Q":
                return

    def _usual(self, packet):
        if packet.command == "O":
            return self.options
        if packet.command in "AQ":
            return SILENT
        _, unanswered = BITS.get(packet.command, (0, 0))
        return SILENT if self.steps & unanswered else CONTINUE

    def _act(self, connection, session, action, packet):
        """Returns CLOSE if no more is to be done."""
        if isinstance(action, Turns):
            key = (packet.command, id(action))
            turn = min(session.turns[key], len(action) - 1)
            session.turns[key] += 1
            action = action[turn]
        if callable(action):
            action = action(session, packet)
        for each in action if isinstance(action, list) else [action]:
            if isinstance(each, bytes):
                connection.sendall(each)
            elif isinstance(each, Sleep):
                time.sleep(each.seconds)
            elif isinstance(each, Split):
                for i in range(0, len(each.octets), each.size):
                    connection.sendall(each.octets[i:i + each.size])
                    time.sleep(each.pause)
            elif each is HALF_CLOSE:
                connection.shutdown(socket.SHUT_WR)
            elif each is CLOSE:
                return CLOSE
            elif callable(each) or isinstance(each, Turns):
                if self._act(connection, session, each, packet) is CLOSE:
                    return CLOSE
            else:
                assert each is SILENT or each is None, each
        return None
