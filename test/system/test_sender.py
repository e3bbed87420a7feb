"""What a login may send as: sender_check, smtp_senders."""

import pytest

from conftest import delivered
from culver import Culver
from dovecot import Dovecot
from smtp import message

ALIASES = """
info: alice, bob
sales: info
outside: someone@far.example
*: bob
"""


DEFAULTS = {"sender_check": "enforce", "login_message_limit": "1000",
            "login_recipient_limit": "500"}


@pytest.fixture(scope="module")
def dovecot():
    with Dovecot(start=False) as server:
        for user in ("alice@example.com", "bob@example.com"):
            server.add_user(user)
        # "al" is another name of alice
        server.add_user("al@example.com", extra="user=alice@example.com "
                        "userdb_user=alice@example.com")
        server.add_user(
            "app@example.com",
            extra="smtp_senders=bob@example.com,@Other.example,News@b\u00fccher.example")
        server.add_user("any@example.com", extra="smtp_senders=*")
        server.start()
        yield server


@pytest.fixture(scope="module")
def culver(dovecot):
    with Culver(dovecot, aliases={"example.com": ALIASES},
                **DEFAULTS) as server:
        yield server


def mail(culver, login, sender):
    with culver.submission(login) as client:
        return client.command(f"MAIL FROM:<{sender}> SMTPUTF8")


@pytest.mark.parametrize("login,sender", [
    ("alice@example.com", "alice@example.com"),
    ("alice@example.com", "ALICE@Example.COM"),
    ("alice@example.com", "alice+news@example.com"),
    ("alice@example.com", "info@example.com"),
    ("alice@example.com", "sales+x@example.com"),
    ("alice@example.com", "al@example.com"),
    ("al@example.com", "alice@example.com"),
    ("alice@example.com", ""),
    ("bob@example.com", "no-such-user@example.com"),  # the catch-all's
    ("app@example.com", "bob@example.com"),
    ("app@example.com", "app@example.com"),
    ("app@example.com", "x@other.example"),
    ("app@example.com", "news@xn--bcher-kva.example"),
    ("any@example.com", "whoever@far.example"),
])
def test_own_address(culver, login, sender):
    reply = mail(culver, login, sender)
    assert reply.code == 250, str(reply)


@pytest.mark.parametrize("login,sender", [
    ("alice@example.com", "bob@example.com"),
    ("alice@example.com", "no-such-user@example.com"),
    ("alice@example.com", "outside@example.com"),
    ("alice@example.com", "someone@far.example"),
    ("alice@example.com", "alice@far.example"),
    ("app@example.com", "x@sub.other.example"),
    ("app@example.com", "alice@example.com"),
])
def test_anothers_address(culver, login, sender):
    reply = mail(culver, login, sender)
    assert (reply.code, reply.status) == (553, "5.7.1"), str(reply)


def test_the_session_goes_on(culver, dovecot, tag):
    with culver.submission("alice@example.com") as client:
        assert client.command("MAIL FROM:<bob@example.com>").code == 553
        assert client.command("RCPT TO:<bob@example.com>").code == 503
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        reply = client.data(message(tag, sender="alice@example.com"))
        assert reply.code == 250, str(reply)
    assert delivered(dovecot, "bob@example.com", tag)


def test_the_log_says_what_would_be_allowed(culver):
    mail(culver, "app@example.com", "alice@example.com")
    culver.wait_log(r"sender refused.*login=app@example\.com.*"
                    r"sender=alice@example\.com.*"
                    r"smtp_senders=.*bob@example\.com")


def test_strangers_are_not_asked(culver):
    with culver.smtp() as client:
        client.ehlo()
        client.mail("bob@far.example")


@pytest.mark.parametrize("way", ["log", "off"])
def test_other_ways(dovecot, way):
    with Culver(dovecot, sender_check=way) as culver:
        assert mail(culver, "alice@example.com", "bob@example.com").code == 250
        said = "sender is not the login's" in culver.log()
        assert said == (way == "log")


def test_dovecot_away(own_dovecot):
    with Culver(own_dovecot, **DEFAULTS) as culver:
        with culver.submission("alice@example.com") as client:
            own_dovecot.stop()
            reply = client.command("MAIL FROM:<bob@example.com>")
            assert reply.code == 451, str(reply)
            assert client.command(
                "MAIL FROM:<alice@example.com>").code == 250


# --- the From field ------------------------------------------------------------


def send(culver, login, content, *recipients, sender=None):
    with culver.submission(login) as client:
        client.mail(sender or login)
        client.rcpt(*(recipients or ("bob@example.com",)))
        return client.data(content)


def letter(*fields):
    return "".join(f"{line}\r\n" for line in (*fields, "Subject: x", "",
                                              "Hello.")).encode()


@pytest.mark.parametrize("field", [
    "From: alice@example.com",
    "From: Alice <ALICE@example.com>",
    "From: The team <info@example.com>",
    'From: "bob@example.com" <alice@example.com>',
    "From: alice@example.com, info@example.com",
    "FROM : (bob@example.com) alice@example.com",
    "From:\r\n =?utf-8?q?Al=C3=ADce?=\r\n <alice@example.com>",
    "X-From: bob@example.com",
])
def test_own_from(culver, field):
    reply = send(culver, "alice@example.com", letter(field))
    assert reply.code == 250, str(reply)


@pytest.mark.parametrize("field,code", [
    ("From: bob@example.com", 553),
    ("From: boss@far.example", 553),
    ("From: alice@example.com, bob@example.com", 553),
    ("From: Alice <alice@example.com>\r\nFrom: bob@example.com", 550),
    ("from:\r\n bob@example.com", 553),
    ("From: <alice@example.com> <bob@example.com>", 550),
])
def test_anothers_from(culver, field, code):
    reply = send(culver, "alice@example.com", letter(field))
    assert (reply.code, reply.status) == (code, "5.7.1"), str(reply)


def test_from_in_chunks_and_in_a_big_message(culver):
    big = letter("From: bob@example.com") + b"x" * 70 + b"\r\n"
    big += (b"y" * 76 + b"\r\n") * 20000
    with culver.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        assert client.bdat(big[:20], last=False).code == 250
        reply = client.bdat(big[20:])
        assert reply.code == 553, str(reply)


# --- the share of a day -----------------------------------------------------------


@pytest.fixture(scope="module")
def limited(dovecot):
    dovecot.add_user("few@example.com", extra="smtp_limit=2")
    dovecot.add_user("shy@example.com", extra="smtp_recipient_limit=2")
    dovecot.add_user("free@example.com",
                     extra="smtp_limit=0 smtp_recipient_limit=0")
    dovecot.add_user("odd@example.com", extra="smtp_limit=many")
    dovecot.add_user("postmaster@example.com")
    with Culver(dovecot, aliases={"example.com": ALIASES},
                **{**DEFAULTS, "login_message_limit": "5"}) as server:
        yield server


def ask_usage(culver, login):
    import json
    lines = culver.ctl("user", "show", login, "--json").stdout.splitlines()
    return [json.loads(line) for line in lines][0].get("usage")


def test_messages_a_day(limited, dovecot, tag):
    content = message(tag, sender="few@example.com")
    for _ in range(2):
        assert send(limited, "few@example.com", content).code == 250
    reply = send(limited, "few@example.com", content)
    assert (reply.code, reply.status) == (452, "4.7.1"), str(reply)
    assert "too many messages today; try again after 20" in reply.text
    usage = ask_usage(limited, "few@example.com")
    assert usage["messages"] == usage["message_limit"] == 2
    assert usage["blocked"] is True
    # another one goes on
    assert send(limited, "shy@example.com", message(
        tag, sender="shy@example.com")).code == 250


def test_the_postmaster_is_told_once(limited, dovecot, tag):
    for _ in range(3):
        send(limited, "few@example.com",
             message(tag, sender="few@example.com"))
    for _ in range(3):
        assert send(limited, "few@example.com", message(
            tag, sender="few@example.com")).code == 452
    told = delivered(dovecot, "postmaster@example.com", "few@example.com")
    assert len(told) == 1
    assert b"Auto-Submitted: auto-generated" in told[0]
    assert b"culver user unblock few@example.com" in \
        b" ".join(told[0].split())


def test_unblock(limited, tag):
    content = message(tag, sender="few@example.com")
    for _ in range(3):
        last = send(limited, "few@example.com", content)
    assert last.code == 452
    done = limited.ctl("user", "unblock", "few@example.com")
    assert "anew" in done.stdout
    assert send(limited, "few@example.com", content).code == 250
    assert ask_usage(limited, "few@example.com")["messages"] == 1


def test_new_recipients_a_day(limited, tag):
    content = message(tag, sender="shy@example.com")
    limited.ctl("user", "unblock", "shy@example.com")

    def to(*recipients):
        return send(limited, "shy@example.com", content, *recipients)
    assert to("alice@example.com").code == 250
    assert to("alice+b@example.com", "Alice@EXAMPLE.com").code == 250
    assert to("alice@example.com").code == 250  # known by now
    reply = to("postmaster@example.com")
    assert reply.code == 452 and "new recipients" in reply.text, str(reply)
    assert to("alice@example.com").code == 250  # still


def test_counts_survive_a_restart(limited, tag):
    content = message(tag, sender="few@example.com")
    limited.ctl("user", "unblock", "few@example.com")
    assert send(limited, "few@example.com", content).code == 250
    assert send(limited, "few@example.com", content).code == 250
    limited.stop()
    limited.start()
    assert send(limited, "few@example.com", content).code == 452


def test_other_limits(limited, tag):
    for login, count in (("free@example.com", 8), ("odd@example.com", 5)):
        content = message(tag, sender=login)
        for _ in range(count):
            assert send(limited, login, content).code == 250
    assert send(limited, "odd@example.com", content).code == 452
    limited.wait_log("extra field is no number.*field=smtp_limit")


def test_queue_away(limited, tag):
    import os
    import signal
    queue, = limited.wait_roles()["queue"]
    os.kill(queue, signal.SIGSTOP)
    try:
        with limited.submission("free@example.com") as client:
            client.mail("free@example.com")
            client.rcpt("alice@example.com")
            reply = client.data(message(tag, sender="free@example.com"))
            assert reply.code == 250, "no limit, nobody is asked"
    finally:
        os.kill(queue, signal.SIGCONT)
