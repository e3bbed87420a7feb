"""The servers that bench.py compares, set up alike: the same domains, users,
ports, certificate, Dovecot sockets and resolver; logging to syslog; no filter,
or the same one."""

import os
import shutil
import sqlite3
import subprocess
import time

import measure

DOMAIN, HOSTNAME, USERS = "bench.test", "mx.bench.test", 100
PORT, SUBMISSION = 2525, 2587
# Every user of FORWARDED is an alias for the same one of REMOTE, whose only
# server is at SINK, port 25.
FORWARDED, REMOTE, SINK = "forwarded.example", "remote.example", "127.0.0.2"
RESOLVER = "127.0.0.1"
ZONE = {f"{REMOTE} MX": [f"10 mx.{REMOTE}"], f"mx.{REMOTE} A": [SINK]}


def aliases(line):
    return "".join(line.format(user=f"u{i}", alias=f"u{i}@{FORWARDED}",
                               target=f"u{i}@{REMOTE}") + "\n"
                   for i in range(USERS))


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


class Server:
    name = ""

    def __init__(self, place, certificate, dovecot, build):
        self.place = f"{place}/{self.name}"
        self.certificate, self.dovecot = certificate, dovecot
        self.build = build
        self.process = None
        os.makedirs(self.place)
        os.chmod(self.place, 0o755)
        self.group = measure.Group(self.name)

    def path(self, name):
        return f"{self.place}/{name}"

    def copy_certificate(self):
        to = self.path(f"conf/certs/{HOSTNAME}")
        os.makedirs(to, exist_ok=True)
        for name in ("fullchain.pem", "privkey.pem"):
            shutil.copy(f"{self.certificate}/{name}", to)

    def run(self, *command, **how):
        return subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, **how)

    def restart(self):
        """Returns the seconds from the start to the first greeting."""
        self.stop()
        return self.start()

    def start(self):
        start = time.monotonic()
        self.launch()
        measure.wait_greeting(PORT)
        return time.monotonic() - start


class Culver(Server):
    name = "culver"
    in_session_delivery = "yes"
    trust_anchor = ""

    def __init__(self, place, certificate, dovecot, build):
        super().__init__(place, certificate, dovecot, build)
        self.programs = {name: shutil.copy(f"{build}/src/{name}", self.place)
                         for name in ("culverd", "culver")}

    def configure(self, lmtp, connections=100, milter=None):
        del connections # one process takes as many as there are
        shutil.rmtree(self.path("state"), ignore_errors=True)
        self.copy_certificate()
        os.makedirs(self.path(f"conf/domains/{DOMAIN}"), exist_ok=True)
        write(self.path(f"conf/domains/{FORWARDED}/aliases"),
              aliases("{user}: {target}"))
        with open(self.path("conf/culver.conf"), "w", encoding="ascii") as f:
            f.write(f"""\
hostname = "{HOSTNAME}"
listen_smtp = {{ "127.0.0.1:{PORT}" }}
listen_submission = {{ "127.0.0.1:{SUBMISSION}" }}
listen_submissions = {{}}
state_dir = "{self.path('state')}"
run_dir = "{self.path('run')}"
dovecot_auth_client = "{self.dovecot.auth_client}"
dovecot_auth_userdb = "{self.dovecot.auth_userdb}"
dovecot_lmtp = "{lmtp}"
message_size_limit = "60M"
connection_limit = 100000
connection_limit_per_address = 100000
in_session_delivery = {self.in_session_delivery}
resolver = "{RESOLVER}"
trust_anchor = "{self.trust_anchor}"
outbound_loopback = yes
login_message_limit = 0
login_recipient_limit = 0
log = "syslog"
""")
            if milter is not None:
                f.write(f'milter bench {{ socket = "unix:{milter}" }}\n')

    def launch(self):
        self.process = subprocess.Popen(
            [self.programs["culverd"], "-F", "-c", self.path("conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            preexec_fn=self.group.enter, cwd="/")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.group.end()

    def retry(self):
        self.run(self.programs["culver"], "-C", self.path("conf"), "queue",
                 "retry")

    def queued(self):
        database = sqlite3.connect(
            f"file:{self.path('state')}/queue.db?mode=ro", uri=True)
        try:
            return database.execute(
                "select count(*) from recipient").fetchone()[0]
        finally:
            database.close()

    def version(self):
        return subprocess.run([self.programs["culverd"], "-V"], check=True,
                              capture_output=True, text=True).stdout.strip()


class CulverQueue(Culver):
    """Every message goes through the queue, as with Postfix."""

    name = "culver-queue"
    in_session_delivery = "no"


# Only what the comparison needs differs from Debian's defaults:
# in_flow_delay would slow intake down, the limits would end some scenarios.
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = {hostname}
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
biff = no
virtual_mailbox_domains = {domain}
virtual_alias_domains = {forwarded}
virtual_alias_maps = hash:{place}/etc/virtual
virtual_mailbox_maps = hash:{place}/etc/vmailbox
virtual_transport = lmtp:unix:{lmtp}
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificate}/privkey.pem, {certificate}/fullchain.pem
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_client_connection_count_limit = 0
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
in_flow_delay = 0
"""

MASTER_CF = """\
127.0.0.1:{port} inet n - n - {processes} smtpd
127.0.0.1:{submission} inet n - n - {processes} smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


class Postfix(Server):
    name = "postfix"

    def _write(self, name, text):
        write(f"{self.place}/etc/{name}", text)

    def _postfix(self, *words, **how):
        self.run("postfix", "-c", f"{self.place}/etc", *words,
                 stderr=subprocess.DEVNULL, **how)

    def configure(self, lmtp, connections=100, milter=None):
        for name in ("queue", "data"):
            shutil.rmtree(f"{self.place}/{name}", ignore_errors=True)
        for name in ("etc", "queue", "data"):
            os.makedirs(f"{self.place}/{name}", exist_ok=True)
        shutil.chown(f"{self.place}/data", "postfix", "postfix")
        self._write("main.cf", MAIN_CF.format(
            place=self.place, hostname=HOSTNAME, domain=DOMAIN,
            forwarded=FORWARDED, lmtp=lmtp,
            certificate=self.certificate, auth=self.dovecot.auth_client) +
            (f"smtpd_milters = unix:{milter}\n" if milter else ""))
        self._write("master.cf", MASTER_CF.format(
            port=PORT, submission=SUBMISSION, processes=connections))
        self._write("vmailbox", "".join(f"u{i}@{DOMAIN} x\n"
                                        for i in range(USERS)))
        self._write("virtual", aliases("{alias} {target}"))
        for name in ("vmailbox", "virtual"):
            self.run("postmap", "-c", f"{self.place}/etc",
                     f"hash:{self.place}/etc/{name}")
        self._postfix("check") # makes the queue's directories

    def launch(self):
        self._postfix("start", preexec_fn=self.group.enter)

    def stop(self):
        self._postfix("stop")
        self.group.end()

    def retry(self):
        self.run("postqueue", "-c", f"{self.place}/etc", "-f")

    def queued(self):
        return sum(len(files) for name in ("incoming", "active", "deferred",
                                           "maildrop")
                   for _, _, files in os.walk(f"{self.place}/queue/{name}"))

    def version(self):
        return "postfix " + subprocess.run(
            ["postconf", "-d", "-h", "mail_version"], check=True,
            capture_output=True, text=True).stdout.strip()


CHASQUID_CONF = """\
hostname: "{hostname}"
max_data_size_mb: 60
smtp_address: "127.0.0.1:{port}"
submission_address: "127.0.0.1:{submission}"
data_dir: "{data}"
mail_delivery_agent_bin: "{root}/usr/bin/mda-lmtp"
mail_delivery_agent_args: "--addr={lmtp}"
mail_delivery_agent_args: "--addr_network=unix"
mail_delivery_agent_args: "-f"
mail_delivery_agent_args: "%from%"
mail_delivery_agent_args: "-d"
mail_delivery_agent_args: "%to%"
dovecot_auth: true
dovecot_userdb_path: "{userdb}"
dovecot_client_path: "{auth}"
"""


class Chasquid(Server):
    """From Debian's package, unpacked by run.sh; it syncs nothing. Its queue
    ends at 200 messages, so it has no backlog."""

    name = "chasquid"

    def configure(self, lmtp, connections=100, milter=None):
        del connections, milter # none of them
        shutil.rmtree(self.path("data"), ignore_errors=True)
        os.makedirs(self.path("data"))
        self.copy_certificate()
        os.makedirs(self.path(f"conf/domains/{DOMAIN}"), exist_ok=True)
        write(self.path(f"conf/domains/{FORWARDED}/aliases"),
              aliases("{user}: {target}"))
        write(self.path("conf/chasquid.conf"), CHASQUID_CONF.format(
            hostname=HOSTNAME, port=PORT, submission=SUBMISSION, lmtp=lmtp,
            data=self.path("data"), root=f"{self.build}/chasquid",
            userdb=self.dovecot.auth_userdb,
            auth=self.dovecot.auth_client))

    def launch(self):
        self.process = subprocess.Popen(
            [f"{self.build}/chasquid/usr/bin/chasquid", "-config_dir",
             self.path("conf")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=self.group.enter, cwd="/")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.group.end()

    def version(self):
        said = subprocess.run(
            [f"{self.build}/chasquid/usr/bin/chasquid", "-version"],
            check=True, capture_output=True, text=True)
        return said.stdout.strip().splitlines()[0]


SERVERS = {server.name: server
           for server in (Culver, CulverQueue, Postfix, Chasquid)}
