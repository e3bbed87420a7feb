"""A private Dovecot for tests: LMTP, auth sockets, and IMAP if asked for.

    with Dovecot() as dovecot:
        dovecot.add_user("alice@example.com", "secret")
        ... dovecot.auth_client, dovecot.auth_userdb, dovecot.lmtp ...
        assert dovecot.wait_messages("alice@example.com", 1)

Everything is in one directory. Root starts it as nobody, since Dovecot
refuses mailboxes of uid 0; anyone else as themselves. It works with Dovecot
2.3 and 2.4. As a program it runs one until it is interrupted:

    python3 dovecot.py [--imap-port N] [--submission-host HOST:PORT]
                       [--user NAME=PASSWORD]...
"""

import argparse
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NOBODY = 65534

COMMON = """\
base_dir = @D/run
state_dir = @D/run
log_path = @D/dovecot.log
instance_name = test
listen = 127.0.0.1
ssl = no
default_internal_user = @U
default_internal_group = @G
default_login_user = @U
first_valid_uid = 1
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
hostname = mx.test
postmaster_address = postmaster@example.com
recipient_delimiter = +
submission_host = @S
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener auth-culver-client {
    mode = 0600
  }
  unix_listener auth-culver-userdb {
    mode = 0600
  }
}
"""

# protocols, passdb and all that has another name in the other version
V23 = """\
protocols = @P
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_home = @D/home/%u
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u @D/users
}
userdb {
  driver = passwd-file
  args = username_format=%u @D/users
  default_fields = uid=@u gid=@g
}
mail_plugins = quota
protocol lmtp {
  mail_plugins = quota sieve
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=10M
  quota_grace = 0
  sieve = file:~/sieve;active=~/.dovecot.sieve
}
"""

V24_HEAD = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""

V24 = """\
protocols = @P
auth_allow_cleartext = yes
auth_internal_failure_delay = 0
mail_driver = maildir
mail_path = ~/Maildir
mail_home = @D/home/%{user}
passdb passwd-file {
  default_password_scheme = plain
  auth_username_format = %{user}
  passwd_file_path = @D/users
}
userdb passwd-file {
  auth_username_format = %{user}
  passwd_file_path = @D/users
  fields {
    uid:default = @u
    gid:default = @g
  }
}
mail_plugins {
  quota = yes
}
protocol lmtp {
  mail_plugins {
    quota = yes
    sieve = yes
  }
}
quota_storage_size = 10M
quota_storage_grace = 0
quota "User quota" {
}
sieve_script personal {
  driver = file
  path = ~/sieve
  active_path = ~/.dovecot.sieve
}
"""

IMAP = """\
service imap-login {
  chroot =
  inet_listener imap {
    port = @I
  }
  inet_listener imaps {
    port = 0
  }
}
"""


def _tool(name):
    """A program of the system; sbin is not in everyone's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def installed_version():
    """(2, 3) or (2, 4) ..., as the installed dovecot says."""
    out = subprocess.run([_tool("dovecot"), "--version"], check=True,
                         capture_output=True, text=True).stdout
    major, minor = out.split()[0].split(".")[:2]
    return int(major), int(minor)


def quota_field(size):
    """The field of a user that limits the mailbox: "10B", "20M", "1G"."""
    if installed_version() < (2, 4):
        return f"userdb_quota_rule=*:storage={size}"
    return f"userdb_quota_storage_size={size}"


class Dovecot:
    """One running Dovecot. directory: short (socket paths end at 107 bytes)
    and never used by another uid; without one a fresh one in /tmp is made,
    and removed by stop(remove=True) and the end of a with block.
    settings is text appended to the configuration."""

    def __init__(self, directory=None, *, imap_port=0,
                 submission_host="127.0.0.1:10025", settings="", start=True):
        self._own_directory = directory is None
        self.directory = str(directory) if directory else \
            tempfile.mkdtemp(prefix="dc", dir="/tmp")
        self.run = os.path.join(self.directory, "run")
        self.auth_client = os.path.join(self.run, "auth-culver-client")
        self.auth_userdb = os.path.join(self.run, "auth-culver-userdb")
        self.lmtp = os.path.join(self.run, "lmtp")
        self.log_path = os.path.join(self.directory, "dovecot.log")
        self.imap_port = imap_port
        self.submission_host = submission_host
        self.settings = settings
        self.process = None
        if os.geteuid() == 0:
            self.uid = self.gid = NOBODY
        else:
            self.uid, self.gid = os.geteuid(), os.getegid()
        self._users = {}
        self._prepare()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(remove=self._own_directory)

    # --- users and mail ---------------------------------------------------

    def add_user(self, user, password="secret", *, extra="", home="",
                 uid="", gid=""):
        """Adds or changes a user. extra: fields of the passwd-file line, as
        "nologin userdb_tempfail=yes". Waits until Dovecot knows
        the user, which takes up to a second when it has just been asked."""
        self._users[user] = (f"{user}:{{PLAIN}}{password}:{uid}:{gid}::"
                             f"{home}::{extra}")
        self._write_users()
        self._await_lookup(user, lambda answer: answer != "NOTFOUND")

    def remove_user(self, user):
        del self._users[user]
        self._write_users()
        self._await_lookup(user, lambda answer: answer == "NOTFOUND")

    def home(self, user):
        return os.path.join(self.directory, "home", user)

    def set_sieve(self, user, script):
        path = os.path.join(self.home(user), ".dovecot.sieve")
        self._make_directory(self.home(user))
        self._write(path, script)

    def messages(self, user, folder=""):
        """What is in the mailbox: a list of bytes, oldest first."""
        maildir = os.path.join(self.home(user), "Maildir")
        if folder:
            maildir = os.path.join(maildir, "." + folder)
        files = []
        for part in ("new", "cur"):
            try:
                with os.scandir(os.path.join(maildir, part)) as entries:
                    files += [(e.stat().st_mtime_ns, e.path) for e in entries]
            except FileNotFoundError:
                pass
        found = []
        for _, path in sorted(files):
            with open(path, "rb") as f:
                found.append(f.read())
        return found

    def wait_messages(self, user, count=1, timeout=10, folder=""):
        """messages() as soon as there are at least count, or at the end."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.messages(user, folder)
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def lookup(self, user, service="lmtp"):
        """What the userdb socket says: "USER", "NOTFOUND" or "FAIL"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.auth_userdb)
            s.sendall(f"VERSION\t1\t1\nUSER\t1\t{user}\t"
                      f"service={service}\n".encode())
            with s.makefile("rb") as lines:
                for line in lines:
                    word = line.split(b"\t")[0].strip().decode()
                    if word in ("USER", "NOTFOUND", "FAIL"):
                        return word
        raise ConnectionError("the userdb socket was closed")

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8",
                      errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    # --- the processes ----------------------------------------------------

    def start(self, timeout=15):
        """Starts it and waits until a login could be done."""
        command = [_tool("dovecot"), "-F", "-c", self._config_path()]
        if os.geteuid() == 0:
            command = [_tool("setpriv"), f"--reuid={self.uid}",
                       f"--regid={self.gid}", "--clear-groups"] + command
        self.process = subprocess.Popen(
            command, start_new_session=True, cwd=self.directory,
            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if self.process.poll() is not None:
                self.process = None
                raise RuntimeError("dovecot did not start:\n" + self.log())
            if time.monotonic() > deadline:
                self.stop()
                raise TimeoutError("dovecot is not ready:\n" + self.log())
            time.sleep(0.02)

    def stop(self, remove=False):
        """Ends it and all of its processes."""
        if self.process is not None:
            self.thaw()
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
            try: # it leads a session: what is left of that is its children
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
        if remove:
            shutil.rmtree(self.directory, ignore_errors=True)

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        """New connections reach a new auth process; the old one answers
        its own for about six seconds more."""
        self.process.send_signal(signal.SIGHUP)

    def processes(self, name):
        """Process ids of its children called "auth", "lmtp" ..."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat", encoding="latin-1") as f:
                    head, _, tail = f.read().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if head.partition("(")[2] == name and \
                    int(tail.split()[1]) == self.process.pid:
                found.append(int(entry))
        return found

    def freeze(self, *names):
        """Stops the processes of these names ("auth", "lmtp"), and the
        master so that it starts no others: sockets still take connections,
        and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        for name in names or ("auth", "lmtp"):
            self._signal(name, signal.SIGSTOP)

    def thaw(self):
        """Ends freeze()."""
        for name in ("auth", "lmtp"):
            self._signal(name, signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)

    def kill(self, name):
        """kill -9 of its children of that name; the master starts new ones
        when they are needed."""
        self._signal(name, signal.SIGKILL)

    def is_ready(self):
        """True when the auth socket completes a handshake and LMTP is
        there."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(self.auth_client)
                s.sendall(b"VERSION\t1\t2\nCPID\t%d\n" % os.getpid())
                seen = b""
                while b"\nDONE\n" not in seen:
                    part = s.recv(4096)
                    if not part:
                        return False
                    seen += part
        except OSError:
            return False
        return os.path.exists(self.lmtp)

    # --- how it is made -----------------------------------------------------

    def _config_path(self):
        return os.path.join(self.directory, "dovecot.conf")

    def _prepare(self):
        os.makedirs(self.directory, exist_ok=True)
        os.chown(self.directory, self.uid, self.gid)
        for part in ("run", "home"):
            self._make_directory(os.path.join(self.directory, part))
        self._write_users()
        self._write(self._config_path(), self._config())

    def _config(self):
        protocols = ["lmtp"] + (["imap"] if self.imap_port else [])
        old = installed_version() < (2, 4)
        text = COMMON + V23 if old else V24_HEAD + COMMON + V24
        if self.imap_port:
            text += IMAP
        for key, value in (
                ("@D", self.directory),
                ("@U", pwd.getpwuid(self.uid).pw_name),
                ("@G", grp.getgrgid(self.gid).gr_name),
                ("@u", str(self.uid)), ("@g", str(self.gid)),
                ("@S", self.submission_host), ("@I", str(self.imap_port)),
                ("@P", " ".join(protocols))):
            text = text.replace(key, value)
        return text + self.settings

    def _make_directory(self, path):
        if not os.path.isdir(path):
            os.makedirs(path, 0o755)
            os.chown(path, self.uid, self.gid)

    def _write(self, path, text):
        """Replaces a file in one step: Dovecot may be reading it."""
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.chown(path + ".new", self.uid, self.gid)
        os.rename(path + ".new", path)

    def _write_users(self):
        path = os.path.join(self.directory, "users")
        self._write(path, "".join(l + "\n" for l in self._users.values()))

    def _await_lookup(self, user, is_wanted, timeout=5):
        if self.process is None:
            return
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if is_wanted(self.lookup(user)):
                    return
            except ConnectionError:
                pass # in the middle of a reload
            time.sleep(0.05)
        raise TimeoutError(f"dovecot did not notice {user}")

    def _signal(self, name, number):
        for pid in self.processes(name):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass


def _main():
    parser = argparse.ArgumentParser(description="run a private Dovecot")
    parser.add_argument("--directory")
    parser.add_argument("--imap-port", type=int, default=0)
    parser.add_argument("--submission-host", default="127.0.0.1:10025")
    parser.add_argument("--user", action="append", default=[],
                        metavar="NAME=PASSWORD")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Dovecot(options.directory, imap_port=options.imap_port,
                 submission_host=options.submission_host) as dovecot:
        for user in options.user:
            name, _, password = user.partition("=")
            dovecot.add_user(name, password)
        for name in ("directory", "auth_client", "auth_userdb", "lmtp"):
            print(f"{name} {getattr(dovecot, name)}")
        print("ready", flush=True)
        dovecot.process.wait()


if __name__ == "__main__":
    try:
        _main()
    except KeyboardInterrupt:
        pass
