"""A world of DNS on loopback: one signed root with all names in it, served by
NSD, behind a relay that can be told to misbehave.

    with Dns({"one.example MX": ["10 mx.one.example"],
              "mx.one.example A": ["127.0.0.2"]}) as dns:
        with Culver(**dns.settings()) as culver:
            ...

Names below "plain" are in a zone that is not signed. What is in `bogus` is
signed and then changed. Names end without a dot. Names below "test", "invalid"
and "localhost" are answered by libunbound itself (RFC 6761): take "example".
"""

import os
import pathlib
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import tempfile
import threading
import time

from culver import free_port, wait_for

HEAD = """$TTL {ttl}
@ SOA ns.root. admin.root. {serial} 3600 600 86400 1
@ NS ns.{zone}
ns.{zone} A 127.0.0.1
"""
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT",
         28: "AAAA", 43: "DS", 48: "DNSKEY", 52: "TLSA"}
NAMES_LAST = ("MX", "CNAME", "NS", "PTR")  # RDATA that ends with a name
SERVFAIL = 2


def in_zone_format(name, kind, values):
    for value in values:
        if kind in NAMES_LAST and not value.endswith("."):
            value += "."
        if kind == "TXT":
            value = '"' + value + '"'
        yield f"{name}. {kind} {value}\n"


def question_of(packet):
    """("one.example", "MX") and the octets behind it; the name in lower case."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
    return ".".join(labels).lower(), TYPES.get(kind, str(kind)), at + 5


class Dns:
    """failures: {"name TYPE" or "name": "silence" or "servfail"}; may be
    changed while it runs. passes_signatures: as some home routers do not.
    ttl: seconds. server_port: where NSD itself is to be asked. addresses: where
    the relay is to be asked, in place of 127.0.0.1@port. asked: every question
    that came."""

    def __init__(self, records, *, bogus=(), failures=None,
                 passes_signatures=True, ttl=1, server_port=None,
                 addresses=None):
        self.records, self.bogus = dict(records), set(bogus)
        self.failures = dict(failures or {})
        self.passes_signatures = passes_signatures
        self.asked = []
        self.serial, self.ttl = 0, ttl
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dn", dir="/tmp"))
        os.chmod(self.directory, 0o755)
        self.port = free_port()
        self.server_port = server_port or free_port()
        self.process = None
        self._make_key()
        self._write_zones()
        self._start_server()
        self.relays = [Relay(self, kind, address)
                       for kind in (UdpRelay, TcpRelay)
                       for address in addresses or [("127.0.0.1", self.port)]]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()

    def settings(self):
        """For Culver()."""
        return {"resolver": f"127.0.0.1@{self.port}",
                "trust_anchor": str(self.directory / "anchor")}

    def set(self, records, *, bogus=None):
        """Other records from now on; they live for a second or two in
        caches."""
        self.records = dict(records)
        if bogus is not None:
            self.bogus = set(bogus)
        self._write_zones()
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self._served_serial() == self.serial, 10,
                 "that NSD serves the new zone")

    def count(self, question):
        return self.asked.count(question)

    def stop(self):
        for relay in self.relays:
            relay.stop()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- zones -------------------------------------------------------------------

    def _make_key(self):
        made = subprocess.run(
            ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "."],
            cwd=self.directory, check=True, capture_output=True, text=True)
        self.key = made.stdout.strip()
        shutil.copy(self.directory / f"{self.key}.key",
                    self.directory / "anchor")

    def _lines(self, is_plain):
        for question, values in self.records.items():
            name, kind = question.split(" ")
            if (name == "plain" or name.endswith(".plain")) == is_plain:
                yield from in_zone_format(name, kind, values)

    def _head(self, zone):
        return HEAD.format(serial=self.serial, zone=zone, ttl=self.ttl)

    def _write_zones(self):
        self.serial += 1
        zone = self.directory / "root"
        zone.write_text(
            "$ORIGIN .\n" + self._head("root.")
            + "plain. NS ns.plain.\nns.plain. A 127.0.0.1\n"
            + "".join(self._lines(False)))
        subprocess.run(["ldns-signzone", "-o", ".", "-f", "signed", "root",
                        self.key], cwd=self.directory, check=True,
                       capture_output=True)
        signed = (self.directory / "signed").read_text()
        for question in self.bogus:
            signed = self._spoil(signed, question)
        (self.directory / "signed").write_text(signed)
        (self.directory / "plain").write_text(
            "$ORIGIN plain.\n" + self._head("plain.")
            + "".join(self._lines(True)))

    @staticmethod
    def _spoil(signed, question):
        """Its signature stays, but is not that of these data any more."""
        name, kind = question.split(" ")
        lines, found = [], 0
        for line in signed.splitlines(keepends=True):
            words = line.split("\t")
            if len(words) > 4 and words[0] == name + "." and \
                    words[3] == "RRSIG" and words[4].startswith(kind + " "):
                fields = words[4].split(" ")
                signature = fields[8]
                fields[8] = ("B" if signature[0] == "A" else "A") + \
                    signature[1:]
                line = "\t".join(words[:4] + [" ".join(fields)])
                found += 1
            lines.append(line)
        assert found, f"no signature of {question}"
        return "".join(lines)

    # --- NSD -----------------------------------------------------------------------

    def _start_server(self):
        d = self.directory
        (d / "nsd.conf").write_text(f"""server:
  ip-address: 127.0.0.1@{self.server_port}
  username: ""
  chroot: ""
  zonesdir: "{d}"
  database: ""
  pidfile: "{d}/pid"
  xfrdfile: "{d}/xfrd"
  zonelistfile: "{d}/zones"
  xfrdir: "{d}"
  server-count: 1
  tcp-count: 50
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "signed"
zone:
  name: "plain."
  zonefile: "plain"
""")
        with open(d / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["nsd", "-d", "-c", str(d / "nsd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        wait_for(lambda: self._served_serial() == self.serial, 10, "NSD")

    def _served_serial(self):
        """The serial number of the root's SOA."""
        if self.process.poll() is not None:
            raise RuntimeError("nsd ended:\n"
                               + (self.directory / "log").read_text())
        query = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\0\0\6\0\1"
        answer = self.ask_server(query, 0.5)
        if answer is None or struct.unpack(">H", answer[6:8])[0] == 0:
            return None
        # two names, then five numbers at the end of the first record
        at = 17 + 1 + 8
        length = struct.unpack(">H", answer[at:at + 2])[0]
        end = at + 2 + length
        return struct.unpack(">I", answer[end - 20:end - 16])[0]

    def ask_server(self, packet, timeout=2):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(timeout)
            s.connect(("127.0.0.1", self.server_port))
            try:
                s.send(packet)
                return s.recv(65535)
            except OSError:
                return None

    def ask_server_by_tcp(self, packet):
        with socket.create_connection(("127.0.0.1", self.server_port), 2) as s:
            s.sendall(struct.pack(">H", len(packet)) + packet)
            with s.makefile("rb") as f:
                return f.read(struct.unpack(">H", f.read(2))[0])

    # --- what the relay does ----------------------------------------------------------

    def answer(self, packet, ask):
        """The answer to a question, or None: there is none."""
        name, kind, end = question_of(packet)
        self.asked.append(f"{name} {kind}")
        failure = self.failures.get(f"{name} {kind}",
                                    self.failures.get(name))
        if failure == "silence":
            return None
        if failure == "servfail":
            return packet[:2] + struct.pack(
                ">5H", 0x8080 | (packet[2] & 1) << 8 | SERVFAIL, 1, 0, 0, 0) \
                + packet[12:end]
        if not self.passes_signatures:
            # without the record that says that signatures are wanted
            packet = packet[:10] + b"\0\0" + packet[12:end]
        return ask(packet)


class UdpRelay(socketserver.ThreadingUDPServer):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            packet, back = self.request
            answer = self.server.dns.answer(packet, self.server.dns.ask_server)
            if answer is not None:
                back.sendto(answer, self.client_address)


class TcpRelay(socketserver.ThreadingTCPServer):
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while True:
                size = self.rfile.read(2)
                if len(size) < 2:
                    return
                packet = self.rfile.read(struct.unpack(">H", size)[0])
                dns = self.server.dns
                answer = dns.answer(packet, dns.ask_server_by_tcp)
                if answer is None:
                    time.sleep(30)
                    return
                self.wfile.write(struct.pack(">H", len(answer)) + answer)


class Relay:
    def __init__(self, dns, kind, address):
        kind.allow_reuse_address = True
        kind.daemon_threads = True
        kind.block_on_close = False
        self.server = kind(address, kind.Handler)
        self.server.dns = dns
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.1,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
