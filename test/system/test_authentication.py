"""Who sent this: SPF, DKIM and DMARC of mail from outside, what is refused for
it and what Authentication-Results says; the same messages asked of opendmarc
and python3-authheaders. Clients come from 127.0.0.2 and so on; 127.0.0.1 is
trusted."""

import collections
import importlib.util
import json
import pathlib
import re
import sqlite3
import subprocess
import sys

import pytest

from culver import wait_for
from dns import Dns
from filtered import Filtered, split_message
from realfilters import OpenDmarc, is_installed
from smtp import message, stuff

dkim = pytest.importorskip("dkim")

# Who may send for each *.example is 127.0.0.2; the list's server is 127.0.0.4.
# {domain: TXT at _dmarc}
POLICIES = {
    "reject.example": "v=DMARC1; p=reject",
    "quarantine.example": "v=DMARC1; p=quarantine",
    "none.example": "v=DMARC1; p=none",
    "test.reject.example": "v=DMARC1; p=reject; t=y",
    "strict.example": "v=DMARC1; p=reject; adkim=s; aspf=s",
    "sub.example": "v=DMARC1; p=none; sp=reject",
    "absent.example": "v=DMARC1; p=none; np=reject",
    "suffix.example": "v=DMARC1; p=reject; psd=y",
    "own.suffix.example": "v=DMARC1; p=quarantine",
    "old.example": "v=DMARC1; p=reject; pct=100",
    "broken.example": "v=DMARC1; p=rejct",
    "count.example": "v=DMARC1; p=quarantine; rua=mailto:a@count.example",
}
NAMES = [*POLICIES, "below.sub.example", "there.absent.example",
         "a.suffix.example", "b.suffix.example", "mail.strict.example",
         "x.y.reject.example", "plain.example", "example.com", "lists.example"]


class Key:
    """One DKIM key for all domains."""

    def __init__(self):
        self.private = subprocess.run(
            ["openssl", "genrsa", "1024"], check=True,
            capture_output=True).stdout
        public = subprocess.run(
            ["openssl", "rsa", "-pubout"], input=self.private, check=True,
            capture_output=True).stdout.decode()
        self.record = "v=DKIM1; k=rsa; p=" + \
            "".join(public.split("\n")[1:-2])

    def sign(self, content, domain):
        head = dkim.sign(content, b"sel", domain.encode(), self.private,
                         canonicalize=(b"relaxed", b"relaxed"))
        return head + content


def records_of(key):
    records = {}
    for name in NAMES:
        client = "127.0.0.4" if name == "lists.example" else "127.0.0.2"
        records[f"{name} TXT"] = [f"v=spf1 ip4:{client} -all"]
        records[f"sel._domainkey.{name} TXT"] = [key.record]
    for name, record in POLICIES.items():
        records[f"_dmarc.{name} TXT"] = [record]
    records["soft.example TXT"] = ["v=spf1 ~all"]
    records["nothing.example A"] = ["127.0.0.9"]
    records["_dmarc.dead.example TXT"] = ["v=DMARC1; p=reject"]
    records["dead.example TXT"] = ["v=spf1 ip4:127.0.0.2 -all"]
    return records


class World:
    def __init__(self, dovecot, dns, key, milters=None, **settings):
        self.key = key
        self.filtered = Filtered(dovecot, milters, trusted_networks="127.0.0.1",
                                 **dns.settings(), **settings)
        self.culver = self.filtered.culver

    def __enter__(self):
        self.filtered.__enter__()
        return self

    def __exit__(self, *how):
        self.filtered.__exit__(*how)

    def send(self, content, *, sender="a@plain.example", source="127.0.0.2"):
        """The first refusal, or what was said to the dot."""
        self.filtered.forget()
        with self.culver.smtp(source=source) as client:
            client.ehlo("client.example")
            client.line(f"MAIL FROM:<{sender}>")
            client.expect(250)
            client.line("RCPT TO:<alice@example.com>")
            reply = client.reply()
            if reply.code != 250:
                return reply
            client.line("DATA")
            client.expect(354)
            client.send(stuff(content))
            return client.reply()

    def take(self, content, **how):
        """The fields of a message that is taken: {name: [value]}."""
        reply = self.send(content, **how)
        assert reply.code == 250, reply
        fields = collections.defaultdict(list)
        for field in split_message(self.filtered.content)[0]:
            value = re.sub(rb"\r\n[ \t]+", b" ", field.value).strip()
            fields[field.name.decode().lower()].append(value.decode())
        return fields

    def results(self, content, **how):
        """{method: "result property=..."} of the one field that is ours."""
        said, = self.take(content, **how)["authentication-results"]
        head, *rest = said.split("; ")
        assert head == "mx.test"
        return {part.split("=", 1)[0]: part.split("=", 1)[1] for part in rest}


@pytest.fixture(scope="module")
def key():
    return Key()


@pytest.fixture(scope="module")
def dns(key):
    with Dns(records_of(key), failures={
            "dead.example TXT": "servfail",
            "_dmarc.dead.example TXT": "servfail"}) as world:
        yield world


@pytest.fixture(scope="module")
def world(dovecot, dns, key):
    with World(dovecot, dns, key) as world:
        yield world


@pytest.fixture(scope="module")
def marking(dovecot, dns, key):
    with World(dovecot, dns, key, dmarc="mark", spf_fail="mark",
               own_domain_check="no", received_spf="yes") as world:
        yield world


# --- SPF ----------------------------------------------------------------------------

def test_spf_fail_is_refused(world):
    reply = world.send(message(), source="127.0.0.3")
    assert (reply.code, reply.status) == (550, "5.7.23")
    assert "127.0.0.3 may not send for plain.example" in reply.text


def test_spf_fail_is_marked(marking):
    fields = marking.take(message(sender="a@plain.example"),
                          source="127.0.0.3")
    said, = fields["authentication-results"]
    assert "spf=fail smtp.mailfrom=plain.example" in said
    received, = fields["received-spf"]
    assert received.startswith("fail (mx.test)")
    assert 'client-ip=127.0.0.3; identity=mailfrom; helo=client.example; ' \
        'envelope-from="a@plain.example"' in received


@pytest.mark.parametrize("sender, result", [
    ("a@plain.example", "pass smtp.mailfrom=plain.example"),
    ("a@soft.example", "softfail smtp.mailfrom=soft.example"),
    ("a@nothing.example", "none smtp.mailfrom=nothing.example"),
    ("a@dead.example", "temperror smtp.mailfrom=dead.example"),
    ("", "none smtp.helo=client.example"),
])
def test_spf_says(world, sender, result):
    said = world.results(message(), sender=sender)
    assert said["spf"] == result


def test_trusted_clients_are_asked_nothing(world):
    forged = "Authentication-Results: mx.test; dmarc=pass\r\n"
    fields = world.take(message(sender="alice@example.com", extra=forged),
                        sender="alice@example.com", source="127.0.0.1")
    assert fields["authentication-results"] == ["mx.test; dmarc=pass"]


# --- our own name --------------------------------------------------------------------

def test_own_author_is_refused(world):
    reply = world.send(message(sender="alice@example.com"))
    assert (reply.code, reply.status) == (550, "5.7.1")
    assert "example.com is a domain of this server" in reply.text


def test_own_sender_is_refused_by_spf_first(world):
    assert world.send(message(), sender="alice@example.com",
                      source="127.0.0.3").status == "5.7.23"


def test_own_sender_without_spf_is_refused(dovecot, dns, key):
    with World(dovecot, dns, key, spf_fail="mark") as world:
        assert world.send(message(), sender="alice@example.com",
                          source="127.0.0.3").status == "5.7.1"
        signed = world.key.sign(message(sender="alice@example.com"),
                                "example.com")
        assert world.send(signed, sender="alice@example.com",
                          source="127.0.0.3").code == 250


def test_own_name_with_spf(world):
    assert world.send(message(sender="alice@example.com"),
                      sender="alice@example.com").code == 250


def test_own_name_through_a_list(world):
    """SPF is the list's, DKIM is ours."""
    signed = world.key.sign(message(sender="alice@example.com"), "example.com")
    assert world.send(signed, sender="bounces@lists.example",
                      source="127.0.0.4").code == 250
    assert world.send(signed.replace(b"A letter", b"a letter"),
                      sender="bounces@lists.example",
                      source="127.0.0.4").status == "5.7.1"


def test_own_author_in_a_report(world):
    assert world.send(message(sender="alice@example.com"),
                      sender="").status == "5.7.1"


# --- DMARC ----------------------------------------------------------------------------

# author, signatures, SPF's domain (plain.example by default); then what is
# said of it: result, policy.
CASES = {
    "none at all": ("nothing.example", (), None, "none", ""),
    "reject": ("reject.example", (), None, "fail", "reject"),
    "quarantine": ("quarantine.example", (), None, "fail", "quarantine"),
    "policy none": ("none.example", (), None, "fail", "none"),
    "SPF": ("reject.example", (), "reject.example", "pass", "reject"),
    "SPF of a subdomain": (
        "reject.example", (), "test.reject.example", "pass", "reject"),
    "DKIM": ("reject.example", ("reject.example",), None, "pass", "reject"),
    "DKIM of a subdomain": (
        "reject.example", ("x.y.reject.example",), None, "pass", "reject"),
    "DKIM of another": (
        "reject.example", ("plain.example",), None, "fail", "reject"),
    "a list": ("reject.example", ("reject.example", "lists.example"),
               "lists.example", "pass", "reject"),
    "two labels below": ("x.y.reject.example", (), None, "fail", "reject"),
    "strict, the same": (
        "strict.example", ("strict.example",), None, "pass", "reject"),
    "strict, a subdomain": (
        "strict.example", ("mail.strict.example",), None, "fail", "reject"),
    "sp": ("below.sub.example", (), None, "fail", "reject"),
    "sp is not for itself": ("sub.example", (), None, "fail", "none"),
    "np, there": ("there.absent.example", (), None, "fail", "none"),
    "np, not there": ("not.absent.example", (), None, "fail", "reject"),
    "testing": ("test.reject.example", (), None, "fail", "quarantine"),
    "of a suffix": ("a.suffix.example", (), None, "fail", "reject"),
    "neighbours in a suffix": (
        "a.suffix.example", ("b.suffix.example",), None, "fail", "reject"),
    "in a suffix, by itself": (
        "a.suffix.example", ("a.suffix.example",), None, "pass", "reject"),
    "in a suffix, with a record": (
        "own.suffix.example", (), None, "fail", "quarantine"),
    "an old record": ("old.example", (), None, "fail", "reject"),
    "a broken record": ("broken.example", (), None, "permerror", ""),
    "counted": ("count.example", ("count.example",), None, "pass",
                "quarantine"),
    "counted, forged": ("count.example", (), None, "fail", "quarantine"),
    "DNS fails": ("dead.example", (), None, "temperror", ""),
}


def letter_of(key, case):
    author, signers, sender = CASES[case][:3]
    content = message(sender=f"a@{author}")
    for signer in signers:
        content = key.sign(content, signer)
    sender = sender or "plain.example"
    return content, {
        "sender": f"a@{sender}",
        "source": "127.0.0.4" if sender == "lists.example" else "127.0.0.2"}


@pytest.mark.parametrize("case", CASES)
def test_dmarc(world, case):
    author, _, _, result, policy = CASES[case]
    content, how = letter_of(world.key, case)
    if result == "fail" and policy == "reject":
        reply = world.send(content, **how)
        assert (reply.code, reply.status) == (550, "5.7.1")
        assert f"{author} is the author's domain" in reply.text
        return
    fields = world.take(content, **how)
    said = fields["authentication-results"][0]
    want = f"dmarc={result} header.from={author}"
    assert want + (f" policy.dmarc={policy}" if policy else "") in said
    assert fields["x-culver-quarantine"] == \
        (["dmarc"] if (result, policy) == ("fail", "quarantine") else [])


def test_reject_is_marked(marking):
    fields = marking.take(message(sender="a@reject.example"))
    assert fields["x-culver-quarantine"] == ["dmarc"]
    assert "dmarc=fail header.from=reject.example policy.dmarc=reject" in \
        fields["authentication-results"][0]


def test_log_has_one_line(world):
    said = len(world.culver.log())
    content, how = letter_of(world.key, "DKIM")
    assert world.send(content, **how).code == 250
    line, = wait_for(lambda: re.findall(
        r".* checked .*\n", world.culver.log()[said:]), 10, "a line")
    for fact in ("spf=pass", "dmarc=pass", "author=reject.example",
                 "dkim=pass"):
        assert fact in line


def test_messages_are_counted(dovecot, dns, key):
    """What reports would say, where the record asks for them."""
    with World(dovecot, dns, key, dmarc="mark") as world:
        for case in ("counted", "counted", "counted, forged", "DKIM"):
            content, how = letter_of(key, case)
            assert world.send(content, **how).code == 250
        world.culver.stop()
        with sqlite3.connect(f"{world.culver.state}/queue.db") as db:
            rows = db.execute("SELECT domain, fact, messages FROM dmarc_count"
                              " ORDER BY messages").fetchall()
    (_, forged, once), (domain, good, twice) = rows
    assert domain == "count.example" and (once, twice) == (1, 2)
    assert good == (
        "source=127.0.0.2 policy=quarantine,quarantine,quarantine,r,r,n "
        "disposition=none dkim=pass spf=fail from=count.example "
        "envelope=plain.example auth_spf=plain.example/mfrom/pass "
        "auth_dkim=count.example/sel/pass")
    assert "disposition=quarantine dkim=fail spf=fail" in forged


@pytest.mark.parametrize("name, head, words", [
    ("two fields", "From: <a@plain.example>\r\n", "more than one From field"),
    ("two authors", "", "reject.example"),
    ("unreadable", "", "cannot be read"),
])
def test_who_hides_behind_another(world, name, head, words):
    content = message(sender="a@plain.example", extra=head)
    if name == "two authors":
        content = content.replace(b"From: <a@plain.example>",
                                  b"From: a@plain.example, b@reject.example")
    elif name == "unreadable":
        content = content.replace(b"From: <a@plain.example>",
                                  b"From: <b@reject.example> <a@plain.example>")
    reply = world.send(content)
    assert (reply.code, reply.status) == (550, "5.7.1")
    assert words in reply.text


# --- Authentication-Results --------------------------------------------------------------

FORGED = [
    "Authentication-Results: mx.test; dmarc=pass",
    "authentication-results:mx.test;dmarc=pass",
    "AUTHENTICATION-RESULTS : MX.TEST; dmarc=pass",
    "Authentication-Results: mx.test 1; dmarc=pass",
    "Authentication-Results: mx.test.; dmarc=pass",
    "Authentication-Results: \"mx.test\"; dmarc=pass",
    "Authentication-Results: \"mx\\.test\" 1; dmarc=pass",
    "Authentication-Results:\r\n\tmx.test\r\n 1\r\n ; dmarc=pass",
    "Authentication-Results: (a (b) \\)) mx.test (c); dmarc=pass",
    "Authentication-Results: mx(x).test; dmarc=pass",
    "Authentication-Results: mx.test/1; dmarc=pass",
    "Authentication-Results: (mx.test; dmarc=pass",
]


def test_forged_results_are_removed(world):
    others = "Authentication-Results: mx.test.example; spf=pass\r\n" \
        "ARC-Authentication-Results: i=1; mx.test; spf=pass\r\n"
    content = message(extra="\r\n".join(FORGED) + "\r\n" + others)
    fields = world.take(content)
    ours, theirs = fields["authentication-results"]
    assert ours.startswith("mx.test; spf=pass smtp.mailfrom=")
    assert theirs == "mx.test.example; spf=pass"
    assert fields["arc-authentication-results"] == ["i=1; mx.test; spf=pass"]
    assert b"dmarc=pass" not in world.filtered.content


def test_signatures_over_what_is_removed_are_checked_before(world):
    """A signature may cover a field that goes."""
    content = message(sender="a@reject.example", extra=FORGED[0] + "\r\n")
    content = world.key.sign(content, "reject.example")
    said = world.results(content)
    assert said["dmarc"].startswith("pass")


def test_the_rest_stays_as_it_was(world):
    content = message(body="x\r\n" * 40000, extra=FORGED[0] + "\r\n")
    assert world.send(content).code == 250
    head, body = world.filtered.content.split(b"\r\n\r\n", 1)
    assert body == b"x\r\n" * 40000
    wanted = content.split(b"\r\n\r\n", 1)[0].replace(
        b"\r\n" + FORGED[0].encode(), b"")
    assert head.endswith(wanted)


def test_a_login_is_authenticated(world):
    content = message(sender="alice@example.com", extra=FORGED[3] + "\r\n")
    world.filtered.forget()
    with world.culver.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt("alice@example.com")
        client.data(content)
    fields = split_message(world.filtered.content)[0]
    said = [f.value for f in fields if f.name == b"Authentication-Results"]
    assert said == [b" mx.test;\r\n    auth=pass"]


# --- others on the same messages -----------------------------------------------------------

# Why another may differ: RFC 7489 is all they know, and not always that.
WHY = {
    "opendmarc": {
        "neighbours in a suffix": "psd is of RFC 9989",
        "strict, a subdomain": "it takes a subdomain for the same",
        "DNS fails": "its DNS does not",
    },
    "python3-authheaders": {
        "a list": "it looks at the first signature only",
        "neighbours in a suffix": "psd is of RFC 9989",
        "a broken record": "it takes any word for a policy",
        "DNS fails": "its DNS does not",
    },
}


def agreement(name, ours, theirs):
    """Prints the table, and fails at a difference without reason, or a reason
    without difference."""
    differing = [case for case in ours if ours[case] != theirs[case]]
    print(f"DMARC: {len(ours) - len(differing)} of {len(ours)} cases agree "
          f"with {name}")
    for case in ours:
        same = "" if case not in differing else \
            f"  {WHY[name].get(case, 'WHY?')}"
        print(f"  {case:28} {ours[case]:10} {theirs[case]:10}{same}")
    assert set(differing) == set(WHY[name])


@pytest.mark.skipif(not is_installed("opendmarc"), reason="needs opendmarc")
def test_opendmarc_agrees_and_doubles_nothing(dovecot, dns, key):
    """It reads SPF and DKIM in our field, and adds one of its own."""
    settings = "TrustedAuthservIDs mx.test\nRejectFailures false\n" \
        "HoldQuarantinedMessages false\n"
    ours, theirs = {}, {}
    with OpenDmarc(records=POLICIES, settings=settings,
                   authserv_id="dmarc.mx.test") as peer, \
            World(dovecot, dns, key, {"opendmarc": {"socket": peer.where}},
                  dmarc="mark") as world:
        for case in CASES:
            content, how = letter_of(key, case)
            said = {value.split(";")[0]: re.search(r"dmarc=(\w+)", value)[1]
                    for value in world.take(
                        content, **how)["authentication-results"]}
            ours[case], theirs[case] = said.pop("mx.test"), \
                said.pop("dmarc.mx.test")
            assert not said
    agreement("opendmarc", ours, theirs)


def test_authheaders_agrees(marking, key):
    if not importlib.util.find_spec("authheaders"):
        pytest.skip("needs python3-authheaders")
    asked, ours = [], {}
    for case in CASES:
        content, how = letter_of(key, case)
        said = marking.results(content, **how)
        ours[case] = said["dmarc"].split(" ")[0]
        asked.append({"content": content.decode("latin-1"),
                      "spf": said["spf"].split(" ")[0],
                      "domain": how["sender"].split("@")[1]})
    answer = subprocess.run(
        [sys.executable, "-P",
         pathlib.Path(__file__).with_name("ask_authheaders.py")],
        input=json.dumps({"records": records_of(key), "messages": asked}),
        check=True, stdout=subprocess.PIPE, text=True).stdout
    agreement("python3-authheaders", ours, dict(zip(CASES,
                                                    json.loads(answer))))
