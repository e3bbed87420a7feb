"""Filters as Debian packages them, each in a directory of its own, on a unix
socket there, with no question to the network. rspamd takes its time to start: tests
with it are one xdist_group, which one worker runs.

    with OpenDkim("sv", domains=["example.com"]) as dkim:
        ... culver.conf: milter dkim { socket = "{dkim.where}" } ...
"""

import shutil
import socket
import subprocess

from culver import free_port
from filters import Program
from milterwire import Mta


def is_installed(*programs):
    return all(shutil.which(p, path="/usr/sbin:/usr/bin:/sbin:/bin")
               for p in programs)


class RealFilter(Program):
    @property
    def where(self):
        """For culver.conf."""
        return f"unix:{self.path('s')}"

    def _answers(self):
        """Whether it negotiates."""
        try:
            with Mta(self.where):
                return True
        except (OSError, EOFError):
            return False


def accepts(path):
    """Whether somebody listens on the unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            return True
        except OSError:
            return False


class DkimKey:
    """A key for "sel._domainkey" of a domain: its file, and what DNS would
    say."""

    def __init__(self, program, domain, selector="sel"):
        self.domain, self.selector = domain, selector
        self.path = program.path(f"{selector}.private")
        subprocess.run(["openssl", "genrsa", "-out", self.path, "1024"],
                       check=True, capture_output=True)
        program.own(self.path)
        public = subprocess.run(
            ["openssl", "rsa", "-in", self.path, "-pubout"], check=True,
            capture_output=True, text=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + \
            "".join(public.split("\n")[1:-2])

    @property
    def name(self):
        return f"{self.selector}._domainkey.{self.domain}"


# --- rspamd ---------------------------------------------------------------------

# Debian's own configuration, with what stands here in local.d and override.d.
RSPAMD = {
    "override.d/options.inc": """
        dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = {patience}s;
               retransmits = 1; }}
        filters = "chartable,dkim,regexp";
        enable_test_patterns = true; # GTUBE of each action
        control_socket = "{place}/control mode=0600";
        hs_cache_dir = "{place}/cache";
        local_addrs = ["192.0.2.0/24"]; # or it would greylist nobody here
    """,
    "override.d/logging.inc": "type = console; level = info;",
    "override.d/worker-proxy.inc": """
        bind_socket = "{place}/s mode=0666";
        milter = yes;
        upstream "local" {{ default = yes; self_scan = yes; }}
    """,
    "override.d/worker-normal.inc": "enabled = false; count = 0;",
    "override.d/worker-controller.inc":
        "enabled = false; count = 0; bind_socket = \"{place}/controller\";",
    "override.d/milter_headers.conf": """
        use = ["x-spamd-bar", "x-spam-status", "authentication-results"];
        authenticated_headers = ["authentication-results"];
        extended_spam_headers = true; skip_local = false;
        skip_authenticated = false;
        # it would delete the one that opendkim has just made
        routines {{ authentication-results {{ remove = false; }} }}
    """,
    "override.d/dkim_signing.conf": """
        path = "{place}/rs.private"; selector = "rs"; use_esld = false;
        sign_local = false; allow_username_mismatch = true;
    """,
    "override.d/greylist.conf": """
        servers = "{place}/redis"; timeout = 1; check_local = true;
    """,
    "override.d/actions.conf": "quarantine = 14.9;",
    "override.d/rbl.conf": "enabled = false;",
    "override.d/asn.conf": "enabled = false;",
    "override.d/rspamd_update.conf": "enabled = false;",
    "override.d/phishing.conf": "enabled = false;",
    "override.d/fuzzy_check.conf": "enabled = false;",
}

# What the subject asks for, by rules of ours.
RSPAMD_LUA = """
rspamd_config.TEST_QUARANTINE = {
  callback = function(task)
    if (task:get_subject() or ''):find('please hold') then
      task:set_pre_result('quarantine', 'held by a rule', 'test')
    end
  end, type = 'prefilter', priority = 10 }
rspamd_config.TEST_LATER = {
  callback = function(task)
    if (task:get_subject() or ''):find('please later') then
      task:set_pre_result('soft reject', 'Come back', 'test')
    end
  end, type = 'prefilter', priority = 10 }
rspamd_config.TEST_GREYLIST = {
  callback = function(task)
    return (task:get_subject() or ''):find('please greylist') ~= nil
  end, score = 5 }
"""

# Of rspamd's own, for each action.
GTUBE = {
    "reject": "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL"
              "*C.34X",
    "add header": "YJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-"
                  "EMAIL*C.34X",
    "rewrite subject": "ZJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-"
                       "TEST-EMAIL*C.34X",
}


class Rspamd(RealFilter):
    """With a private redis, which greylisting needs. It signs for logins by
    its key, and is ready after some ten seconds."""

    def __init__(self, dns_port=None):
        super().__init__("rs")
        values = {"place": self.directory, "dns": dns_port or free_port(),
                  "patience": 5 if dns_port else 0.05}
        for name in ("local.d", "override.d", "cache", "db", "run"):
            self.make_directory(name)
        for name, text in RSPAMD.items():
            self.write(name, text.format(**values))
        self.write("rspamd.local.lua", RSPAMD_LUA)
        self.key = DkimKey(self, "example.com", "rs")
        self.launch("redis-server", "--port", "0", "--unixsocket",
                    self.path("redis"), "--save", "", "--dir",
                    self.path("db"))
        self.wait_ready(lambda: accepts(self.path("redis")))
        self.launch("rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf",
                    f"--var=LOCAL_CONFDIR={self.directory}",
                    f"--var=DBDIR={self.path('db')}",
                    f"--var=RUNDIR={self.path('run')}",
                    f"--var=LOGDIR={self.directory}")
        self.wait_ready(self._answers, 100)


# --- opendkim, opendmarc ----------------------------------------------------------

class OpenDkim(RealFilter):
    """mode: "s", "v" or "sv". It signs for its key's domain what comes from
    127.0.0.1 or by a login. keys: those it verifies by, and its own."""

    def __init__(self, mode, domain="example.com", keys=(),
                 canonicalization="relaxed/simple", settings=""):
        super().__init__("od")
        self.key = DkimKey(self, domain)
        self.write("keys", "".join(f"{key.name} {key.record}\n"
                                   for key in (self.key, *keys)))
        self.write("conf", f"""\
Syslog no
UMask 000
Socket local:{self.path('s')}
Mode {mode}
Domain {domain}
Selector {self.key.selector}
KeyFile {self.key.path}
RequireSafeKeys no
Canonicalization {canonicalization}
TestPublicKeys {self.path('keys')}
{settings}
""")
        self.launch("opendkim", "-f", "-x", self.path("conf"))
        self.wait_ready(self._answers)


class OpenDmarc(RealFilter):
    """policies: {"example.com": "reject"}, as DNS would say them; records:
    {"example.com": "v=DMARC1; p=reject"}."""

    def __init__(self, policies=None, settings="", records=None,
                 authserv_id="mx.test"):
        super().__init__("om")
        records = dict(records or {})
        records.update((domain, f"v=DMARC1; p={policy}")
                       for domain, policy in (policies or {}).items())
        self.write("nobody", "192.0.2.77\n") # else 127.0.0.1 is let by
        self.write("dns", "".join(f"_dmarc.{domain} {record}\n"
                                  for domain, record in records.items()))
        self.write("suffixes", "com\nexample\ntest\n")
        self.write("conf", f"""\
Syslog no
UMask 000
Socket local:{self.path('s')}
AuthservID {authserv_id}
PublicSuffixList {self.path('suffixes')}
IgnoreHosts {self.path('nobody')}
TestDNSData {self.path('dns')}
DNSTimeout 1
RejectFailures true
HoldQuarantinedMessages true
{settings}
""")
        self.launch("opendmarc", "-f", "-c", self.path("conf"))
        self.wait_ready(self._answers)


# --- clamav ------------------------------------------------------------------------

EICAR = (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!"
         b"$H+H*")


class Clamd(Program):
    """With one signature: EICAR's."""

    def __init__(self):
        super().__init__("cl")
        self.make_directory("db")
        self.write("db/test.ndb", f"Test.Eicar:0:*:{EICAR.hex()}\n")
        self.socket = self.path("clamd")
        self.conf = self.write("clamd.conf", f"""\
LocalSocket {self.socket}
LocalSocketMode 666
DatabaseDirectory {self.path('db')}
TemporaryDirectory {self.directory}
Foreground yes
""")
        self.launch("clamd", "-c", self.conf)
        self.wait_ready(lambda: accepts(self.socket))


class ClamavMilter(RealFilter):
    """With a clamd of its own."""

    def __init__(self, settings=""):
        super().__init__("cm")
        self.clamd = Clamd()
        self.write("conf", f"""\
MilterSocket {self.where}
MilterSocketMode 666
ClamdSocket unix:{self.clamd.socket}
Foreground yes
OnInfected Reject
OnFail Defer
RejectMsg Infected with %v
AddHeader Replace
{settings}
""")
        self.launch("clamav-milter", "-c", self.path("conf"))
        self.wait_ready(self._answers)

    def stop(self):
        super().stop()
        self.clamd.__exit__(None)


# --- spamassassin --------------------------------------------------------------------

class Spamd(Program):
    """Local tests only."""

    def __init__(self):
        super().__init__("sd")
        self.socket = self.path("spamd")
        self.make_directory(".spamassassin")
        self.launch("spamd", "--local", "--nouser-config", "--socketpath",
                    self.socket, "--socketmode", "666", "--max-children", "2",
                    "--syslog", "stderr", "--helper-home-dir",
                    self.directory)
        self.wait_ready(lambda: accepts(self.socket), 100)


class SpamassMilter(RealFilter):
    """With a spamd of its own. Rejects from a score of 100 on."""

    def __init__(self):
        super().__init__("sm")
        self.spamd = Spamd()
        self.launch("spamass-milter", "-p", self.path("s"), "-r", "100",
                    "--", "-U", self.spamd.socket)
        self.wait_ready(self._answers)

    def stop(self):
        super().stop()
        self.spamd.__exit__(None)
