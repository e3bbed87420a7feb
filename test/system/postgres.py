"""A private PostgreSQL: a cluster in a temporary directory, as nobody when we
are root, on a unix socket and a loopback port."""

import glob
import itertools
import os
import shutil
import signal
import subprocess
import tempfile

from culver import NOBODY, as_nobody, environment, free_port, wait_for

_found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
BIN = _found[-1] if _found else None


class Postgres:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="cp", dir="/tmp")
        if os.geteuid() == 0:
            os.chown(self.directory, NOBODY, NOBODY)
        os.chmod(self.directory, 0o755)
        self.data = os.path.join(self.directory, "data")
        self.port = free_port()
        self.process = None
        self._names = (f"queue{i}" for i in itertools.count(1))

    def __enter__(self):
        self._run("initdb", "--no-sync", "--no-locale", "-EUTF8", "-Uculver",
                  "-D", self.data, "--auth-local=trust",
                  "--auth-host=scram-sha-256")
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _command(self, name, *arguments):
        command = [f"{BIN}/{name}", *arguments]
        return as_nobody(command) if os.geteuid() == 0 else command

    def _run(self, name, *arguments):
        done = subprocess.run(
            self._command(name, *arguments), capture_output=True, text=True,
            cwd=self.directory, env=environment(), timeout=60, check=False)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                self._command("postgres", "-D", self.data, "-k",
                              self.directory, "-p", str(self.port),
                              "-clisten_addresses=127.0.0.1",
                              "-cshared_buffers=16MB"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, env=environment())
        wait_for(self._is_up, 30, "that PostgreSQL is up")

    def _is_up(self):
        return subprocess.run(
            self._command("pg_isready", "-q", "-h", self.directory, "-p",
                          str(self.port)), check=False).returncode == 0

    def kill(self):
        """As a crash: nothing is written any more."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)
        self.process = None

    def make_database(self):
        name = next(self._names)
        self.query("postgres", f"CREATE DATABASE {name}")
        return name

    def query(self, database, sql):
        """The first column of the result, as text."""
        return self._run("psql", "-XAtq", "-h", self.directory, "-p",
                         str(self.port), "-U", "culver", "-d", database,
                         "-c", sql)

    def uri(self, database):
        return (f"postgresql://culver@/{database}?host={self.directory}"
                f"&port={self.port}")

    def queue_size(self, database, which="true"):
        return int(self.query(
            database,
            f"SELECT count(*) FROM culver.recipient WHERE {which}"))
