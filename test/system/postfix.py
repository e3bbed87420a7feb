"""Debian's Postfix as somebody else's server, from its package, which need not
be installed: test.sh lays its files out below the build directory.

    with Postfix("127.0.0.31", port, culver_port) as postfix:
        ... postfix.messages("user") ...

Its domain is post.example, with the mailboxes of USERS; mail for example.com
it gives to Culver, all other mail it refuses. It needs root to be started, then
runs as an account that every Debian has. Nothing outside of its directory is
used or changed.
"""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from culver import BUILD, is_alive, make_certificate, read_stat, wait_for
from smtp import Smtp

USERS = ("user", "other")
DOMAIN, HOSTNAME = "post.example", "mx.post.example"
UNPACKED = BUILD / "postfix"
# Of base-passwd; Postfix wants an account that is not used otherwise.
OWNER, GROUP = "uucp", "news"

MAIN = """\
compatibility_level = 3.6
queue_directory = {place}/queue
data_directory = {place}/data
daemon_directory = {daemons}
shlib_directory = {libraries}
command_directory = {programs}
meta_directory = {place}/etc
import_environment = MAIL_CONFIG LD_LIBRARY_PATH POSTLOG_SERVICE
  POSTLOG_HOSTNAME
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
maillog_file_prefixes = {place}
maillog_file = {place}/log
myhostname = {hostname}
mydestination =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = reject_unauth_destination
smtpd_reject_unlisted_recipient = yes
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = {place}/cert/privkey.pem, {place}/cert/fullchain.pem
smtpd_tls_received_header = yes
smtp_tls_security_level = may
smtp_host_lookup = native
smtp_bind_address = {address}
smtputf8_enable = yes
relay_domains = example.com
relay_recipient_maps =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {place}/boxes
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_alias_maps = inline:{{ {{back@{domain} = alice@example.com}} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
transport_maps = inline:{{ {{example.com = smtp:[127.0.0.1]:{culver_port}}} }}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
biff = no
"""
SERVICES = """\
{address}:{port} inet n - n - - smtpd
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
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
          "incoming", "private", "saved", "trace")


def root_of():
    """Where its files lie, or None."""
    for root in (UNPACKED, pathlib.Path("/")):
        if (root / "usr/lib/postfix/sbin/master").exists():
            return root
    return None


def why_not():
    """Why it cannot be run here, or ""."""
    if os.geteuid() != 0:
        return "Postfix is started by root only"
    root = root_of()
    if root is None:
        return "test.sh fetches Postfix's package"
    lacks = subprocess.run(
        ["ldd", root / "usr/lib/postfix/sbin/smtpd"], check=True, text=True,
        capture_output=True, env=environment(root)).stdout
    return "libraries of Postfix's are missing" if "not found" in lacks else ""


def environment(root):
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": str(root / "usr/lib/postfix"),
            "POSTLOG_SERVICE": "postlog", "POSTLOG_HOSTNAME": HOSTNAME}


class Postfix:
    def __init__(self, address, port, culver_port):
        self.address, self.port, self.culver_port = address, port, culver_port
        self.place = tempfile.mkdtemp(prefix="pf", dir="/tmp")
        os.chmod(self.place, 0o755)
        self.process = None

    def __enter__(self):
        try:
            self._configure()
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def messages(self, user):
        return [pathlib.Path(name).read_bytes() for name in
                glob.glob(f"{self.place}/boxes/{user}/new/*")]

    def log(self):
        try:
            return pathlib.Path(f"{self.place}/log").read_text(
                encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def queued(self):
        return sum(len(files) for name in ("incoming", "active", "deferred")
                   for _, _, files in os.walk(f"{self.place}/queue/{name}"))

    def smtp(self):
        return Smtp(self.port, self.address)

    # --- its life ------------------------------------------------------------

    def _directory(self, name, owner):
        path = f"{self.place}/{name}"
        os.makedirs(path, exist_ok=True)
        account = pwd.getpwnam(owner)
        os.chown(path, account.pw_uid, account.pw_gid)
        os.chmod(path, 0o700)

    def _configure(self):
        for name in ("etc", "queue", "queue/pid"):
            os.makedirs(f"{self.place}/{name}")
        for name in ("data", *(f"queue/{name}" for name in QUEUES)):
            self._directory(name, OWNER)
        for name in ("public", "maildrop"):
            self._directory(f"queue/{name}", OWNER)
        self._directory("boxes", "nobody")
        os.chmod(f"{self.place}/boxes", 0o755)
        make_certificate(f"{self.place}/cert", HOSTNAME)
        root = root_of()
        boxes = " ".join(f"{{{user}@{DOMAIN} = {user}/}}" for user in USERS)
        self._write("main.cf", MAIN.format(
            place=self.place, daemons=root / "usr/lib/postfix/sbin",
            libraries=root / "usr/lib/postfix", programs=root / "usr/sbin",
            owner=OWNER, group=GROUP, hostname=HOSTNAME, domain=DOMAIN,
            address=self.address, culver_port=self.culver_port, boxes=boxes))
        self._write("master.cf", SERVICES.format(address=self.address,
                                                 port=self.port))

    def _write(self, name, text):
        with open(f"{self.place}/etc/{name}", "w", encoding="ascii") as f:
            f.write(text)

    def _start(self):
        root = root_of()
        with open(f"{self.place}/said", "wb") as said:
            self.process = subprocess.Popen(
                [root / "usr/lib/postfix/sbin/master", "-d", "-c",
                 f"{self.place}/etc"], stdin=subprocess.DEVNULL, stdout=said,
                stderr=said, cwd=f"{self.place}/queue",
                env={**environment(root), "MAIL_CONFIG": f"{self.place}/etc"})

        def greets():
            assert self.process.poll() is None, \
                pathlib.Path(f"{self.place}/said").read_text() + self.log()
            try:
                with self.smtp() as client:
                    return client.greeting.code == 220
            except OSError:
                return False
        wait_for(greets, 20, "Postfix's greeting")

    def _children(self):
        """They are in groups of their own; master ends them with itself."""
        pids = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            stat = read_stat(entry)
            if stat is not None and int(stat[1]) == self.process.pid:
                pids.append(int(entry))
        return pids

    def _stop(self):
        if self.process is not None:
            children = self._children()
            self.process.terminate()
            self.process.wait(20)
            self.process = None
            wait_for(lambda: not any(map(is_alive, children)), 20,
                     "the end of Postfix")
        shutil.rmtree(self.place, ignore_errors=True)
