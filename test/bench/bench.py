#!/usr/bin/python3
"""Compares Culver with Debian's Postfix, run by run in turns, in a network
namespace of its own. run.sh prepares what it needs.

    bench.py run [--build DIR] [--scenarios a,b or a group of them]
                 [--servers culver,culver-queue,postfix,chasquid]
                 [--repeat N] [--base postfix] [--data-only] [--out FILE]
    bench.py table [--base postfix] FILE...
    bench.py list

Rates are messages that reached the sink (or a maildir), CPU is that of all
processes of the server, those that ended too. Other work on the machine
disturbs rates more than CPU; trust ratios of one table.
"""

import argparse
import contextlib
import functools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import measure
import servers
from culver import make_certificate
from dns import Dns
from dovecot import Dovecot

LOGIN = "u0@bench.test"
MAILDIR_PARTS = ("new", "cur")


class Bench:
    """What all runs share: Dovecot, the sink, the servers."""

    def __init__(self, build, names, data_only):
        self.build = build
        self.place = tempfile.mkdtemp(prefix="cb", dir="/var/tmp")
        os.chmod(self.place, 0o755)
        self.runs = int(time.time())
        self.stack = contextlib.ExitStack()
        self.stack.callback(shutil.rmtree, self.place, ignore_errors=True)
        log = measure.private_dev(self.program("logsink"), self.place)
        self.stack.callback(log.terminate)
        self.sink = measure.Sink(self.program("mailsink"), self.place,
                                 servers.SINK, offers_chunking=not data_only)
        self.stack.callback(self.sink.stop)
        dns = Dns(servers.ZONE, ttl=86400, server_port=53)
        self.stack.callback(dns.stop)
        servers.Culver.trust_anchor = dns.settings()["trust_anchor"]
        measure.use_resolver(servers.RESOLVER, self.place)
        certificate = self.place + "/tls"
        make_certificate(certificate, servers.HOSTNAME)
        self._start_dovecot()
        self._start_filter()
        self.servers = [self._server(n, certificate) for n in names]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def program(self, name):
        return f"{self.build}/test/bench/{name}"

    def _start_dovecot(self):
        self.dovecot_group = measure.Group("dovecot")
        self.stack.callback(self.dovecot_group.remove)
        self.dovecot = Dovecot(self.place + "/dovecot", start=False,
                               settings="protocol lmtp {\n"
                               "  mail_max_userip_connections = 0\n}\n")
        for number in range(servers.USERS):
            self.dovecot.add_user(f"u{number}@{servers.DOMAIN}", "secret")
        self.dovecot_group.enter()
        try:
            self.dovecot.start()
        finally:
            self.dovecot_group.leave()
        self.stack.callback(self.dovecot.stop)
        for path in (self.dovecot.auth_client, self.dovecot.auth_userdb,
                     self.dovecot.lmtp):
            os.chmod(path, 0o666) # each server has a user of its own

    def _start_filter(self):
        """One of libmilter that wants every event, and accepts all."""
        self.milter = f"{self.place}/milter"
        script = f"{self.place}/milter-script"
        with open(script, "w", encoding="ascii") as f:
            f.write("negotiate\t\tquiet\n")
        process = subprocess.Popen(
            [f"{self.build}/test/filter/filter", f"unix:{self.milter}",
             script, "/dev/null"], stdin=subprocess.DEVNULL, umask=0)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)

    def _server(self, name, certificate):
        made = servers.SERVERS[name](self.place, certificate, self.dovecot,
                                     self.build)
        self.stack.callback(made.group.remove)
        return made

    def load(self, port=servers.PORT, **options):
        return measure.Load(self.program("smtpload"), port, u=servers.USERS,
                            r=self.runs, **options)

    @contextlib.contextmanager
    def running(self, server, lmtp=None, **how):
        server.configure(lmtp or self.sink.path, **how)
        server.start()
        try:
            yield
        finally:
            server.stop()

    def begin(self, refuse=False):
        self.runs += 1
        self.sink.begin(self.runs, refuse)


def wait_count(count, wanted, meanwhile=lambda: None, patience=15):
    """Waits until count() is wanted, or has not grown for a while. Returns
    it and when it last grew."""
    last, since = count(), time.monotonic()
    while last < wanted and time.monotonic() - since < patience:
        meanwhile()
        time.sleep(0.02)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return last, since


class Peak:
    """The highest PSS seen, above that of the idle server."""

    def __init__(self, group):
        self.group, self.next = group, 0.0
        self.idle_kb = self.highest_kb = group.pss_kb()

    def look(self):
        if time.monotonic() >= self.next:
            self.highest_kb = max(self.highest_kb, self.group.pss_kb())
            self.next = time.monotonic() + 0.5


# --- scenarios: (bench, server) -> {metric: value} ----------------------------

def mail(bench, server, *, warm=200, milter=False, **options):
    """Messages into the sink; milter: through a filter."""
    with bench.running(server, milter=bench.milter if milter else None):
        bench.begin()
        warmed = bench.load(**{**options, "n": warm, "c": 10}).run()
        wait_count(lambda: bench.sink.delivered, warmed["accepted"])
        bench.begin()
        peak = Peak(server.group)
        cpu, other = server.group.cpu_s(), bench.dovecot_group.cpu_s()
        said = bench.load(**options).run(peak.look)
        came, _ = wait_count(lambda: bench.sink.delivered, said["accepted"],
                             peak.look)
        cpu = server.group.cpu_s() - cpu
        other = bench.dovecot_group.cpu_s() - other
        took = (bench.sink.last_ns - said["start_ns"]) / 1e9
        return {
            "delivered_s": came / took,
            "accepted_s": said["accepted"] / said["wall_s"],
            "cpu_s_1000": cpu / came * 1000,
            "dovecot_cpu_s_1000": other / came * 1000,
            "dot_p50_ms": said["dot_p50_ms"],
            "dot_p99_ms": said["dot_p99_ms"],
            "arrival_p50_ms": bench.sink.latency_p50_ms(),
            "greeting_p99_ms": said["greeting_p99_ms"],
            "pss_mb": peak.highest_kb / 1024,
            "pss_growth_mb": (peak.highest_kb - peak.idle_kb) / 1024,
            "missing": said["accepted"] - came, "failed": said["failed"],
            "twice": bench.sink.twice, "error": said["error"],
        }


def maildir(bench, server, **options):
    """Messages into Dovecot's own maildirs."""
    home = pathlib.Path(bench.dovecot.directory, "home")

    def count():
        return sum(len(os.listdir(part)) for user in home.iterdir()
                   for part in (user / "Maildir" / p for p in MAILDIR_PARTS)
                   if part.is_dir())

    for user in home.iterdir():
        shutil.rmtree(user)
    with bench.running(server, bench.dovecot.lmtp):
        warmed = bench.load(n=200, c=4).run()
        wait_count(count, warmed["accepted"])
        before = count()
        cpu, other = server.group.cpu_s(), bench.dovecot_group.cpu_s()
        start = time.monotonic()
        said = bench.load(**options).run()
        came, end = wait_count(lambda: count() - before, said["accepted"])
        return {
            "delivered_s": came / (end - start),
            "accepted_s": said["accepted"] / said["wall_s"],
            "cpu_s_1000": (server.group.cpu_s() - cpu) / came * 1000,
            "dovecot_cpu_s_1000":
                (bench.dovecot_group.cpu_s() - other) / came * 1000,
            "dot_p50_ms": said["dot_p50_ms"],
            "dot_p99_ms": said["dot_p99_ms"],
            "missing": said["accepted"] - came, "failed": said["failed"],
            "error": said["error"],
        }


def idle(bench, server, *, connections, tls=False):
    """Connections that say nothing after EHLO."""
    with bench.running(server, connections=connections + 100):
        time.sleep(1)
        group = server.group
        pss, kernel, cpu = group.pss_kb(), group.kernel_kb(), group.cpu_s()
        load, said = bench.load(servers.SUBMISSION if tls else servers.PORT,
                                I=True, T=tls or None, c=connections,
                                B=50, D=60).hold()
        held = max(said["held"], 1)
        cpu = group.cpu_s() - cpu
        time.sleep(1)
        pss, kernel = group.pss_kb() - pss, group.kernel_kb() - kernel
        waits = []
        for _ in range(20):
            waits.append(measure.greeting_ms(servers.PORT))
            time.sleep(0.05)
        left = measure.release(load)
        return {
            "held": left, "failed": said["failed"], "error": said["error"],
            "pss_kb": pss / held, "kernel_kb": kernel / held,
            "cpu_ms_connection": cpu / held * 1000,
            "greeting_max_ms": max(w or float("inf") for w in waits),
            "connected_s": said["wall_s"],
        }


def backlog(bench, server, *, n, **options):
    """A queue that cannot be delivered; a restart; then it can."""
    with bench.running(server):
        bench.begin(refuse=True)
        peak = Peak(server.group)
        said = bench.load(n=n, c=20, D=60, **options).run(peak.look)
        time.sleep(3) # the last ones are tried, and refused
        queued = server.queued()
        refused_kb = server.group.pss_kb() - peak.idle_kb
        restart = server.restart()
        pss = server.group.pss_kb() - peak.idle_kb
        wait = measure.greeting_ms(servers.PORT)
        bench.sink.accept()
        cpu, start = server.group.cpu_s(), time.monotonic_ns()
        server.retry()
        came, _ = wait_count(lambda: bench.sink.delivered, said["accepted"],
                             peak.look)
        return {
            "queued": queued, "accepted_s": said["accepted"] / said["wall_s"],
            "restart_s": restart, "greeting_max_ms": wait,
            "delivered_s": came / (bench.sink.last_ns - start) * 1e9,
            "cpu_s_1000": (server.group.cpu_s() - cpu) / max(came, 1) * 1000,
            "pss_mb": peak.highest_kb / 1024,
            "refused_growth_mb": refused_kb / 1024,
            "restarted_growth_mb": pss / 1024,
            "pss_growth_mb": (peak.highest_kb - peak.idle_kb) / 1024,
            "missing": said["accepted"] - came, "failed": said["failed"],
            "twice": bench.sink.twice, "error": said["error"],
        }


BIG = 25 << 20
SCENARIOS = {
    "inbound": functools.partial(mail, n=8000, c=20),
    "one-connection": functools.partial(mail, n=2000, c=1),
    "one-each": functools.partial(mail, n=3000, c=20, m=1),
    "milter": functools.partial(mail, n=8000, c=20, milter=True),
    "milter-one-each": functools.partial(mail, n=3000, c=20, m=1,
                                         milter=True),
    "submission": functools.partial(mail, n=1500, c=20, m=1, T=True, a=LOGIN +
                                    ":secret", port=servers.SUBMISSION),
    "big": functools.partial(mail, n=20, c=4, m=1, s=BIG, warm=2),
    "maildir": functools.partial(maildir, n=2000, c=20),
    "idle": functools.partial(idle, connections=5000),
    "idle-tls": functools.partial(idle, connections=1000, tls=True),
    "idle-10000": functools.partial(idle, connections=10000),
    "backlog": functools.partial(backlog, n=20000),
    # To a server outside, over SMTP.
    "submission-relay": functools.partial(
        mail, n=5000, c=20, m=10, T=True, a=LOGIN + ":secret",
        port=servers.SUBMISSION, t=servers.REMOTE),
    "relay": functools.partial(mail, n=8000, c=20, t=servers.FORWARDED),
    "backlog-outside": functools.partial(backlog, n=20000,
                                         t=servers.FORWARDED),
}
# In place of their names: what this machine sends out.
GROUPS = {"outside": ("submission-relay", "relay", "backlog-outside")}
# Its queue ends at 200 messages, and a local delivery is a process.
OF_CHASQUID = ("submission-relay", "relay")
# Postfix has a process for each connection: fewer show what one costs.
INSTEAD = {
    ("postfix", "idle"): functools.partial(idle, connections=500),
    ("postfix", "idle-tls"): functools.partial(idle, connections=300,
                                               tls=True),
    ("postfix", "idle-10000"): None,
    # Too fast for the same number: a run is to last some seconds.
    ("culver", "inbound"): functools.partial(mail, n=30000, c=20),
    ("culver-queue", "inbound"): functools.partial(mail, n=30000, c=20),
    ("culver", "one-connection"): functools.partial(mail, n=8000, c=1),
    ("culver", "one-each"): functools.partial(mail, n=10000, c=20, m=1),
    ("culver", "milter"): functools.partial(mail, n=20000, c=20, milter=True),
    ("culver-queue", "milter"): functools.partial(mail, n=20000, c=20,
                                                  milter=True),
}


# --- the program ---------------------------------------------------------------

def run_one(bench, server, name, repetition):
    scenario = INSTEAD.get((server.name, name), SCENARIOS[name])
    if scenario is None or \
            server.name == "chasquid" and name not in OF_CHASQUID:
        return None
    found = {"scenario": name, "server": server.name,
             "repetition": repetition}
    try:
        found |= scenario(bench, server)
    except (RuntimeError, OSError, subprocess.CalledProcessError,
            ZeroDivisionError) as error:
        found["error"] = f"the run failed: {error!r}"
    print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}"
                   for k, v in found.items() if v not in ("", None)),
          flush=True)
    return found


def scenarios_of(text):
    for name in text.split(","):
        yield from GROUPS.get(name, (name,))


def run(options):
    rows = []
    with Bench(options.build, options.servers.split(","),
               options.data_only) as bench:
        for server in bench.servers:
            print(f"{server.name}: {server.version()}")
        for name in scenarios_of(options.scenarios):
            for repetition in range(options.repeat):
                turn = repetition % len(bench.servers)
                for server in bench.servers[turn:] + bench.servers[:turn]:
                    row = run_one(bench, server, name, repetition)
                    if row is None:
                        continue
                    rows.append(row)
                    if options.out:
                        with open(options.out, "a", encoding="utf-8") as f:
                            f.write(json.dumps(row) + "\n")
    print_tables(rows, options.base)


def ratio_of(key, rows, name, base):
    """The median of the ratios of two servers in the same repetition."""
    values = {(r["server"], r["repetition"]): r[key] for r in rows
              if key in r}
    ratios = [v / values[base, n] for (server, n), v in values.items()
              if server == name and values.get((base, n))]
    return f", x{statistics.median(ratios):.3g} [{min(ratios):.3g}.." \
        f"{max(ratios):.3g}]" if ratios else ""


def cells_of(key, rows, names, base):
    """Median, spread, and the paired ratio to the base."""
    for name in names:
        values = [r[key] for r in rows if r["server"] == name and key in r]
        if not values:
            yield ""
            continue
        yield f"{statistics.median(values):.4g} [{min(values):.3g}.." \
            f"{max(values):.3g}]" + ("" if name == base else
                                     ratio_of(key, rows, name, base))


def print_tables(rows, base):
    """A Markdown table a scenario."""
    for name in dict.fromkeys(r["scenario"] for r in rows):
        here = [r for r in rows if r["scenario"] == name]
        names = list(dict.fromkeys(r["server"] for r in here))
        keys = [k for k in dict.fromkeys(k for r in here for k in r)
                if k not in ("scenario", "server", "repetition", "error")]
        runs = len({r["repetition"] for r in here})
        print(f"\n{name}, {runs} runs\n\n| | {' | '.join(sorted(names))} |"
              f"\n{'|---' * (len(names) + 1)}|")
        for key in keys:
            cells = cells_of(key, here, sorted(names), base)
            print(f"| {key} | {' | '.join(cells)} |")
        for error in {r["error"] for r in here if r.get("error")}:
            print(f"\nsaid: {error}")


def own_namespaces():
    """Starts this program again where no other network is to be seen."""
    if os.environ.get("CULVER_BENCH") != "1":
        if os.geteuid() != 0:
            raise SystemExit("bench.py needs root: Postfix does")
        os.execvpe("unshare", ["unshare", "-n", "-m", "--propagation",
                               "private", sys.executable, *sys.argv],
                   {**os.environ, "CULVER_BENCH": "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("run", "table", "list"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--build", default=HERE.parents[1] / "build-bench")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--servers", default="culver,postfix")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--base", default="postfix",
                        help="the server that others are compared with")
    parser.add_argument("--data-only", action="store_true",
                        help="the sink does not offer CHUNKING")
    parser.add_argument("--out")
    options = parser.parse_intermixed_args()
    if options.what == "list":
        print("\n".join((*SCENARIOS, *GROUPS)))
    elif options.what == "table":
        print_tables([json.loads(line) for name in options.files
                      for line in open(name, encoding="utf-8")],
                     options.base)
    else:
        own_namespaces()
        run(options)


if __name__ == "__main__":
    main()
