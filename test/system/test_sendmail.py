"""culver called as sendmail, mailq and newaliases: mail of this machine's own
programs, over submit.sock."""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import as_root_only, delivered
from culver import Culver, NOBODY, environment, program, wait_for
from dovecot import Dovecot
from milters import RawFilter
from test_hooks import DUMP, dumped, set_program

ALIASES = """\
# as Debian has it, and some of what others have
mailer-daemon: postmaster
postmaster: root
root: alice@example.com,
  bob@example.com
ops: "|/bin/false"
www-data: root
self: alice@example.com, nobody@elsewhere.test
"""
CRON = (b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> x\n"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        b"X-Cron-Env: <SHELL=/bin/sh>\n\n")


class Host:
    """A Culver, and programs that find its socket."""

    def __init__(self, dovecot, aliases=ALIASES, **how):
        self.programs = tempfile.mkdtemp(prefix="cs", dir="/tmp")
        os.chmod(self.programs, 0o755)
        for name in ("sendmail", "mailq", "newaliases"):
            os.symlink(program("culver"), os.path.join(self.programs, name))
        how.setdefault("mailname", "host.test")
        self.culver = Culver(dovecot, start=False, **how)
        self.aliases = os.path.join(self.culver.directory, "aliases")
        with open(self.aliases, "w", encoding="utf-8") as f:
            f.write(aliases)
        with open(os.path.join(self.culver.conf, "culver.conf"), "a",
                  encoding="utf-8") as f:
            f.write(f'run_dir = "{self.culver.run}"\n')

    def __enter__(self):
        self.culver.start()
        return self

    def __exit__(self, *why):
        shutil.rmtree(self.programs)
        self.culver.__exit__(*why)

    def command(self, name, *arguments):
        return [os.path.join(self.programs, name), "-C", self.culver.conf,
                *arguments]

    def wrapper(self, name):
        """A program that is sendmail, for who gives it no arguments."""
        path = os.path.join(self.programs, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexec " + " ".join(self.command("sendmail"))
                    + ' "$@"\n')
        os.chmod(path, 0o755)
        return path

    def run(self, name, *arguments, content=b"", uid=None):
        return subprocess.run(
            self.command(name, *arguments), input=content,
            capture_output=True, env=environment(), timeout=60, check=False,
            user=uid, group=uid, extra_groups=None if uid is None else [])

    def sendmail(self, *arguments, content=b"", status=0, uid=None):
        done = self.run("sendmail", *arguments, content=content, uid=uid)
        assert done.returncode == status, (done, self.culver.log()[-2000:])
        if status == 0:
            assert done.stdout == done.stderr == b""
        return done.stderr.decode()


@pytest.fixture(scope="module")
def host(dovecot):
    with Host(dovecot) as host:
        yield host


def one(dovecot, tag, user="alice@example.com"):
    found = delivered(dovecot, user, tag)
    assert len(found) == 1, found
    return found[0]


def header(content):
    """{name: [bodies, unfolded]}"""
    text = content.split(b"\n\n")[0].replace(b"\r", b"").decode()
    found = {}
    for line in re.sub(r"\n[ \t]+", " ", text).split("\n"):
        name, _, body = line.partition(": ")
        found.setdefault(name, []).append(body)
    return found


ME = pwd.getpwuid(os.getuid()).pw_name


# --- what callers write ------------------------------------------------------------

def test_cron(host, dovecot, tag):
    """root's mail goes where /etc/aliases says; what lacks is added."""
    host.sendmail("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root",
                  content=CRON + f"{tag} \xe4\n".encode())
    content = one(dovecot, tag)
    one(dovecot, tag, "bob@example.com")
    fields = header(content)
    assert fields["From"] == ["root@host.test (Cron Daemon)"]
    assert fields["To"] == ["root@host.test"]
    assert fields["Return-Path"] == [f"<{ME}@host.test>"]
    assert len(fields["Date"]) == len(fields["Message-ID"]) == 1
    assert re.match(r"by mx\.test \(Culver, from userid "
                    rf"{os.getuid()}\) id [a-z2-7]+\.1 for <root@host\.test>;",
                    fields["Received"][-1])
    host.culver.wait_log(rf"accepted.*queued as.*uid={os.getuid()}\n")


def test_php(host, dovecot, tag):
    """sendmail -t -i: CRLF and LF mixed, Bcc is heard and removed."""
    host.sendmail("-t", "-i", "-fweb@example.com", content=(
        b"To: Alice <alice@example.com>\r\nSubject: " + tag.encode() +
        b"\r\nX-PHP-Originating-Script: 0:x.php\nBcc: bob@example.com,\r\n"
        b" Carol (c, (d)) <carol@example.com>\n\r\nline\n.\r\nend"))
    for user in ("alice", "bob", "carol"):
        content = one(dovecot, tag, f"{user}@example.com")
        assert b"Bcc" not in content and b"bob@example.com," not in content
        assert content.endswith(b"line\n.\nend\n") or \
            content.endswith(b"line\r\n.\r\nend\r\n")
    assert header(content)["Return-Path"] == ["<web@example.com>"]
    assert len(header(content)["From"]) == 1


def test_mail(host, dovecot, tag):
    """As mail(1) does, with several recipients, comma or not; no header at
    all; and a dot ends it."""
    host.sendmail("alice@example.com", "bob@example.com, Carol "
                  "<carol@example.com>",
                  content=f"just text {tag}\n.\nnot this\n".encode())
    for user in ("alice", "bob", "carol"):
        content = one(dovecot, tag, f"{user}@example.com")
        assert b"not this" not in content
    fields = header(content)
    assert re.search(rf"<?{ME}@host\.test>?$", fields["From"][0])


@pytest.mark.skipif(shutil.which("s-nail") is None, reason="needs s-nail")
def test_real_mail(host, dovecot, tag):
    program = host.wrapper("mta")
    done = subprocess.run(
        ["s-nail", "-n", "-S", f"mta={program}", "-S", "sendwait", "-s",
         f"h\u00f6 {tag}", "-b", "carol@example.com", "root"],
        input=b"hello\n.\nend\n", env=environment({"HOME": host.programs}),
        timeout=60, check=False)
    assert done.returncode == 0
    for user in ("alice", "bob", "carol"):
        found = wait_for(lambda u=user: [
            m for m in dovecot.messages(f"{u}@example.com")
            if tag.encode() in m], 10)
        assert found[0].replace(b"\r", b"").endswith(b"hello\n.\nend\n")
        assert b"Bcc" not in found[0]
    assert header(found[0])["To"] == ["root@host.test"]


def test_reportbug(host, dovecot, tag):
    """sendmail -t -oi, the sender from -f, a long folded To."""
    host.sendmail("-t", "-oi", "-oem", "-f", "<alice@example.com>", content=(
        f"Content-Type: text/plain; charset=\"us-ascii\"\nFrom: \"A. B\" "
        f"<alice@example.com>\nTo: \"Bugs, all\"\n <bob@example.com>\n"
        f"Subject: {tag}: package\nMessage-ID: <1.2@x>\nDate: Thu, 01 Jan "
        f"1970 00:00:00 +0000\nX-Debbugs-Cc: x@y\n\n..\n.x\n").encode())
    content = one(dovecot, tag, "bob@example.com")
    fields = header(content)
    assert fields["Message-ID"] == ["<1.2@x>"]
    assert len(fields["Date"]) == 1
    assert re.search(rb"\r?\n\.\.\r?\n\.x\r?\n$", content)


def test_full_name(host, dovecot, tag):
    host.sendmail("-F", "J\u00f6rg, \"x\"", "alice@example.com",
                  content=tag.encode())
    assert header(one(dovecot, tag))["From"] == \
        [f"=?UTF-8?B?SsO2cmcsICJ4Ig==?= <{ME}@host.test>"]


def test_null_sender_and_dsn(host, dovecot, tag):
    host.sendmail("-f", "<>", "-N", "never", "-R", "hdrs", "-V", "a b",
                  "alice@example.com", content=f"X: y\n\n{tag}\n".encode())
    assert header(one(dovecot, tag))["Return-Path"] == ["<>"]


def test_odd_octets(host, dovecot, tag):
    """What programs print: NUL, CR alone, no end, a very long line."""
    host.sendmail("-i", "alice@example.com", content=(
        b"Subject: a\rBcc: x@y\r\r\n\n" + tag.encode() +
        b"\0 10%\r20%\r\n" + b"x" * 200000 + b"\r"))
    content = one(dovecot, tag).replace(b"\r\n", b"\n")
    assert b"Subject: a Bcc: x@y\n" in content
    assert tag.encode() + b" 10%\n20%\nxxx" in content
    assert content.count(b"x") > 200000 and b"\r" not in content


def test_big(host, dovecot, tag):
    """Over what stays in memory; and over the limit."""
    host.sendmail("alice@example.com", content=(
        f"Subject: {tag}\n\n".encode() + b".line\n" * 600000))
    content = one(dovecot, tag).replace(b"\r\n", b"\n")
    assert content.count(b"\n.line") == 600000
    said = host.sendmail("alice@example.com", status=65,
                         content=b"\n" + b"0123456789\n" * 6000000)
    assert "too big" in said


# --- refusals: the caller has the message still ---------------------------------------

def test_refusals(host, dovecot, tag):
    def refused(status, *arguments, content=b"x\n"):
        before = host.culver.log().count("accepted")
        said = host.sendmail(*arguments, status=status, content=content)
        assert host.culver.log().count("accepted") == before
        assert said.strip()
        return said

    assert "no recipient" in refused(64)
    refused(64, "-Z", "alice@example.com")
    refused(64, "-bd")
    refused(64, "-R", "half", "alice@example.com")
    refused(65, "-t", content=b"Subject: x\n\nTo: alice@example.com\n")
    assert "Cc" in refused(65, "-t", content=b"To: alice@example.com\n"
                           b"Cc: a b\n\n")
    refused(65, "a b@example.com")
    refused(65, "-f", "a@b, c@d", "alice@example.com")
    assert "No such user" in refused(67, "nobody@example.com")
    assert "/etc/aliases" in refused(67, "daemon")
    refused(67, "ops")
    # All or none.
    refused(67, "alice@example.com", "nobody@example.com",
            content=tag.encode())
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0.5)


def test_too_many_recipients(dovecot, tag):
    """More than one message may have: that is not for later."""
    with Host(dovecot, recipient_limit="100") as host:
        many = ", ".join(f"alice+{i}@example.com" for i in range(101))
        said = host.sendmail("-t", status=69,
                             content=f"To: {many}\n\n{tag}\n".encode())
        assert said.count("\n") == 1 and "Too many recipients" in said


def test_no_command_is_made_of_an_argument(host):
    host.sendmail("a\r\nDATA@example.com", status=65, content=b"x\n")
    host.sendmail("-f", "a@b>\r\nRCPT TO:<c", "alice@example.com", status=65,
                  content=b"x\n")
    host.sendmail("-V", "x\r\nRSET", "alice@example.com", status=65,
                  content=b"x\n")


def test_away(host, dovecot, tag):
    """75, and a line that says so; nothing was taken."""
    with Host(dovecot) as other:
        other.culver.stop()
        said = other.sendmail("alice@example.com", status=75,
                              content=tag.encode())
        assert "culverd is away" in said and "not taken" in said
        done = other.run("sendmail", "-bs")
        assert done.returncode == 75 and done.stdout.startswith(b"421 ")
        other.culver.start()
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0.5)


def test_killed_in_the_middle(dovecot, tag):
    """What sendmail said 0 for is there; what it did not may be repeated."""
    with Host(dovecot) as host:
        sent = []

        def work(i):
            for j in range(40):
                done = host.run("sendmail", "alice@example.com",
                                content=f"{tag} <{i}-{j}>\n".encode())
                assert done.returncode in (0, 75), done
                if done.returncode == 0:
                    sent.append(f"<{i}-{j}>")

        threads = [threading.Thread(target=work, args=(i,)) for i in (1, 2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(sent) > 10, 30, "some mail")
        host.culver.kill()
        time.sleep(0.3)
        host.culver.start()
        for thread in threads:
            thread.join()
        found = delivered(dovecot, "alice@example.com", tag, timeout=30,
                          count=len(sent))
        assert len(sent) > 10
        for mark in sent:
            assert any(mark.encode() in m for m in found), mark


# --- who ---------------------------------------------------------------------------------

@as_root_only
def test_uid_is_the_sockets(host, dovecot, tag):
    """Whatever the client says, the kernel says who it is."""
    host.sendmail("-f", "root@host.test", "alice@example.com", uid=NOBODY,
                  content=tag.encode())
    assert f"(Culver, from userid {NOBODY})" in \
        header(one(dovecot, tag))["Received"][-1]


@as_root_only
def test_connections_of_one_user(dovecot, tag):
    """One user can fill up his own share only."""
    with Host(dovecot, connection_limit_per_address="3") as host:
        path = os.path.join(host.culver.run, "submit.sock")
        clients = []
        for _ in range(3):
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].connect(path)
            assert clients[-1].recv(100).startswith(b"220")
        assert "421" in host.sendmail("alice@example.com", status=75,
                                      content=b"x\n")
        host.sendmail("alice@example.com", uid=NOBODY, content=tag.encode())
        one(dovecot, tag)
        for client in clients:
            client.close()


def test_nonsense_ends_one_client_only(host, dovecot, tag):
    path = os.path.join(host.culver.run, "submit.sock")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        try:
            for _ in range(2000):
                client.sendall(os.urandom(4096) + b"\r\n")
        except OSError:
            pass
    host.sendmail("alice@example.com", content=tag.encode())
    one(dovecot, tag)


def test_it_is_nothing_but_sendmails(host):
    """No TLS, no login there; what names the machine only for it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.path.join(host.culver.run, "submit.sock"))
        client.sendall(b"EHLO x\r\nQUIT\r\n")
        said = b""
        while piece := client.recv(4096):
            said += piece
    assert b"XMAILNAME host.test\r\n" in said
    assert b"STARTTLS" not in said and b"AUTH" not in said
    with host.culver.smtp() as client:
        assert "XMAILNAME" not in client.ehlo()
        client.mail()
        assert client.command("RCPT TO:<root@host.test>").code == 550


# --- /etc/aliases ---------------------------------------------------------------------------

def test_aliases_are_read_again(dovecot, tag):
    with Host(dovecot) as host:
        host.sendmail("daemon", status=67, content=b"x\n")
        with open(host.aliases, "a", encoding="utf-8") as f:
            f.write("daemon: carol@example.com\n")
        host.culver.wait_log("configuration loaded", 15)
        host.sendmail("daemon@localhost", content=tag.encode())
        one(dovecot, tag, "carol@example.com")


def test_aliases_left_out_are_said(host):
    done = host.culver.ctl("check-config")
    assert re.search(r"aliases:6: ops: the command is left out",
                     done.stdout + done.stderr)


def test_resolve_says_it(host):
    said = host.culver.ctl("resolve", "www-data").stdout
    assert "/etc/aliases: www-data -> root@host.test" in said
    assert "delivered to alice@example.com" in said
    assert host.culver.ctl("resolve", "daemon", check=False).returncode == 1


def test_bare_postmaster(dovecot, tag):
    """RFC 5321 4.5.1: also without any domain of ours."""
    with Host(dovecot, domains=()) as host:
        # The alias leads outside then.
        with host.culver.smtp() as client:
            client.ehlo()
            client.mail()
            assert client.command("RCPT TO:<postmaster>").code == 250
    with Host(dovecot, domains=("example.com",)) as host:
        with host.culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("postmaster")
            assert client.data(f"Subject: {tag}\r\n\r\n".encode()).code == 250
        one(dovecot, tag, "postmaster@example.com")


# --- its other names ---------------------------------------------------------------------------

def test_mailq_and_newaliases(dovecot, tag):
    with Host(dovecot) as host:
        done = host.run("mailq")
        assert done.returncode == 0 and b"queue is empty" in done.stdout
        assert host.run("sendmail", "-bp").stdout == done.stdout
        done = host.run("newaliases")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert host.run("sendmail", "-bi").returncode == 0
        assert host.run("sendmail", "-q").returncode == 0
        assert tag


def test_smtp_on_stdio(host, dovecot, tag):
    """-bs, with the line ends of who types."""
    done = host.run("sendmail", "-bs", content=(
        f"EHLO x\nMAIL FROM:<a@example.com>\r\nRCPT TO:<root>\n"
        f"RCPT TO:<alice@example.com>\nDATA\nSubject: {tag}\n\n..x\n.\r\n"
        f"QUIT\n").encode())
    assert done.returncode == 0
    assert b"XMAILNAME" in done.stdout and b"queued as" in done.stdout
    assert done.stdout.rstrip().endswith(b"Bye")
    assert re.search(rb"\n\.x\r?\n$", one(dovecot, tag))


def test_verbose(host, dovecot, tag):
    done = host.run("sendmail", "-v", "alice@example.com",
                    content=tag.encode())
    assert done.returncode == 0
    assert b"-> RCPT TO:<alice@example.com>" in done.stdout
    assert b"<- 250 OK: queued as" in done.stdout
    one(dovecot, tag)


# --- Dovecot's own, and filters -------------------------------------------------------------------

def test_sieve(tag):
    """Redirect and vacation by sendmail_path, while LMTP waits for it: with a
    single connection of which nothing is free."""
    with Dovecot(start=False) as dovecot:
        for user in ("alice", "bob"):
            dovecot.add_user(f"{user}@example.com")
        with Host(dovecot, lmtp_connections="1",
                  in_session_timeout="15s") as host:
            command = " ".join(host.command("sendmail"))
            dovecot.stop()
            dovecot.submission_host = ""
            # The sanitizer takes more room than Dovecot grants.
            dovecot.settings = (f"sendmail_path = {command}\n"
                                "default_vsz_limit = 0\n")
            dovecot._prepare()
            dovecot.start()
            dovecot.set_sieve(
                "alice@example.com", 'require ["vacation", "copy"];\n'
                'redirect :copy "bob@example.com";\n'
                f'vacation "Away {tag}";\n')
            begin = time.monotonic()
            wait_for(lambda: host.culver.send(
                f"To: alice@example.com\r\nSubject: {tag}\r\n\r\nx\r\n"
                .encode(), sender="bob@example.com").code == 250, 20)
            assert time.monotonic() - begin < 12, "they waited for each other"
            found = delivered(dovecot, "bob@example.com", tag, timeout=20,
                              count=2)
            assert len(found) == 2
            assert len(delivered(dovecot, "alice@example.com", tag)) == 1
            wait_for(lambda: host.culver.queue_size() == 0, 10)
            log = host.culver.log()
            assert log.count("uid=") >= 2


def test_filters_see_it(dovecot, tag):
    """As if it came from localhost; filters of other listeners do not."""
    with RawFilter() as local, RawFilter() as smtp:
        milters = {"here": {"socket": local.where, "listeners": ["local"]},
                   "there": {"socket": smtp.where, "listeners": ["smtp"]}}
        with Host(dovecot, milters=milters) as host:
            host.sendmail("alice@example.com", content=tag.encode())
            one(dovecot, tag)
            session = local.wait_session()
            told = b" ".join(p.data for p in session.packets)
            assert b"localhost\x004\x00\x00127.0.0.1\x00" in told
            assert f"<{ME}@host.test>".encode() in told
            assert not any("M" in s.letters for s in smtp.sessions)


def test_hooks_see_it(dovecot, tag):
    """As from a login: it is not put off as unknown mail is."""
    with Host(dovecot) as host:
        seen = os.path.join(host.culver.directory, "seen")
        os.mkdir(seen)
        if host.culver.owner is not None:
            os.chown(seen, host.culver.owner, host.culver.owner)
        seen += "/env"
        set_program(host.culver, "hooks/post-data", DUMP.format(seen))
        host.culver.wait_log("configuration loaded", 15)
        host.sendmail("root", content=tag.encode())
        told = dumped(seen)
        assert told["REMOTE_ADDR"] == "127.0.0.1:0"
        assert told["EHLO_DOMAIN"] == "localhost"
        assert told["AUTH_AS"] == f"uid:{os.getuid()}"
        assert told["MAIL_FROM"] == f"{ME}@host.test"
        assert told["RCPT_TO"] == "root@host.test"
        one(dovecot, tag)


# --- reports ---------------------------------------------------------------------------------------

def test_report_to_a_user_of_this_machine(dovecot, tag):
    """What cannot be delivered comes back to where /etc/aliases says."""
    with Host(dovecot, ALIASES + "backup: carol@example.com\n") as host:
        host.sendmail("-f", "backup", "full@example.com",
                      content=f"Subject: {tag}\n\nx\n".encode())
        content = one(dovecot, tag, "carol@example.com")
        assert b"report-type=delivery-status" in content
        wait_for(lambda: host.culver.queue_size() == 0, 10)


@pytest.mark.parametrize("field, tls", [
    ("X-Note: mine", "not required"), ("X-Sieve: a script", "usual")])
def test_whose_word_it_is_that_tls_is_not_required(host, tag, field, tls):
    """What a script of Sieve sends on was written by a stranger."""
    recipient = f"{tag}@away.invalid"
    host.sendmail("-i", recipient, content=(
        f"TLS-Required: No\n{field}\nSubject: x\n\ntext\n").encode())
    entries = [json.loads(line) for line in host.culver.ctl(
        "--json", "queue", "list").stdout.splitlines()]
    found = [e for e in entries if e["recipient"] == recipient]
    assert [e["tls"] for e in found] == [tls], entries
    host.culver.ctl("queue", "drop", found[0]["id"])
