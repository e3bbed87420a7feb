"""Filters that are programs of their own and do what a test's rules say.

    with ScriptedFilter(["eom", "addheader", "X-A", "b"],
                        ["rcpt#2", "reject"],
                        ["mail?evil", "setreply", "451", "4.7.1", "later"],
                        ["mail?evil", "tempfail"]) as peer:
        ... culver.conf: milter c { socket = "{peer.where}" } ...
        event = peer.wait_event("eom")

A rule is [STAGE, ACTION, ARGUMENTS...]. Stages: negotiate connect helo mail
rcpt data header eoh body eom abort unknown close. "#2": only the second call
in a message. "?text": only if text stands in what the event is about: the
host, the address, the line; and the sender from DATA on. Every rule that fits
is obeyed in order; the last verdict is the answer, and without one: continue.

Verdicts: continue accept reject tempfail discard skip noreply; "setreply
CODE STATUS TEXT..." goes before reject or tempfail. Edits: addheader NAME
VALUE, insheader INDEX NAME VALUE, chgheader INDEX NAME VALUE, body OCTETS,
longbody SIZE PIECE, addrcpt ADDRESS, addrcptpar ADDRESS PARAMETERS, delrcpt
ADDRESS, chgfrom ADDRESS [PARAMETERS], quarantine REASON. Others: progress,
sleep MILLISECONDS, exit. At negotiate: actions BITS, steps BITS, symbols STAGE
NAMES, quiet.
"""

import collections
import functools
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from culver import NOBODY, TOP, as_nobody, free_port, wait_for

SOURCE = TOP / "test" / "filter"

# args: strings (latin-1 for any octet). macros: {name: value}.
Event = collections.namedtuple("Event", "session stage args macros result")


@functools.lru_cache(maxsize=None)
def c_program():
    """filter.c, built once a process; where nobody can run it."""
    import atexit
    place = tempfile.mkdtemp(prefix="cf", dir="/tmp")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    os.chmod(place, 0o755)
    target = os.path.join(place, "filter")
    subprocess.run(["cc", "-std=gnu17", "-O1", "-g", "-Wall", "-Wextra",
                    "-o", target, *sorted(glob.glob(f"{SOURCE}/*.c")),
                    "-lmilter", "-lpthread"], check=True)
    os.chmod(target, 0o755)
    return target


def is_there(kind):
    """Whether filters of this kind can be run here."""
    if kind == "c":
        return os.path.exists("/usr/include/libmilter/mfapi.h")
    return subprocess.run([sys.executable, "-c", "import Milter"],
                          capture_output=True, check=False).returncode == 0


class Program:
    """A program in a directory of its own, run by nobody if we are root."""

    def __init__(self, prefix="mp"):
        self.directory = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.own(self.directory)
        self.log_path = os.path.join(self.directory, "log")
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is not None:
            print(f"--- {self.directory}: what it said\n{self.log()}")
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    @staticmethod
    def own(path):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)

    def make_directory(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        self.own(self.path(name))
        return self.path(name)

    def write(self, name, text, mode=0o644):
        """In one step. Returns the path."""
        path = self.path(name)
        with open(path + ".new", "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path + ".new", mode)
        self.own(path + ".new")
        os.rename(path + ".new", path)
        return path

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def launch(self, *command, env=None):
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(
                as_nobody(command) if os.geteuid() == 0 else command,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                     "HOME": self.directory, "LC_ALL": "C.UTF-8",
                     **(env or {})})
        self.processes.append(process)
        return process

    def wait_ready(self, condition, timeout=60):
        """Until condition() is true; complains when a process ends before."""
        def is_ready():
            for process in self.processes:
                assert process.poll() is None, \
                    f"{process.args} ended:\n{self.log()}"
            return condition()
        wait_for(is_ready, timeout, f"its start\n{self.log()}")

    def stop(self):
        for process in reversed(self.processes):
            try: # it leads a session; what remains of that is its own
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.processes = []


def escape(field):
    """A field of the script: only plain characters stay as they are."""
    if isinstance(field, str):
        field = field.encode("utf-8", "surrogateescape")
    return "".join(chr(c) if 32 <= c < 127 and c != 92 else f"\\x{c:02x}"
                   for c in field)


def write_rule(rule):
    stage, *rest = rule
    condition = ""
    for mark in "#?":
        if mark in stage:
            stage, _, condition = stage.partition(mark)
            condition = "#" + condition if mark == "#" else condition
            break
    return "\t".join([stage, escape(condition),
                      *(escape(str(x) if isinstance(x, int) else x)
                        for x in rest)]) + "\n"


class ScriptedFilter(Program):
    """kind: "c" (libmilter) or "py" (python3-milter)."""

    def __init__(self, *rules, kind="c", tcp=False, start=True):
        super().__init__()
        self.kind = kind
        self.port = free_port() if tcp else None
        self.set(*rules)
        if start:
            self.start()

    @property
    def where(self):
        """For culver.conf."""
        return f"inet:127.0.0.1:{self.port}" if self.port else \
            f"unix:{self.path('s')}"

    def set(self, *rules):
        """Other rules, from the next connection on."""
        self.write("script", "".join(map(write_rule, rules)))

    def start(self):
        if os.path.exists(self.path("s")):
            os.unlink(self.path("s")) # left by one that was killed
        command = [c_program()] if self.kind == "c" else \
            [sys.executable, str(SOURCE / "pyfilter.py")]
        self.launch(*command, f"inet:{self.port}@127.0.0.1" if self.port
                    else f"unix:{self.path('s')}",
                    self.path("script"), self.path("journal"))
        self.wait_ready(self._listens)

    def _listens(self):
        kind, key = ("tcp", f":{self.port:04X} 00000000:0000 0A") \
            if self.port else ("unix", self.path("s"))
        with open(f"/proc/net/{kind}", encoding="ascii") as f:
            return key in f.read()

    def is_running(self):
        return bool(self.processes) and self.processes[0].poll() is None

    def restart(self):
        self.stop()
        self.start()

    # --- what it saw -----------------------------------------------------------

    def events(self, stage=None, session=None):
        try:
            with open(self.path("journal"), encoding="ascii") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        found = [json.loads(line) for line in lines]
        return [Event(e["session"], e["stage"], e.get("args", []),
                      e.get("macros", {}), e.get("result"))
                for e in found if stage in (None, e["stage"])
                and session in (None, e["session"])]

    def wait_event(self, stage, count=1, timeout=10):
        """The count-th event of a stage."""
        return wait_for(lambda: len(self.events(stage)) >= count and
                        self.events(stage), timeout,
                        f"{stage} at the filter")[count - 1]

    def results(self):
        """[(action, libmilter's result)]: 0 is well."""
        return [(e.args[0], e.result) for e in self.events("did")]

    def stages(self, session=None):
        """Names in order; runs of header and of body as one."""
        names = [e.stage for e in self.events(session=session)
                 if e.stage not in ("did", "problem")]
        return [n for i, n in enumerate(names)
                if i == 0 or n not in ("header", "body") or names[i - 1] != n]

    def forget(self):
        """Empties the journal."""
        with open(self.path("journal"), "w", encoding="ascii"):
            pass
