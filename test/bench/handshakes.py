#!/usr/bin/python3
"""Sessions with STARTTLS and nothing else: what a handshake costs, with the
keys in keyring, with another build of culverd beside it, and with chasquid.

    handshakes.py --build DIR [--other DIR] [--chasquid DIR] [--sessions N]
                  [--repeat N] [--kinds P-256,RSA-2048] [--tls12]

As root, in a network and a mount namespace of its own (unshare -n -m). DIR is
where a build is; of chasquid, where its package is unpacked (run.sh). CPU is
that of all processes of the server, keyring's too, for a thousand sessions.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import measure
import servers
from culver import make_certificate


class Other(servers.Culver):
    name = "other"


def run(server, program, sessions, threads, tls12):
    command = [program, "-p", str(servers.PORT), "-n", str(sessions),
               "-c", str(threads)] + (["-2"] if tls12 else [])
    before = server.group.cpu_s()
    said = json.loads(subprocess.run(command, check=True, text=True,
                                     capture_output=True).stdout)
    assert said["failed"] == 0, said
    return said["done"] / said["seconds"], \
        (server.group.cpu_s() - before) * 1000 / said["done"]


def compare(options, kind, place):
    certificate = f"{place}/{kind}"
    make_certificate(certificate, servers.HOSTNAME, kind=kind)
    # Nobody logs in, and nothing is delivered.
    dovecot = types.SimpleNamespace(auth_client=f"{place}/none",
                                    auth_userdb=f"{place}/none")
    builds = [(servers.Culver, options.build), (Other, options.other),
              (servers.Chasquid, options.chasquid)]
    found = {}
    each = [cls(f"{place}/{kind}.d", certificate, dovecot, build)
            for cls, build in builds if build]
    for turn in range(options.repeat):
        for server in each[turn % len(each):] + each[:turn % len(each)]:
            server.configure(f"{place}/none")
            server.start()
            run(server, options.program, 200, options.threads, options.tls12)
            found.setdefault(server.name, []).append(
                run(server, options.program, options.sessions,
                    options.threads, options.tls12))
            server.stop()
    for server in each:
        server.group.remove()
    return found


def show(kind, found):
    def middle(name, i):
        return statistics.median(pair[i] for pair in found[name])

    def ratio(name, i):
        return statistics.median(a[i] / b[i] for a, b in
                                 zip(found["culver"], found[name]))

    for name, pairs in found.items():
        words = f"{kind:9} {name:9} {middle(name, 0):7.0f}/s " \
            f"[{min(p[0] for p in pairs):.0f}..{max(p[0] for p in pairs):.0f}]" \
            f" {middle(name, 1):6.3f} CPU s/1000 " \
            f"[{min(p[1] for p in pairs):.3f}..{max(p[1] for p in pairs):.3f}]"
        if name != "culver":
            words += f"  culver: x{ratio(name, 0):.2f} /s, " \
                f"x{ratio(name, 1):.2f} CPU"
        print(words, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--other")
    parser.add_argument("--chasquid")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--kinds", default="P-256,RSA-2048")
    parser.add_argument("--tls12", action="store_true")
    options = parser.parse_args()
    options.program = f"{options.build}/test/bench/tlsload"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    place = tempfile.mkdtemp(prefix="ch", dir="/var/tmp")
    os.chmod(place, 0o755)
    log = measure.private_dev(f"{options.build}/test/bench/logsink", place)
    try:
        for kind in options.kinds.split(","):
            os.makedirs(f"{place}/{kind}.d")
            show(kind, compare(options, kind, place))
    finally:
        log.terminate()
        shutil.rmtree(place, ignore_errors=True)


main()
