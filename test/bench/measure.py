"""What bench.py measures with: a control group, the sink, the load."""

import json
import mmap
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
MESSAGES = 1 << 20  # as in counts.h
COUNTS = ("run", "refuse", "delivered", "twice", "unknown", "refused",
          "last_ns", "sessions", "most_open")


def read(path, default=""):
    try:
        with open(path, encoding="latin-1") as f:
            return f.read()
    except OSError:
        return default


def _mounts(kind, option=""):
    for line in read("/proc/mounts").splitlines():
        _, place, found, options = line.split(" ")[:4]
        if found == kind and (not option or option in options.split(",")):
            return place
    return None


class Group:
    """A control group, so that processes which have ended are counted too."""

    def __init__(self, name):
        one = _mounts("cgroup2")
        self.cpu_v1 = _mounts("cgroup", "cpuacct")
        memory_v1 = _mounts("cgroup", "memory")
        places = [p for p in (self.cpu_v1, memory_v1) if p] or [one]
        if places == [None]:
            raise SystemExit("bench.py needs control groups")
        self.paths = [f"{p}/culver-bench-{os.getpid()}-{name}"
                      for p in dict.fromkeys(places)]
        self.cpu_path, self.memory_path = self.paths[0], self.paths[-1]
        for path in self.paths:
            os.makedirs(path)

    def enter(self):
        """For the child, before it runs what is measured."""
        for path in self.paths:
            with open(path + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")

    def leave(self):
        for path in self.paths:
            above = os.path.dirname(path)
            with open(above + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write("0")

    def pids(self):
        return [int(p) for p in read(self.paths[0] + "/cgroup.procs").split()]

    def cpu_s(self):
        if self.cpu_v1:
            return int(read(self.cpu_path + "/cpuacct.usage", "0")) / 1e9
        for line in read(self.cpu_path + "/cpu.stat").splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
        return 0.0

    def kernel_kb(self):
        """Kernel memory, without most of what socket buffers hold."""
        old = read(self.memory_path + "/memory.kmem.usage_in_bytes")
        if old:
            return int(old) / 1024
        for line in read(self.memory_path + "/memory.stat").splitlines():
            if line.startswith("kernel "):
                return int(line.split()[1]) / 1024
        return 0.0

    def pss_kb(self):
        total = 0
        for pid in self.pids():
            for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def end(self, seconds=10):
        """Ends what is still in it: only what was started inside."""
        deadline = time.monotonic() + seconds
        while self.pids():
            late = time.monotonic() > deadline
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)

    def remove(self):
        self.end(0)
        for path in self.paths:
            os.rmdir(path)


class Sink:
    """mailsink and what it has counted."""

    def __init__(self, program, directory, address, *, offers_chunking=True):
        self.path = f"{directory}/lmtp.sock"
        counts = f"{directory}/counts"
        options = ["-s", address] + ([] if offers_chunking else ["-d"])
        self.process = subprocess.Popen([program, *options, counts, self.path])
        while not os.path.exists(counts) or \
                os.path.getsize(counts) < MESSAGES * 4:
            time.sleep(0.01)
        with open(counts, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)

    def __getattr__(self, name):
        return struct.unpack_from("Q", self.map, COUNTS.index(name) * 8)[0]

    def begin(self, run, refuse=False):
        self.map[:] = bytes(len(self.map))
        struct.pack_into("QQ", self.map, 0, run, refuse)

    def accept(self):
        struct.pack_into("Q", self.map, 8, 0)

    def latency_p50_ms(self):
        all_us = memoryview(self.map)[len(COUNTS) * 8:].cast("I")
        came = [us for us in all_us[:100000] if us]
        all_us.release()
        return statistics.median(came) / 1000 if came else 0.0

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """smtpload with the options of one run; see there."""

    def __init__(self, program, port, **options):
        self.command = [program, "-p", str(port)]
        for key, value in options.items():
            if value is True:
                self.command += ["-" + key]
            elif value is not None:
                self.command += ["-" + key, str(value)]

    def run(self, meanwhile=lambda: None):
        """Returns what it reports; meanwhile() is called now and then."""
        with subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                meanwhile()
                time.sleep(0.05)
            return json.loads(process.stdout.read())

    def hold(self):
        """Starts an idle run; returns the process and its first report."""
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        return process, json.loads(process.stdout.readline())


def release(process):
    """Ends an idle run; returns how many connections were still held."""
    process.stdin.close()
    held = json.loads(process.stdout.readline())["held"]
    process.wait()
    return held


def greeting_ms(port, timeout=10):
    """How long a new client waits for its 220; None: it got none."""
    start = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as s:
            s.settimeout(timeout)
            if not s.recv(512).startswith(b"220"):
                return None
            took = (time.monotonic() - start) * 1000
            s.sendall(b"QUIT\r\n")
            return took
    except OSError:
        return None


def wait_greeting(port, seconds=20):
    deadline = time.monotonic() + seconds
    while greeting_ms(port, 2) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no greeting on port {port}")
        time.sleep(0.01)


def private_dev(log_program, directory):
    """Gives this mount namespace a /dev with a /dev/log that is thrown away.
    Returns the process behind it."""
    place, log = directory + "/dev", directory + "/log"
    os.mkdir(place)

    def mount(*words):
        subprocess.run(["mount", *words], check=True)

    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        pathlib.Path(place, name).touch()
        mount("--bind", f"/dev/{name}", f"{place}/{name}")
    os.mkdir(place + "/shm")
    mount("--bind", "/dev/shm", place + "/shm")
    os.symlink("/proc/self/fd", place + "/fd")
    os.symlink(log, place + "/log")
    # Moved: nothing is left of it where the directory will be removed.
    mount("--move", place, "/dev")
    os.rmdir(place)
    process = subprocess.Popen([log_program, log])
    while not os.path.exists("/dev/log"):
        time.sleep(0.01)
    return process


def use_resolver(address, directory):
    """Whom programs in this mount namespace ask for names."""
    place = directory + "/resolv.conf"
    with open(place, "w", encoding="ascii") as f:
        f.write(f"nameserver {address}\n")
    subprocess.run(["mount", "--bind", place, "/etc/resolv.conf"], check=True)
