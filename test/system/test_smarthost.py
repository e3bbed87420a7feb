"""Mail through a server that sends it on: by sender, with a login, and never
without a certificate that is good."""

import contextlib
import os
import pathlib
import subprocess

import pytest

from conftest import delivered
from culver import Culver, environment, free_port, program, wait_for
from dns import Dns
from server import ALL, Server
from smtp import message
from test_domain_tls import known
from test_outbound import arrived, submit

PORT, OTHER_PORT = free_port(), free_port()
MX_PORT = free_port()
NAME, OTHER = "relay.isp.example", "relay.other.example"
ADDRESS, OTHER_ADDRESS, MX_ADDRESS = "127.0.0.41", "127.0.0.42", "127.0.0.43"
ME, SECRET = "me@isp.example", "s3cret word"
PLAIN = tuple(e for e in ALL if e != "STARTTLS")

RECORDS = {
    f"{NAME} A": [ADDRESS],
    # nobody is to go there
    f"{NAME} MX": ["10 mx.far.example"],
    f"{OTHER} A": [OTHER_ADDRESS],
    "far.example MX": ["10 mx.far.example"],
    "mx.far.example A": [MX_ADDRESS],
}


@pytest.fixture(scope="module")
def dns():
    with Dns(RECORDS) as server:
        yield server


@pytest.fixture
def relay():
    with Server(ADDRESS, PORT, name=NAME, logins={ME: SECRET}) as server:
        yield server


@pytest.fixture
def far():
    with Server(MX_ADDRESS, MX_PORT, name="mx.far.example") as server:
        yield server


def block(name="", **settings):
    settings = {"host": NAME, "port": PORT, "user": ME, **settings}
    if settings["user"] is None:
        del settings["user"]
    elif "direct" not in settings:
        settings.setdefault("password_file", "PASSWORDS")
    lines = "".join(f'    {key} = "{value}"\n'
                    for key, value in settings.items())
    return f"smarthost {name} {{\n{lines}}}\n"


def direct(name):
    return f"smarthost {name} {{ direct = yes }}\n"


def configure(culver, text, password=SECRET, mode=0o600):
    path = pathlib.Path(culver.conf) / "password"
    culver.write("password", password + "\n")
    os.chmod(path, mode)
    culver.write("culver.conf", f'run_dir = "{culver.run}"\n'
                 + text.replace("PASSWORDS", str(path)))


def trust(culver, *servers):
    """Their own certificates are the authorities; for none a file that has
    one all the same."""
    places = [pathlib.Path(server._directory) for server in servers] or \
        [pathlib.Path(culver.conf, "certs", "mx.culver.example")]
    culver.write("ca", "".join((place / "fullchain.pem").read_text()
                               for place in places))


@contextlib.contextmanager
def made(dns, dovecot, text, *trusted, aliases=None, **settings):
    settings = {"outbound_port": str(MX_PORT), "outbound_loopback": "yes",
                "hostname": "mx.culver.example", "retry_longest": "1s",
                **dns.settings(), **settings}
    with Culver(dovecot, certificates=("mx.culver.example",), start=False,
                domains=("example.com", "other.com", "own.com"),
                aliases=aliases, **settings) as culver:
        culver.settings["ca_file"] = culver.conf + "/ca"
        trust(culver, *trusted)
        configure(culver, text)
        culver.start()
        yield culver


def reload(culver):
    seen = len(culver.log())
    done = culver.ctl("reload")
    wait_for(lambda: "configuration loaded" in culver.log()[seen:], 10,
             "the reload")
    return done.stdout + done.stderr


def send(culver, tag, sender, *recipients):
    """By a program of this machine, which may have any sender."""
    link = os.path.join(culver.directory, "sendmail")
    if not os.path.exists(link):
        os.symlink(program("culver"), link)
    subprocess.run([link, "-C", culver.conf, "-f", sender, "--", *recipients],
                   input=message(tag), check=True, env=environment())


# --- the way ------------------------------------------------------------------------------


def test_all_mail_of_all_domains(dns, dovecot, relay, tag):
    with made(dns, dovecot, block(), relay) as culver:
        submit(culver, tag, "a@far.example", "b@nowhere.example",
               "c@null.example")
        envelope = arrived(relay, tag)[0]
        assert sorted(envelope.recipients) == [
            "a@far.example", "b@nowhere.example", "c@null.example"]
        assert envelope.tls == "TLSv1.3" and envelope.user == ME
        assert relay.connections == 1
        assert any(line.startswith("AUTH PLAIN ") for line in relay.lines)
        culver.wait_log(f"delivered .*host={NAME} address={ADDRESS} "
                        "tls=TLSv1.3")
        # It says nothing of how well these domains are protected.
        culver.wait_log("delivered from the queue", count=3)
        assert known(culver, "list") == {}
        assert SECRET not in culver.log()


def test_the_older_way_to_log_in(dns, dovecot, relay, tag):
    relay.auth = ("CRAM-MD5", "LOGIN")
    with made(dns, dovecot, block(), relay) as culver:
        submit(culver, tag, "a@far.example")
        assert arrived(relay, tag)[0].user == ME


def test_tls_from_the_start(dns, dovecot, tag):
    with Server(ADDRESS, PORT, PLAIN, name=NAME, logins={ME: SECRET},
                tls_first=True) as relay, \
            made(dns, dovecot, block(tls="immediate"), relay) as culver:
        submit(culver, tag, "a@far.example")
        assert arrived(relay, tag)[0].user == ME
        assert "STARTTLS" not in relay.lines


def test_an_address_and_no_login(dns, dovecot, tag):
    """It knows us by our address; DNS has nothing to say."""
    with Server(ADDRESS, PORT, name=ADDRESS) as relay, \
            made(dns, dovecot, block(host=ADDRESS, user=None), relay,
                 outbound_loopback="no") as culver:
        submit(culver, tag, "a@far.example")
        assert arrived(relay, tag)[0].user is None
        words = culver.ctl("route", "far.example").stdout
        assert f"{ADDRESS} port {PORT}" in words and "without a login" in words


def test_the_sender_chooses(dns, dovecot, relay, far, tag):
    with Server(OTHER_ADDRESS, OTHER_PORT, name=OTHER,
                logins={"other": SECRET}) as other, \
            made(dns, dovecot, block() + direct("own.com")
                 + block("Other.COM", host=OTHER, port=OTHER_PORT,
                         user="other"), relay, other, far) as culver:
        for i, (sender, server) in enumerate((
                ("alice@example.com", relay), ("x@other.com", other),
                ("x@OWN.com", far))):
            send(culver, f"{tag}.{i}", sender, "a@far.example")
            arrived(server, f"{tag}.{i}")
        assert [len(s.received) for s in (relay, other, far)] == [1, 1, 1]
        for words, sender in (
                (f"all senders, {NAME} port {PORT}", None),
                (f"all senders, {NAME} port {PORT}", "a@example.com"),
                (f"other.com, {OTHER} port {OTHER_PORT}, with TLS, as other",
                 "x@other.com")):
            said = culver.ctl("route", "far.example",
                              *(["--from", sender] if sender else [])).stdout
            assert words in said and "mx.far" not in said
        said = culver.ctl("route", "far.example", "--from", "x@own.com").stdout
        assert "smarthost" not in said and "mx.far.example" in said


def test_reports_and_what_is_forwarded(dns, dovecot, relay, far, tag):
    """A forwarded message has a sender of ours; a report none."""
    with made(dns, dovecot, block("other.com") + block(), relay,
              aliases={"other.com": "out: a@far.example\n"
                                    "hosts: a@far.example via mx.far.example\n"
                       }) as culver:
        for user in ("out", "hosts"):
            with culver.smtp() as client:
                client.ehlo()
                client.mail("stranger@sender.example")
                client.rcpt(f"{user}@other.com")
                assert client.data(message(tag + user)).code == 250
        envelope = arrived(relay, tag + "out")[0]
        assert "@other.com>" in envelope.mail
        # "via" outranks it
        assert arrived(far, tag + "hosts")
        assert len(relay.received) == 1
        send(culver, tag + "null", "<>", "a@far.example")
        assert arrived(relay, tag + "null")


# --- what is not good enough ------------------------------------------------------------------


def waits(culver, server, why):
    culver.wait_log("deferred trace=.*" + why, 20)
    assert not server.received and culver.queue_size() == 1
    assert not any(line.startswith(("AUTH", "MAIL")) for line in server.lines)


@pytest.mark.parametrize("how", ["not offered", "refused", "broken"])
def test_no_tls(dns, dovecot, relay, tag, how):
    relay.extensions = PLAIN if how == "not offered" else ALL
    relay.breaks_tls = how == "broken"
    if how == "refused":
        relay.on_command = lambda verb, line: \
            "454 4.7.0 No TLS today" if verb == "STARTTLS" else None
    with made(dns, dovecot, block(), relay) as culver:
        submit(culver, tag, "a@far.example")
        waits(culver, relay, "TLS")
        culver.wait_log(r"warning.*a host takes no mail now host="
                        + NAME.replace(".", "[.]"))


@pytest.mark.parametrize("how", ["unknown", "another name"])
def test_a_certificate_that_is_not_good(dns, dovecot, far, tag, how):
    name = NAME if how == "unknown" else OTHER
    with Server(ADDRESS, PORT, name=name, logins={ME: SECRET}) as relay, \
            made(dns, dovecot, block(),
                 far if how == "unknown" else relay) as culver:
        submit(culver, tag, "a@far.example")
        waits(culver, relay, "the certificate is not good enough")
        trust(culver, relay)
        reload(culver)
        if how == "unknown":
            arrived(relay, tag, timeout=30)


def test_a_wrong_password_until_it_is_right(dns, dovecot, relay, tag):
    with made(dns, dovecot, block(), relay) as culver:
        configure(culver, block(), password="wrong")
        reload(culver)
        submit(culver, tag, "a@far.example")
        culver.wait_log(f"error.*takes no login: its mail waits host={NAME} "
                        f"port={PORT} user={ME} .*535 Wrong", 20)
        culver.wait_log(r"deferred trace=.*status=4\.7\..*login was refused")
        assert culver.queue_size() == 1 and not relay.received
        # nobody said so: the file is looked at
        configure(culver, block())
        arrived(relay, tag, timeout=30)
        assert "wrong" not in culver.log()


def test_a_login_that_is_missing(dns, dovecot, relay, tag):
    """All mail would be refused with 530."""
    with made(dns, dovecot, block(user=None), relay) as culver:
        submit(culver, tag, "a@far.example")
        culver.wait_log("error.*wants another login: its mail waits", 20)
        culver.wait_log(r"deferred trace=.*code=530 status=4\.7\.0")
        assert culver.queue_size() == 1


def test_a_name_that_is_none(dns, dovecot, tag):
    """A mistake in the configuration is no reason to refuse all mail."""
    with made(dns, dovecot, block(host="ralay.isp.example")) as culver:
        submit(culver, tag, "a@far.example")
        culver.wait_log(r"deferred trace=.*status=4\.", 20)
        assert culver.queue_size() == 1


def test_what_it_refuses_is_reported(dns, dovecot, relay, tag):
    relay.on_rcpt = lambda address: "550 5.1.1 No such user"
    with made(dns, dovecot, block(), relay) as culver:
        submit(culver, tag, "a@far.example")
        report = delivered(dovecot, "alice@example.com", tag, 20)[0]
        assert b"Remote-MTA: dns; " + NAME.encode() in report
        assert b"550 5.1.1 No such user" in report


# --- the configuration ---------------------------------------------------------------------------


def test_files_with_passwords(dns, dovecot):
    with made(dns, dovecot, "") as culver:
        def said():
            done = culver.ctl("check-config", check=False)
            return done.returncode, done.stderr

        configure(culver, block())
        assert said()[0] == 0
        for mode in (0o644, 0o640, 0o602):
            configure(culver, block(), mode=mode)
            code, words = said()
            assert code == 1 and "chmod 0600" in words and SECRET not in words
        for text, why in (("", "empty"), ("\n\nx", "empty"), ("a\nb", "more"),
                          ("x" * 256, "too long"), ("a\tb", "control")):
            configure(culver, block(), password=text)
            code, words = said()
            assert code == 1 and why in words, words
        configure(culver, block(password_file="/nonexistent"))
        assert "/nonexistent" in said()[1]
        configure(culver, block(password_file=culver.conf))
        assert said()[0] == 1


def test_a_new_port_takes_a_restart(dns, dovecot, relay, tag):
    with made(dns, dovecot, block(port=OTHER_PORT), relay) as culver:
        configure(culver, block())
        said = reload(culver)
        assert f"port {PORT} takes a restart" in said
        submit(culver, tag, "a@far.example")
        culver.wait_log("deferred trace=|delivered trace=", 20)
        culver.stop()
        culver.start()
        arrived(relay, tag, timeout=30)
