"""Filters that people use, as Debian packages them. Numbers are those of
milter-scenarios.md."""

import time

import pytest

from dns import Dns
from filtered import Filtered
from realfilters import (EICAR, GTUBE, ClamavMilter, OpenDkim, OpenDmarc,
                         Rspamd, SpamassMilter, is_installed)
from smtp import message

dkim = pytest.importorskip("dkim")


def needs(*programs):
    return pytest.mark.skipif(not is_installed(*programs),
                              reason=f"no {' '.join(programs)} here")


def submit(world, content, sender="alice@example.com",
           recipient="bob@example.com"):
    """By a login; returns the reply."""
    world.forget()
    with world.culver.submission("alice@example.com") as client:
        client.mail(sender)
        client.rcpt(recipient)
        return client.data(content)


def is_signed(content, key):
    """Whether another library finds a good signature by the key."""
    def look_up(name, timeout=5):
        del timeout
        assert name.decode() == key.name + "."
        return key.record.encode()
    return dkim.verify(content, dnsfunc=look_up)


# --- opendkim --------------------------------------------------------------------------

LETTERS = {
    "plain": message(sender="alice@example.com", subject="signed"),
    "empty body": message(sender="alice@example.com", body=""),
    "no line end": message(sender="alice@example.com", body="no end"),
    "blank lines at the end": message(sender="alice@example.com",
                                      body="a\r\n \r\n\r\n\r\n"),
    "dots and blanks": message(sender="alice@example.com",
                               body=".\r\n..\r\na  b \t c\r\n"),
    "folded subject": message(sender="alice@example.com",
                              subject="one\r\n\ttwo\r\n  three"),
    "fold first": message(sender="alice@example.com",
                          extra="X-Fold:\r\n\tfirst\r\nX-Tight:v\r\n"),
    "long": message(sender="alice@example.com", body="x" * 76 + "\r\n")
    + b"line\r\n" * 50000,
}


@needs("opendkim")
@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed",
                                              "simple/simple"])
def test_opendkim_signs_and_another_verifies(dovecot, canonicalization):
    """37: what one instance signs on submission, a second behind another
    Culver passes after delivery, and a library of another make as well."""
    with OpenDkim("s", canonicalization=canonicalization) as signer, \
            OpenDkim("v", domain="other.test",
                     keys=[signer.key]) as verifier, \
            Filtered(dovecot, {"sign": {
                "socket": signer.where, "only_authenticated": "yes"}}) \
            as sending, \
            Filtered(dovecot, {"verify": {"socket": verifier.where}}) \
            as receiving:
        for name, letter in LETTERS.items():
            assert submit(sending, letter).code == 250
            signed = sending.content
            assert is_signed(signed, signer.key), name
            assert receiving.send(signed).code == 250
            results = receiving.values("Authentication-Results")
            assert len(results) == 2 and b"dkim=pass" in results[0] and \
                b"auth=pass" in results[1], (name, results)
            assert receiving.fields[0].name == b"Authentication-Results"
            tampered = signed.replace(b"Subject:", b"Subject: not")
            assert receiving.send(tampered).code == 250
            assert b"dkim=fail" in \
                receiving.values("Authentication-Results")[0]
            assert signed.endswith(letter.partition(b"\r\n\r\n")[2]) or \
                name == "no line end"


@needs("opendkim")
def test_opendkim_does_not_sign_for_strangers(dovecot):
    """37: mail from outside, though it claims our domain."""
    with OpenDkim("sv", settings="InternalHosts 192.0.2.99\n") as signer, \
            Filtered(dovecot, {"dkim": {"socket": signer.where}}) as world:
        letter = message(sender="alice@example.com")
        assert world.send(letter).code == 250
        assert not world.values("DKIM-Signature")
        assert submit(world, letter).code == 250
        assert len(world.values("DKIM-Signature")) == 1


@needs("opendkim")
def test_opendkim_removes_forged_results(dovecot):
    """38: three that claim to be ours."""
    forged = "".join(f"Authentication-Results: mx.test;\r\n\tdkim=pass "
                     f"header.d=evil{i}.test\r\n" for i in range(3))
    with OpenDkim("v", settings="RemoveARAll no\nRemoveARFrom mx.test\n"
                                "AlwaysAddARHeader yes\n") as verifier, \
            Filtered(dovecot, {"dkim": {"socket": verifier.where}}) as world:
        assert world.send(message(extra=forged)).code == 250
        assert not any(b"evil" in v for v in
                       world.values("Authentication-Results"))


# --- opendmarc --------------------------------------------------------------------------

@needs("opendkim", "opendmarc")
def test_opendmarc_after_opendkim(dovecot):
    """39: it believes opendkim's field, adds its own above, rejects and
    holds by policy."""
    with OpenDkim("s") as signer, \
            OpenDkim("v", domain="other.test", keys=[signer.key]) as verifier, \
            OpenDmarc({"example.com": "reject",
                       "held.test": "quarantine"}) as dmarc, \
            Filtered(dovecot, {"sign": {"socket": signer.where}}) as sending, \
            Filtered(dovecot, {
                "opendkim": {"socket": verifier.where},
                "opendmarc": {"socket": dmarc.where}}) as world:
        letter = message(sender="alice@example.com")
        assert submit(sending, letter).code == 250
        assert world.send(sending.content).code == 250
        first, second, ours = world.values("Authentication-Results")
        assert b"auth=pass" in ours
        assert b"dmarc=pass" in first and b"dkim=pass" in second
        assert [f.name for f in world.fields[:3]] == \
            [b"Authentication-Results"] * 2 + [b"Received"]
        reply = world.send(letter)
        assert reply.code == 550 and "DMARC" in reply.text
        assert world.send(message(sender="a@held.test")).code == 250
        assert not world.lmtp.received
        assert "quarantined by DMARC policy for held.test" in \
            world.culver.ctl("queue").stdout
        assert world.send(message(sender="a@nothing.test")).code == 250
        assert b"dmarc=none" in world.values("Authentication-Results")[0]


# --- clamav -------------------------------------------------------------------------------

VIRUS = message(body=EICAR.decode() + "\r\n")


@needs("clamav-milter", "clamd")
def test_clamav(dovecot):
    """40: a virus is refused, old fields of the kind are replaced, and while
    clamd is away mail waits."""
    old = "X-Virus-Scanned: long ago\r\nX-Virus-Status: Clean, believe me\r\n"
    with ClamavMilter() as clamav, \
            Filtered(dovecot, {"clamav": {"socket": clamav.where}}) as world:
        for content in (VIRUS, VIRUS):
            reply = world.send(content)
            assert reply.code == 550 and \
                reply.text == "5.7.1 Infected with Test.Eicar.UNOFFICIAL"
        assert world.send(message(extra=old * 2)).code == 250
        assert world.values("X-Virus-Status") == [b"Clean"]
        scanned, = world.values("X-Virus-Scanned")
        assert scanned.startswith(b"clamav-milter")
        clamav.clamd.stop()
        assert world.send(message()).code == 451
        assert not world.lmtp.received


# --- spamassassin -------------------------------------------------------------------------

@needs("spamass-milter", "spamd", "spamc")
def test_spamass_milter(dovecot):
    """Its fields, and a refusal from its score on."""
    with SpamassMilter() as spamass, \
            Filtered(dovecot, {"spam": {"socket": spamass.where}}) as world:
        assert world.send(message(extra="X-Spam-Status: No, of course\r\n")) \
            .code == 250
        status, = world.values("X-Spam-Status")
        assert status.startswith(b"No, score=")
        reply = world.send(message(body=GTUBE["reject"] + "\r\n"))
        assert reply.code == 550 and "SpamAssassin" in reply.text


# --- rspamd: started once ------------------------------------------------------------------

RSPAMD_MARKS = [needs("rspamd", "redis-server"),
                pytest.mark.xdist_group("rspamd"),
                pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def rspamd():
    with Rspamd() as peer:
        yield peer


@pytest.fixture(scope="module")
def world(dovecot, rspamd):
    with Filtered(dovecot, {"rspamd": {"socket": rspamd.where}}) as world:
        yield world


def rspamd_test(function):
    for mark in RSPAMD_MARKS:
        function = mark(function)
    return function


@rspamd_test
def test_rspamd_passes_and_adds(world):
    """41: clean mail with its fields; Authentication-Results lands below our
    Received, which it does not see."""
    assert world.send(message()).code == 250
    assert world.values("X-Rspamd-Server") and world.values("X-Spamd-Bar")
    assert [f.name for f in world.fields[:2]] == \
        [b"Received", b"Authentication-Results"]
    assert world.values("Authentication-Results")[0].startswith(b"mx.test;")
    assert world.body == b"A letter.\r\n"


@rspamd_test
def test_rspamd_has_an_id_of_its_own(dovecot, rspamd):
    """Each of the two fields says whose it is; doc/authentication.md."""
    block = {"socket": rspamd.where, "macros": "{daemon_name}=rspamd.mx.test"}
    with Dns({}) as dns, \
            Filtered(dovecot, {"rspamd": block},
                     trusted_networks="192.0.2.1", **dns.settings()) as world:
        forged = "Authentication-Results: mx.test; dmarc=pass\r\n"
        assert world.send(message(extra=forged)).code == 250
        said = world.values("Authentication-Results")
        assert sorted(value.split(b";")[0] for value in said) == \
            [b"mx.test", b"rspamd.mx.test"]
        assert b"dmarc=pass" not in b"".join(said)


@rspamd_test
def test_rspamd_rejects(world):
    """41."""
    reply = world.send(message(body=GTUBE["reject"] + "\r\n"))
    assert str(reply) == "554 5.7.1 Gtube pattern"
    assert not world.lmtp.received


@rspamd_test
def test_rspamd_marks(world):
    """41: add header, rewrite subject."""
    assert world.send(message(body=GTUBE["add header"] + "\r\n")).code == 250
    assert world.values("X-Spam") == [b"Yes"]
    assert world.send(message(subject="old", body=GTUBE["rewrite subject"]
                              + "\r\n")).code == 250
    assert world.values("Subject") == [b"*** SPAM *** old"]


@rspamd_test
def test_rspamd_defers(world):
    """Greylisting with redis, and a soft reject of a rule: 4xx."""
    letter = message(subject="please greylist", body=str(time.time()))
    reply = world.send(letter)
    assert str(reply) == "451 4.7.1 Try again later"
    assert not world.lmtp.received
    time.sleep(1.5)
    assert world.send(letter).code == 250
    reply = world.send(message(subject="please later"))
    assert str(reply) == "451 4.7.1 Come back"


@rspamd_test
def test_rspamd_holds(world):
    """41: quarantine."""
    before = world.culver.queue_size()
    assert world.send(message(subject="please hold")).code == 250
    assert not world.lmtp.received
    assert world.culver.queue_size() == before + 1
    assert "Spam message quarantined" in world.culver.ctl("queue").stdout


@rspamd_test
def test_rspamd_signs_for_a_login(world, rspamd):
    """DKIM for the login's domain; and no other."""
    assert submit(world, message(sender="alice@example.com")).code == 250
    assert is_signed(world.content, rspamd.key)
    assert submit(world, message(sender="alice@elsewhere.test")).code == 250
    assert not world.values("DKIM-Signature")
    assert world.send(message(sender="alice@example.com")).code == 250
    assert not world.values("DKIM-Signature")


@rspamd_test
def test_rspamd_many_messages_of_one_connection(world):
    """41: with aborts between; each edited once, by its own result."""
    with world.smtp() as client:
        client.ehlo()
        for number in range(6):
            world.forget()
            client.mail(f"s{number}@client.test")
            client.rcpt("alice@example.com")
            if number % 2:
                client.command("RSET", 250)
                client.mail(f"s{number}@client.test")
                client.rcpt("bob@example.com")
            kind = ("no", "reject", "add header")[number % 3]
            body = GTUBE.get(kind, "plain") + "\r\n"
            reply = client.data(message(body=body))
            assert reply.code == (554 if kind == "reject" else 250), number
            if kind == "no":
                assert len(world.values("X-Rspamd-Server")) == 1
                assert not world.values("X-Spam")
            elif kind == "add header":
                assert world.values("X-Spam") == [b"Yes"]
        client.quit()


# --- a chain of three ------------------------------------------------------------------------

@rspamd_test
@needs("opendkim", "clamav-milter", "clamd")
def test_chain_of_three(dovecot, rspamd):
    """42: opendkim, rspamd, clamav; three messages of one connection, and a
    virus between them."""
    with OpenDkim("s") as signer, \
            OpenDkim("v", domain="other.test", keys=[signer.key]) as verifier, \
            ClamavMilter() as clamav, \
            Filtered(dovecot, {"sign": {"socket": signer.where}}) as sending, \
            Filtered(dovecot, {
                "opendkim": {"socket": verifier.where},
                "rspamd": {"socket": rspamd.where},
                "clamav": {"socket": clamav.where}}) as world:
        assert submit(sending, message(sender="alice@example.com")).code == 250
        signed = sending.content
        orders = set()
        with world.smtp() as client:
            client.ehlo()
            for content in (signed, VIRUS, signed, signed):
                world.forget()
                client.mail()
                client.rcpt("alice@example.com")
                reply = client.data(content)
                assert reply.code == (550 if content == VIRUS else 250), reply
                if reply.code != 250:
                    continue
                results = world.values("Authentication-Results")
                assert len(results) == 3
                assert b"dkim=pass" in results[0]
                assert b"auth=pass" in results[2]
                assert world.values("X-Rspamd-Server")
                assert world.values("X-Virus-Status") == [b"Clean"]
                assert is_signed(world.content, signer.key)
                orders.add(tuple(
                    f.name for f in world.fields
                    if not f.name.startswith((b"X-Spam", b"X-Rspamd"))))
            client.quit()
        assert len(orders) == 1, orders
