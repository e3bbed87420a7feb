"""One running Culver, with its configuration directory, for tests.

    with Culver(dovecot) as culver:
        with culver.smtp() as client:
            ...

Root starts it as nobody unless as_root is given. When it stops, its log is
searched for reports of the sanitizers.
"""

import atexit
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from smtp import Closed, Smtp

NOBODY = 65534
TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", TOP / "build-test"))

# What a sanitizer, glibc or our own parent says when it found our bug. A role
# may end by signal 9, which is what tests send.
REPORT = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|"
    r"AddressSanitizer:DEADLYSIGNAL|Assertion .* failed|"
    r"\*\*\* stack smashing|\*\*\* buffer overflow|corrupted|"
    r"panic:|role broke the rules|"
    r"role ended .*(signal=(?!9$)\d+|status=[1-9])", re.MULTILINE)

_programs = {}


def program(name):
    """The path of a program that has been built. A copy, since nobody may not
    be able to look into the directory where it was built."""
    if not _programs:
        place = tempfile.mkdtemp(prefix="cb", dir="/tmp")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        os.chmod(place, 0o755)
        for each in ("culverd", "culver"):
            _programs[each] = shutil.copy(BUILD / "src" / each, place)
    return _programs[name]


_given_ports = set()


def free_port():
    """A free loopback port below those the kernel gives to clients. Each worker
    of pytest has a range of its own: who is given one binds it only later."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", ""))
                 or 0) % 8
    while True:
        port = 10000 + 2750 * worker + random.randrange(2750)
        if port in _given_ports and len(_given_ports) < 2000:
            continue
        _given_ports.add(port)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def as_nobody(command):
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
            "--clear-groups", *command]


def environment(extra=None):
    # A caged, undumpable process cannot look for leaks, and the symbolizer
    # would be another program.
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0"
                            ":detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1", **(extra or {})}


KINDS = {  # of keys, for openssl
    "P-256": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    "P-384": ("ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
    "RSA-2048": ("rsa:2048",),
    "RSA-4096": ("rsa:4096",),
    "Ed25519": ("ed25519",),
}


def make_certificate(directory, *names, days=30, owner=None, kind="P-256"):
    """A self-made certificate for the names, as certbot lays it out."""
    os.makedirs(directory, exist_ok=True)
    chain = os.path.join(directory, "fullchain.pem")
    key = os.path.join(directory, "privkey.pem")
    alternatives = ",".join(
        f"{'IP' if name[0].isdigit() else 'DNS'}:{name}" for name in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *KINDS[kind],
         "-nodes", "-days", str(days),
         "-subj", f"/CN={names[0]}", "-addext",
         f"subjectAltName={alternatives}",
         "-keyout", key + ".new", "-out", chain + ".new"],
        check=True, capture_output=True)
    os.chmod(key + ".new", 0o600)
    for path in (key, chain):
        if owner is not None:
            os.chown(path + ".new", owner, owner)
        os.rename(path + ".new", path)
    return chain


def wait_for(condition, timeout=10, what="it"):
    """Returns condition()'s first true value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {timeout} s")
        time.sleep(0.02)


class Culver:
    """settings are culver.conf's; aliases: {domain: text of its file};
    milters: {name: {setting: value}}, in order."""

    def __init__(self, dovecot=None, *, domains=("example.com",), aliases=None,
                 certificates=("mx.test",), as_root=False, wrapper=(),
                 milters=None, start=True, **settings):
        self.as_root = as_root and os.geteuid() == 0
        self.owner = NOBODY if os.geteuid() == 0 and not self.as_root else None
        self.wrapper = list(wrapper)
        self.directory = tempfile.mkdtemp(prefix="cv", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.conf = os.path.join(self.directory, "conf")
        self.state = os.path.join(self.directory, "state")
        self.run = os.path.join(self.directory, "run")
        self.log_path = os.path.join(self.directory, "log")
        for path in (self.conf, self.state, self.run):
            self._make_directory(path)
        for kind in ("domains", "certs"):
            self._make_directory(os.path.join(self.conf, kind))
        for name in domains:
            self.add_domain(name, (aliases or {}).get(name))
        for name in certificates:
            self.add_certificate(name)
        self.port, self.submission_port, self.submissions_port = (
            free_port() for _ in range(3))
        self.settings = {
            "hostname": "mx.test",
            "listen_smtp": f"127.0.0.1:{self.port}",
            "listen_submission": f"127.0.0.1:{self.submission_port}",
            "listen_submissions": f"127.0.0.1:{self.submissions_port}",
            "state_dir": self.state, "run_dir": self.run,
            "mailname": "mx.test",
            "system_aliases": os.path.join(self.directory, "aliases"),
            "workers": "2", "log": "stderr", "log_level": "debug",
            # nobody: no name is asked for outside of this machine
            "resolver": "127.0.0.1@9", "resolver_fallback": "",
            "retry_first": "1s", "queue_reserve": "1M",
            # Letters of most tests are from whoever, and many; test_sender.py
            # has these as they are by default.
            "sender_check": "off", "login_message_limit": "0",
            "login_recipient_limit": "0",
        }
        if dovecot is not None:
            self.settings.update(
                dovecot_auth_client=dovecot.auth_client,
                dovecot_auth_userdb=dovecot.auth_userdb,
                dovecot_lmtp=dovecot.lmtp)
        self.settings.update(settings)
        if milters:
            self.set_milters(milters)
        self.process = None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
            self.check_log()
        except BaseException:
            if kind is None:
                raise
        finally:
            if kind is not None:
                print(f"--- the log of {self.directory}:\n{self.log()}")
            shutil.rmtree(self.directory, ignore_errors=True)

    # --- its configuration ---------------------------------------------------

    def _own(self, path):
        if self.owner is not None:
            os.chown(path, self.owner, self.owner)

    def _make_directory(self, path):
        os.makedirs(path, exist_ok=True)
        self._own(path)

    def write(self, path, text):
        """Writes a file below the configuration directory in one step."""
        path = os.path.join(self.conf, path)
        self._make_directory(os.path.dirname(path))
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        self._own(path + ".new")
        os.rename(path + ".new", path)

    def add_domain(self, name, aliases=None):
        self._make_directory(os.path.join(self.conf, "domains", name))
        if aliases is not None:
            self.write(f"domains/{name}/aliases", aliases)

    def add_certificate(self, name, *more, **how):
        path = os.path.join(self.conf, "certs", name)
        self._make_directory(path)
        return make_certificate(path, name, *more, owner=self.owner, **how)

    def set_milters(self, milters):
        """Writes them into culver.conf; reload() makes them known."""
        def written(value):
            if isinstance(value, (list, tuple)):
                return "{ " + ", ".join(map(written, value)) + " }"
            return '"' + str(value) + '"'

        self.write("culver.conf", "".join(
            f"milter {name} {{\n" + "".join(
                f"  {key} = {written(value)}\n"
                for key, value in block.items()) + "}\n"
            for name, block in milters.items()))

    def overrides(self):
        return [word for key, value in self.settings.items()
                for word in ("-o", f"{key}={value}")]

    # --- its life -------------------------------------------------------------

    def command(self):
        command = [program("culverd"), "-F", "-c", self.conf,
                   *self.overrides()]
        if self.owner is not None:
            command = as_nobody(command)
        return self.wrapper + command

    def launch(self, **how):
        """Starts it without waiting for anything."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, cwd="/",
                env=environment(how.pop("env", None)), **how)

    def start(self, timeout=20, **how):
        said = len(self.log())
        self.launch(**how)
        self.wait_greeting(timeout)
        if self.settings["log"] == "stderr" and \
                self.settings["log_level"] != "error":
            wait_for(lambda: "ready" in self.log()[said:], 10, "\"ready\"")

    def wait_greeting(self, timeout=20):
        """Waits until each of its listeners greets."""
        ports = [p for p, key in ((self.port, "listen_smtp"),
                                  (self.submission_port, "listen_submission"))
                 if self.settings[key]]
        if not os.listdir(os.path.join(self.conf, "certs")):
            ports = ports[:1]
        deadline = time.monotonic() + timeout
        while ports:
            try:
                with Smtp(ports[0], timeout=5) as client:
                    if client.greeting.code == 220:
                        ports.pop(0)
                        continue
            except (Closed, OSError):
                pass
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"culverd ended with {self.process.returncode}:\n"
                    + self.log())
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError("no greeting:\n" + self.log())
            time.sleep(0.05)

    def stop(self, timeout=20, status=0):
        """Ends it in peace and checks that it left nothing behind."""
        if self.process is None:
            return
        family = self.family()
        self.process.terminate()
        try:
            found = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("SIGTERM did not end it:\n"
                                 + self.log()) from None
        self.process = None
        assert found == status, f"exit status {found}:\n{self.log()}"
        wait_for(lambda: not any(map(is_alive, family)), 5,
                 "the end of its processes")

    def kill(self):
        """kill -9 of all of its processes at once."""
        if self.process is None:
            return
        family = self.family()
        for pid in family:
            send_signal(pid, signal.SIGSTOP)  # so that none starts another
        for pid in set(family + self.family()):
            send_signal(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        wait_for(lambda: not any(map(is_alive, family)), 5, "its death")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    # --- its processes -----------------------------------------------------------

    def family(self):
        """The process ids of the parent and all that descend from it."""
        children = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            stat = read_stat(entry)
            if stat is not None:
                children.setdefault(int(stat[1]), []).append(int(entry))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def parent(self):
        """The parent itself, not what wraps it."""
        return next(pid for pid in self.family()
                    if "culverd" in command_line(pid).split(" ")[0])

    def roles(self):
        """{"receive": [process ids], ...}"""
        found = {}
        for pid in self.family():
            line = command_line(pid)
            role = re.search(r"--role[= ](\w+)", line) or \
                re.match(r"culverd: (\w+)", line)
            if role:
                found.setdefault(role[1], []).append(pid)
        return found

    def wait_roles(self, timeout=10):
        """roles() once each is there."""
        def complete():
            roles = self.roles()
            return roles if {"receive", "queue", "deliver", "control",
                             "hook", "lookup", "verify",
                             "keyring"} <= set(roles) and \
                len(roles["receive"]) == int(self.settings["workers"]) \
                else None
        return wait_for(complete, timeout, "that every role runs")

    # --- what it says ----------------------------------------------------------

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8",
                      errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def check_log(self):
        log = self.log()
        found = REPORT.search(log)
        assert not found, "a report in the log:\n" + \
            log[max(found.start() - 500, 0):found.start() + 8000]

    def wait_log(self, pattern, timeout=10, count=1):
        """The matches once there are that many."""
        def matches():
            found = list(re.finditer(pattern, self.log()))
            return found if len(found) >= count else None
        return wait_for(matches, timeout, f"{pattern!r} in the log")

    def ctl(self, *arguments, check=True):
        """Runs the culver command against it; returns what subprocess.run()
        does."""
        command = [program("culver"), "-c", self.conf, *self.overrides(),
                   *arguments]
        if self.owner is not None:
            command = as_nobody(command)
        done = subprocess.run(command, capture_output=True, text=True,
                              env=environment(), timeout=60, check=False)
        assert not check or done.returncode == 0, \
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def queue_size(self, which="true"):
        """Recipients in the queue, from its database. Read as its owner: a
        reader may have to make files beside it. which: a condition."""
        command = ["sqlite3", "-readonly", "-cmd", ".timeout 5000",
                   f"{self.state}/queue.db",
                   f"SELECT count(*) FROM recipient WHERE {which}"]
        if self.owner is not None:
            command = as_nobody(command)

        def count():
            done = subprocess.run(command, capture_output=True, text=True,
                                  timeout=30, check=False)
            return done.stdout.strip()
        return int(wait_for(count, 10, "that the database can be read"))

    # --- clients ----------------------------------------------------------------

    def smtp(self, **how):
        return Smtp(self.port, **how)

    def submission(self, user=None, password="secret", **how):
        """On port 587; with a user after STARTTLS and AUTH."""
        client = Smtp(self.submission_port, **how)
        if user:
            client.ehlo()
            client.starttls()
            client.ehlo()
            reply = client.auth_plain(user, password)
            assert reply.code == 235, str(reply)
        return client

    def submissions(self, **how):
        return Smtp(self.submissions_port, tls=True, **how)

    def send(self, content, recipients=("alice@example.com",),
             sender="sender@client.test"):
        """One message on port 25; returns the reply to its data."""
        with self.smtp() as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(*recipients)
            return client.data(content)


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def read_stat(pid):
    """The fields of /proc/PID/stat from the state on, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    stat = read_stat(pid)
    return stat is not None and stat[0] not in "ZX"


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def status_of(pid):
    """/proc/PID/status as {name: value}."""
    with open(f"/proc/{pid}/status", encoding="latin-1") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)
