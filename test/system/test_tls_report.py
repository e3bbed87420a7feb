"""Reports on TLS (RFC 8460): counted, shown, and sent by mail and HTTPS."""

import email
import email.policy
import gzip
import http.server
import json
import os
import shutil
import sqlite3
import ssl
import tempfile
import threading

import pytest

from culver import Culver, free_port, make_certificate, wait_for
from dkimkeys import Keys, verify_all
from dns import Dns
from server import ALL, Server
from test_outbound import arrived, submit

PORT, WEB_PORT = free_port(), free_port()
ADDRESS, WEB, DESK = "127.0.0.61", "127.0.0.62", "127.0.0.63"
NAME, WEB_NAME = "mx.told.example", "web.told.example"
PLAIN = tuple(e for e in ALL if e != "STARTTLS")
DAY = 86400


def rua(*uris):
    return ["v=TLSRPTv1\\; rua=" + ",".join(uris) + "\\;"]


RECORDS = {
    "told.example MX": [f"10 {NAME}"],
    f"{NAME} A": [ADDRESS],
    "_smtp._tls.told.example TXT": rua("mailto:tls@desk.example"),
    "silent.example MX": [f"10 {NAME}"],
    "web.example MX": [f"10 {NAME}"],
    "_smtp._tls.web.example TXT":
        rua(f"https://{WEB_NAME}:{WEB_PORT}/v1/report"),
    f"{WEB_NAME} A": [WEB],
    "desk.example MX": ["10 mx.desk.example"],
    "mx.desk.example A": [DESK],
    # its certificate is another: the report comes all the same
    "_25._tcp.mx.desk.example TLSA": [f"3 1 1 {'ab' * 32}"],
}


class Taker:
    """A server that takes reports."""

    def __init__(self):
        self.posts = []  # headers and body of each
        self.status = 201
        self.directory = tempfile.mkdtemp(prefix="tr", dir="/tmp")
        self.chain = make_certificate(self.directory, WEB_NAME)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            self.chain, os.path.join(self.directory, "privkey.pem"))
        taker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taker.posts.append((self.path, self.headers, body))
                self.send_response(taker.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer((WEB, WEB_PORT), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.directory)


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as server:
        yield server


@pytest.fixture(scope="module")
def taker():
    taker = Taker()
    yield taker
    taker.close()


@pytest.fixture
def server():
    with Server(ADDRESS, PORT, name=NAME) as server:
        yield server


@pytest.fixture
def desk():
    with Server(DESK, PORT, name="mx.desk.example") as server:
        yield server


@pytest.fixture
def culver(dns, dovecot, taker):
    culver = Culver(dovecot, certificates=("mx.culver.example",), start=False,
                    hostname="mx.culver.example", outbound_port=str(PORT),
                    outbound_loopback="yes", tls_memory="0",
                    tls_report_organization="Culver's own",
                    domains=("example.com", "mx.culver.example"),
                    **dns.settings())
    with open(taker.chain, encoding="ascii") as f:
        culver.write("ca", f.read())
    culver.settings["ca_file"] = culver.conf + "/ca"
    culver.keys = Keys(culver)
    culver.keys.add("mx.culver.example", "r1")
    culver.start()
    with culver:
        yield culver


def shown(culver, *domain):
    """What tls-report says, by domain."""
    done = culver.ctl("--json", "tls-report", *domain)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1] == {"tls_reports": len(lines) - 1}
    return {line["tls_report"]["domain"]: line["tls_report"]
            for line in lines[:-1]}


def summaries(report):
    return {p["policy"]["policy-type"]:
            (p["summary"]["total-successful-session-count"],
             p["summary"]["total-failure-session-count"])
            for p in report["policies"]}


def let_the_day_end(culver):
    """All that was counted was yesterday."""
    shown(culver)  # it is in the database now
    with sqlite3.connect(os.path.join(culver.state, "queue.db"),
                         timeout=20) as db:
        db.execute("UPDATE tls_count SET day = day - 1")
        db.execute("UPDATE tls_report SET day = day - 1, due = 1")
    db.close()


def check_report(report, domain):
    """The members of RFC 8460 4.4."""
    assert report["organization-name"] == "Culver's own"
    assert report["contact-info"] == "postmaster@mx.culver.example"
    assert report["report-id"].endswith("@mx.culver.example")
    begin, end = (report["date-range"][f"{which}-datetime"]
                  for which in ("start", "end"))
    assert begin.endswith("T00:00:00Z") and end.endswith("T23:59:59Z")
    assert begin[:10] == end[:10]
    for policy in report["policies"]:
        assert policy["policy"]["policy-domain"] == domain


def send(culver, server, tag, recipient="user@told.example"):
    submit(culver, tag, recipient)
    envelope = arrived(server, tag)[0]
    # the next one has a session of its own
    wait_for(lambda: server.open_connections == 0, 15, "QUIT")
    return envelope


def test_counted_and_shown(culver, server, tag):
    assert shown(culver) == {}
    assert "Nothing" in culver.ctl("tls-report").stdout
    send(culver, server, tag)
    server.extensions = PLAIN
    send(culver, server, tag + "2")
    found = shown(culver)["told.example"]
    assert summaries(found["report"]) == {"no-policy-found": (1, 1)}
    failure, = found["report"]["policies"][0]["failure-details"]
    assert failure == {"result-type": "starttls-not-supported",
                       "sending-mta-ip": failure["sending-mta-ip"],
                       "receiving-mx-hostname": NAME,
                       "receiving-ip": ADDRESS,
                       "failed-session-count": 1}
    assert shown(culver, "TOLD.example").keys() == {"told.example"}
    assert shown(culver, "other.example") == {}
    words = culver.ctl("tls-report", "told.example").stdout
    assert "1 good, 1 failed" in words and "starttls-not-supported" in words


def test_by_mail(culver, server, desk, tag):
    submit(culver, tag, "user@told.example", "user@silent.example")
    arrived(server, tag, count=2)
    assert shown(culver).keys() == {"told.example", "silent.example"}
    let_the_day_end(culver)
    envelope = wait_for(lambda: desk.received, 30, "the report")[0]
    assert envelope.mail.startswith("<>")
    assert envelope.recipients == ["tls@desk.example"]
    mail = email.message_from_bytes(envelope.content,
                                    policy=email.policy.default)
    assert not mail.defects
    assert mail["TLS-Report-Domain"] == "told.example"
    assert mail["TLS-Report-Submitter"] == "mx.culver.example"
    assert mail["TLS-Required"] == "No"
    assert mail["From"] == "postmaster@mx.culver.example"
    # RFC 8460 3: or it must be ignored
    assert verify_all(envelope.content, culver.keys.dns) == [True]
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "tlsrpt"
    words, part = mail.iter_parts()
    assert "told.example" in words.get_content()
    assert part.get_content_type() == "application/tlsrpt+gzip"
    assert part.get_filename().startswith("mx.culver.example!told.example!")
    report = json.loads(gzip.decompress(part.get_content()))
    check_report(report, "told.example")
    assert summaries(report) == {"no-policy-found": (1, 0)}
    assert mail["Subject"] == (
        "Report Domain: told.example Submitter: mx.culver.example "
        f"Report-ID: <{report['report-id']}>")
    # It is done with, and what brought it is not counted.
    culver.wait_log("delivered from the queue", count=3)
    wait_for(lambda: shown(culver) == {}, 30, "nothing for who is silent")
    assert len(desk.received) == 1


def test_by_https(culver, server, taker, tag):
    taker.posts.clear()
    taker.status = 503
    submit(culver, tag, "user@web.example")
    arrived(server, tag)
    let_the_day_end(culver)
    culver.wait_log("a report on TLS was not taken by HTTPS", timeout=30)
    assert shown(culver)["web.example"]["tries"] == 1
    taker.status = 201
    with sqlite3.connect(os.path.join(culver.state, "queue.db"),
                         timeout=20) as db:
        db.execute("UPDATE tls_report SET due = 1")
    db.close()
    culver.wait_log("report on TLS sent by HTTPS", timeout=30)
    path, headers, body = taker.posts[-1]
    assert path == "/v1/report"
    assert headers["Content-Type"] == "application/tlsrpt+gzip"
    report = json.loads(gzip.decompress(body))
    check_report(report, "web.example")
    assert shown(culver) == {}
