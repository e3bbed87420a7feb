"""The configuration directory: errors in words, reload all or nothing."""

import os
import ssl
import subprocess
import time

import pytest

from culver import (Culver, as_nobody, environment, free_port,
                    make_certificate, program, wait_for)
from smtp import Smtp, tls_context

# culver.conf, and words that the error must have: file:line, the setting,
# what would be right.
ERRORS = {
    "unknown setting": ("hostnmae = mx.test\n",
                        ["culver.conf:1", "hostnmae", "hostname"]),
    "out of range": ("\n\nlmtp_connections = 11\n",
                     ["culver.conf:3", "lmtp_connections", "10"]),
    "not a number": ("workers = many\n", ["culver.conf:1", "workers"]),
    "bad unit": ("session_timeout = 5x\n",
                 ["culver.conf:1", "session_timeout"]),
    "bad size": ("message_size_limit = 50Q\n",
                 ["culver.conf:1", "message_size_limit"]),
    "not a boolean": ("in_session_delivery = maybe\n",
                      ["culver.conf:1", "in_session_delivery", "yes", "no"]),
    "given twice": ("hostname = a.test\nhostname = b.test\n",
                    ["culver.conf:2", "hostname"]),
    "bad address": ('listen_smtp = { "localhost" }\n',
                    ["culver.conf:1", "listen_smtp"]),
    "open block": ("hostname = mx.test\nmilter rspamd {\n",
                   ["culver.conf"]),
    "open string": ('hostname = "mx.test\n', ["culver.conf:"]),
    "open list": ('listen_smtp = { "127.0.0.1:25"\n', ["culver.conf:"]),
    "no value": ("hostname\n", ["culver.conf:"]),
    "bad hostname": ("hostname = \"a b\"\n", ["culver.conf:1", "hostname"]),
    "unknown block": ("\nfilter rspamd {\n}\n",
                      ["culver.conf:2", "filter", "milter"]),
    "no socket": ("milter rspamd {\n  dry_run = yes\n}\n",
                  ["culver.conf:1", "rspamd", "socket"]),
    "bad socket": ("milter rspamd {\n  socket = inet:11332\n}\n",
                   ["culver.conf:2", "socket", "inet:HOST:PORT"]),
    "one name twice": ("milter a { socket = /a }\nmilter A { socket = /b }\n",
                       ["culver.conf:2", "milter", "line 1"]),
    "unknown in a block": ("milter a {\n  socket = /a\n  on_failur = no\n}\n",
                           ["culver.conf:3", "on_failur", "on_failure"]),
    "twice in a block": ("milter a {\n  socket = /a\n  socket = /a\n}\n",
                         ["culver.conf:3", "socket", "line 2"]),
    "bad value in a block": ("milter a {\n  on_failure = defer\n"
                             "  socket = /a\n}\n",
                             ["culver.conf:2", "on_failure", "tempfail"]),
    "for nobody": ("milter a {\n  socket = /a\n  only_authenticated = yes\n"
                   "  only_unauthenticated = yes\n}\n",
                   ["culver.conf:1", "milter a", "only_authenticated"]),
    "block in a block": ("milter a {\n  milter b { socket = /a }\n}\n",
                         ["culver.conf:2", "milter"]),
    "bad level": ("log_level = loud\n", ["culver.conf:1", "log_level"]),
}


def check(culver):
    command = [program("culver"), "-c", culver.conf, "check-config"]
    if culver.owner is not None:
        command = as_nobody(command)
    done = subprocess.run(command, capture_output=True, text=True,
                          env=environment(), timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def daemon(culver):
    """What culverd says and how it ends, with culver.conf alone."""
    command = [program("culverd"), "-F", "-c", culver.conf]
    if culver.owner is not None:
        command = as_nobody(command)
    done = subprocess.run(command, capture_output=True, text=True,
                          env=environment(), timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("text, words", ERRORS.values(), ids=ERRORS.keys())
def test_daemon_and_tool_say_the_same(text, words):
    with Culver(start=False) as culver:
        culver.write("culver.conf", text)
        status, said = check(culver)
        assert status != 0
        for word in words:
            assert word in said, said
        lines = [line for line in said.split("\n") if "culver.conf" in line]
        assert lines
        status, said = daemon(culver)
        assert status != 0
        said = said.replace("\\x22", '"')  # as quotes are in the log
        for line in lines:
            core = line[line.index("culver.conf"):].strip()
            assert core in said, f"{core!r} is not in {said!r}"


def test_empty_file_is_valid():
    with Culver(start=False) as culver:
        assert check(culver)[0] == 0
        culver.write("culver.conf", "")
        assert check(culver)[0] == 0


def test_blocks_are_valid():
    with Culver(start=False) as culver:
        culver.set_milters({
            "rspamd": {"socket": "inet:localhost:11332"},
            "open-dkim": {"socket": "unix:/run/opendkim.sock",
                          "listeners": ["submission", "local"],
                          "macros": ["{verify}=no", "j"],
                          "on_failure": "accept", "protocol": 4}})
        status, said = check(culver)
        assert status == 0, said
        assert "culver.conf" not in said, said


def test_hook_that_cannot_be_run_is_said():
    with Culver(start=False) as culver:
        culver.write("hooks/post-data", "#!/bin/sh\n")
        status, said = check(culver)
        assert status == 0, said
        assert "hooks/post-data: cannot be run" in said and "451" in said
        os.chmod(os.path.join(culver.conf, "hooks/post-data"), 0o755)
        assert "hooks" not in check(culver)[1]


def test_every_setting_is_checked_before_anything_starts():
    with Culver(start=False) as culver:
        done = culver.ctl("-o", "workers=99", "check-config", check=False)
        assert done.returncode != 0
        assert "workers" in done.stdout + done.stderr
        assert "64" in done.stdout + done.stderr


def test_bad_override_stops_the_daemon():
    with Culver(start=False, no_such_setting="1") as culver:
        culver.launch()
        assert culver.process.wait(20) != 0
        culver.process = None
        assert "no_such_setting" in culver.log()


def greeting_name(culver):
    with culver.smtp() as client:
        return client.greeting.text.split()[0]


@pytest.fixture
def plain(dovecot):
    """A server whose name comes from culver.conf."""
    server = Culver(dovecot, start=False)
    del server.settings["hostname"]
    server.write("culver.conf", "hostname = one.test\n")
    with server:
        server.start()
        yield server


def test_change_on_disk_is_taken(plain):
    assert greeting_name(plain) == "one.test"
    plain.write("culver.conf", "hostname = two.test\n")
    wait_for(lambda: greeting_name(plain) == "two.test", 10)


def test_sighup_reloads_at_once(plain):
    plain.write("culver.conf", "hostname = three.test\n")
    plain.reload()
    wait_for(lambda: greeting_name(plain) == "three.test", 3)


def test_reload_is_all_or_nothing(plain):
    """One wrong line anywhere: the last good state stays, with the error in
    the log; put right, it is taken."""
    plain.write("culver.conf", "hostname = bad.test\nworkers = x\n")
    plain.add_domain("fresh.example")
    plain.reload()
    plain.wait_log(r"culver\.conf:2")
    time.sleep(0.5)
    assert greeting_name(plain) == "one.test"
    with plain.smtp() as client:
        client.ehlo()
        client.mail()
        assert client.command(
            "RCPT TO:<a@fresh.example>").status == "5.7.1"
    plain.write("culver.conf", "hostname = good.test\n")
    wait_for(lambda: greeting_name(plain) == "good.test", 10)
    with plain.smtp() as client:
        client.ehlo()
        client.mail()
        assert client.command(
            "RCPT TO:<a@fresh.example>").status == "5.1.1"


def test_wrong_alias_file_keeps_the_last_good_one(dovecot):
    with Culver(dovecot,
                aliases={"example.com": "info: alice\n"}) as culver:
        culver.write("domains/example.com/aliases", "info alice\n")
        culver.wait_log(r"aliases:1")
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("info@example.com")


def test_removed_domain_is_foreign(plain):
    plain.add_domain("gone.example")

    def status():
        with plain.smtp() as client:
            client.ehlo()
            client.mail()
            return client.command("RCPT TO:<a@gone.example>").status
    wait_for(lambda: status() == "5.1.1", 10, "the domain")
    os.rmdir(os.path.join(plain.conf, "domains", "gone.example"))
    wait_for(lambda: status() == "5.7.1", 10, "its end")


def test_running_session_survives_a_reload(plain, tag):
    with plain.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        plain.write("culver.conf", "hostname = later.test\n")
        wait_for(lambda: greeting_name(plain) == "later.test", 10)
        assert client.data(f"Subject: {tag}\r\n\r\n").code == 250


def test_listeners_move(dovecot):
    server = Culver(dovecot, start=False)
    old, new = server.port, free_port()
    del server.settings["listen_smtp"]
    with server:
        server.write("culver.conf", f'listen_smtp = {{ "127.0.0.1:{old}" }}\n')
        server.launch()
        wait_for(lambda: greets(old), 20, "a greeting")
        server.write("culver.conf",
                     f'listen_smtp = {{ "127.0.0.1:{new}" }}\n')
        wait_for(lambda: greets(new), 10, "a greeting on the new port")
        wait_for(lambda: not greets(old), 10, "the end of the old port")


def greets(port):
    try:
        with Smtp(port, timeout=3) as client:
            return client.greeting.code == 220
    except OSError:
        return False


# --- certificates ------------------------------------------------------------------


def served(culver, server_name):
    """The certificate's fingerprint on 465 for this SNI name."""
    context = tls_context()
    with Smtp(culver.submissions_port, tls=False, greeting=False) as client:
        client.server_name = server_name
        client.start_tls(context)
        return client.socket.getpeercert(binary_form=True)


def der(path):
    with open(path, encoding="ascii") as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def test_certificates_by_sni(dovecot):
    server = Culver(dovecot, start=False)
    with server:
        other = server.add_certificate("mail.other.test", "*.wild.test")
        mine = os.path.join(server.conf, "certs/mx.test/fullchain.pem")
        server.start()
        assert served(server, "mx.test") == der(mine)
        assert served(server, "mail.other.test") == der(other)
        assert served(server, "MAIL.Other.Test") == der(other)
        assert served(server, "unknown.test") == der(mine)
        assert served(server, None) == der(mine)


def test_renewed_certificate_is_served(plain):
    path = os.path.join(plain.conf, "certs/mx.test")
    before = served(plain, "mx.test")
    make_certificate(path, "mx.test", owner=plain.owner)
    fresh = der(os.path.join(path, "fullchain.pem"))
    assert fresh != before
    wait_for(lambda: served(plain, "mx.test") == fresh, 10,
             "the new certificate")


def test_renewal_by_link_as_certbot_does(dovecot):
    """live/NAME/*.pem are links into archive/."""
    server = Culver(dovecot, start=False, certificates=())
    archive = os.path.join(server.directory, "archive")
    live = os.path.join(server.conf, "certs", "mx.test")
    with server:
        for number in ("1", "2"):
            make_certificate(os.path.join(archive, number), "mx.test",
                             owner=server.owner)
        os.makedirs(live)
        for name in ("fullchain.pem", "privkey.pem"):
            os.symlink(os.path.join(archive, "1", name),
                       os.path.join(live, name))
        server.start()
        assert served(server, "mx.test") == der(
            os.path.join(archive, "1", "fullchain.pem"))
        for name in ("privkey.pem", "fullchain.pem"):
            link = os.path.join(live, name)
            os.symlink(os.path.join(archive, "2", name), link + ".new")
            os.rename(link + ".new", link)
        fresh = der(os.path.join(archive, "2", "fullchain.pem"))
        wait_for(lambda: served(server, "mx.test") == fresh, 10)


def test_broken_renewal_keeps_the_old_certificate(plain):
    before = served(plain, "mx.test")
    plain.write("certs/mx.test/fullchain.pem", "garbage\n")
    plain.wait_log(r"certs/mx\.test")
    time.sleep(0.5)
    assert served(plain, "mx.test") == before


def test_key_of_another_certificate_is_refused(plain):
    before = served(plain, "mx.test")
    other = os.path.join(plain.directory, "other")
    make_certificate(other, "mx.test", owner=plain.owner)
    with open(os.path.join(other, "privkey.pem"), encoding="ascii") as f:
        plain.write("certs/mx.test/privkey.pem", f.read())
    plain.wait_log(r"certs/mx\.test")
    time.sleep(0.5)
    assert served(plain, "mx.test") == before


def test_no_certificate(dovecot, tag):
    """Port 25 runs without STARTTLS, submission stays closed, and it says so
    loudly; a certificate opens all."""
    with Culver(dovecot, certificates=()) as culver:
        with culver.smtp() as client:
            assert "STARTTLS" not in client.ehlo()
            assert client.command("STARTTLS").code in (454, 502, 500)
            client.mail()
            client.rcpt("alice@example.com")
            assert client.data(f"Subject: {tag}\r\n\r\n").code == 250
        for port in (culver.submission_port, culver.submissions_port):
            assert not greets(port)
        assert "certificate" in culver.log().lower()
        done = culver.ctl("check-config", check=False)
        assert "certificate" in (done.stdout + done.stderr).lower()
        culver.add_certificate("mx.test")
        wait_for(lambda: greets(culver.submission_port), 10, "port 587")
        with culver.smtp() as client:
            assert "STARTTLS" in client.ehlo()
        with culver.submissions() as client:
            assert "AUTH" in client.ehlo()


def test_port_in_use_is_said(dovecot):
    with Culver(dovecot) as one:
        with Culver(dovecot, start=False) as two:
            two.settings["listen_smtp"] = f"127.0.0.1:{one.port}"
            two.launch()
            assert two.process.wait(20) != 0
            two.process = None
            assert str(one.port) in two.log()
            assert "in use" in two.log()
