"""A server of MTA-STS policies for any number of domains.

    with Policies("127.0.0.31", port, "one.example") as policies:
        policies.set("one.example", "enforce", "mx.one.example")
        ... policies.asked ...

An answer may be any: answers[host] = (status, headers, body), or a callable
that gets the request and does it all itself.
"""

import collections
import http.server
import os
import shutil
import ssl
import tempfile
import threading

from culver import make_certificate

PLAIN_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
PATH = "/.well-known/mta-sts.txt"


def policy(mode, *patterns, max_age=604800):
    lines = ["version: STSv1", f"mode: {mode}",
             *(f"mx: {p}" for p in patterns), f"max_age: {max_age}", ""]
    return "\r\n".join(lines).encode()


class Policies:
    def __init__(self, address, port, *domains):
        self.answers = {}
        self.asked = collections.Counter()  # by host
        self.lines = []
        self.directory = tempfile.mkdtemp(prefix="st", dir="/tmp")
        self.chain = make_certificate(
            self.directory, *(f"mta-sts.{d}" for d in domains))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            self.chain, os.path.join(self.directory, "privkey.pem"))
        self.server = Listener((address, port), context, self)
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def set(self, domain, mode, *patterns, **more):
        self.answers[f"mta-sts.{domain}"] = (
            200, PLAIN_TEXT, policy(mode, *patterns, **more))

    def certificate(self):
        with open(self.chain, encoding="ascii") as f:
            return f.read()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
        shutil.rmtree(self.directory, ignore_errors=True)


class Listener(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address, context, policies):
        super().__init__(address, Handler)
        self.context, self.policies = context, policies

    def finish_request(self, request, client_address):
        request.settimeout(20)
        try:
            with self.context.wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, client_address)
        except OSError:
            pass  # who does not trust us


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        policies = self.server.policies
        host = self.headers["Host"].split(":")[0]
        policies.asked[host] += 1
        policies.lines.append(self.requestline)
        answer = policies.answers.get(host, (404, PLAIN_TEXT, b"no\r\n"))
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        if self.path != PATH:
            status = 404
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass
