"""Several filters, asked in order. Numbers are those of
milter-scenarios.md."""

import pytest

from filtered import Filtered
from milters import RawFilter, Turns
from milterwire import (ACCEPT, CONTINUE, DISCARD, NR_ALL, REJECT, TEMPFAIL,
                        add_header, add_rcpt, change_from, change_header,
                        delete_rcpt, insert_header, replace_body, say)
from smtp import stuff

CONTENT = (b"From: <a@client.test>\r\nSubject: old\r\n\r\nOld body.\r\n")
WHOLE = "OCHMRTLNBEQ"


@pytest.fixture(scope="module")
def both():
    with RawFilter() as first, RawFilter(tcp=True) as second:
        yield first, second


@pytest.fixture(scope="module")
def world(dovecot, both):
    first, second = both
    with Filtered(dovecot, {"first": {"socket": first.where},
                            "second": {"socket": second.where}}) as world:
        yield world


@pytest.fixture
def peers(both):
    for peer in both:
        peer.reset()
    yield both
    for peer in both:
        for session in peer.sessions:
            assert session.problem is None, session.problem


def test_second_sees_edits_of_first(world, peers):
    """21: header and body as the first left them, our own Received hidden,
    and the envelope as the client sent it."""
    first, second = peers
    first.reset({"E": [
        insert_header(0, "X-Top", "t"), insert_header(1, "X-Below", "u"),
        change_header(1, "Subject", "new"), add_header("X-End", "v"),
        replace_body(b"New body.\r\n"), change_from("<other@b.test>"),
        add_rcpt("<bob@example.com>"), delete_rcpt("<alice@example.com>"),
        CONTINUE]})
    second.reset({"E": [change_header(1, "Received", "mine"),
                        add_header("X-Second", "w"), CONTINUE]})
    assert world.send(CONTENT).code == 250
    session = second.wait_session()
    assert session.fields == [
        ("X-Top", "t"), ("X-Below", "u"), ("From", "<a@client.test>"),
        ("Subject", "new"), ("X-End", "v")]
    assert session.body == b"New body.\r\n"
    assert session.all("M")[0].strings[0] == "<sender@client.test>"
    assert [p.strings[0] for p in session.all("R")] == ["<alice@example.com>"]
    assert first.wait_session().fields == \
        [("From", "<a@client.test>"), ("Subject", "old")]
    assert world.recipients == ["bob@example.com"]
    assert world.sender.startswith("<other@b.test>")
    assert world.body == b"New body.\r\n"
    names = [f.name for f in world.fields]
    assert names[:3] == [b"X-Top", b"X-Below", b"Received"]
    assert b"mx.test" in world.fields[2].value
    assert world.values("Received")[-1] == b"mine"
    assert world.values("X-Second") == [b"w"]


@pytest.mark.parametrize("stage, first_saw, second_saw", [
    ("C", "OCQ", "OQ"), ("H", "OCHQ", "OCQ"), ("M", "OCHMQ", "OCHQ"),
    ("R", "OCHMRAQ", "OCHMAQ"), ("T", "OCHMRTQ", "OCHMRAQ"),
    ("L", "OCHMRTLQ", "OCHMRTAQ"), ("B", "OCHMRTLNBQ", "OCHMRTAQ"),
    ("E", "OCHMRTLNBEQ", "OCHMRTAQ")])
@pytest.mark.parametrize("verdict", [REJECT, TEMPFAIL, DISCARD,
                                     say("550 5.7.1 no")], ids=str)
def test_first_refuses(world, peers, stage, first_saw, second_saw, verdict):
    """22: the second hears no more of it, and of an end if it was told of
    the beginning."""
    if verdict == DISCARD and stage in "CH":
        return
    first, second = peers
    first.reset({stage: verdict})
    world.forget()
    with world.smtp() as client:
        client.line("EHLO a.test")
        client.reply()
        client.command("MAIL FROM:<a@client.test>")
        client.command("RCPT TO:<alice@example.com>")
        if client.command("DATA").code == 354:
            client.send(stuff(CONTENT))
            client.reply()
        client.command("RSET")
        client.quit()
    assert not world.lmtp.received
    saw = first.wait_session().short_letters, \
        second.wait_session().short_letters if second.sessions else "OQ"
    assert saw[0].replace("A", "") == first_saw.replace("A", ""), saw
    letters = saw[1].replace("A", "")
    assert second_saw.replace("A", "").startswith(letters), saw
    if "M" in saw[1]:
        assert saw[1].endswith("AQ"), saw
    elif "M" in second_saw and verdict != DISCARD:
        assert "M" in saw[1], saw


@pytest.mark.parametrize("stage", "MRTLBE")
@pytest.mark.parametrize("verdict", [REJECT, DISCARD], ids=str)
def test_second_refuses(world, peers, stage, verdict):
    """22: so does the first, which was content."""
    first, second = peers
    second.reset({stage: Turns([verdict, CONTINUE])})
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.command("MAIL FROM:<a@client.test>")
        client.command("RCPT TO:<alice@example.com>")
        if client.command("DATA").code == 354:
            client.send(stuff(CONTENT))
            client.reply()
        assert not world.lmtp.received
        client.command("RSET", 250)
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    assert len(world.lmtp.received) == 1
    assert first.wait_session().short_letters.endswith("MRTLNBEQ")
    assert second.wait_session().short_letters.endswith("MRTLNBEQ")


def test_edits_of_first_go_when_second_refuses(world, peers):
    """20: and when it dies."""
    first, second = peers
    first.reset({"E": [add_rcpt("<bob@example.com>"), ACCEPT]})
    second.reset({"E": REJECT})
    assert world.send(CONTENT).code == 550
    assert not world.lmtp.received


def test_accept_is_of_one_filter(world, peers):
    """7: the others go on."""
    first, second = peers
    first.reset({"M": ACCEPT}, steps=0)
    second.reset({"E": [add_header("X-Second", "w"), CONTINUE]},
                 steps=NR_ALL)
    assert world.send(CONTENT).code == 250
    assert world.values("X-Second") == [b"w"]
    assert first.wait_session().short_letters == "OCHMQ"
    assert second.wait_session().short_letters == WHOLE


def test_filters_by_listener_and_login(dovecot, peers):
    """Which mail a filter sees: listeners, only_authenticated,
    only_unauthenticated."""
    first, second = peers
    with RawFilter() as third, Filtered(dovecot, {
            "inbound": {"socket": first.where, "listeners": ["smtp"]},
            "logins": {"socket": second.where, "only_authenticated": "yes"},
            "strangers": {"socket": third.where,
                          "only_unauthenticated": "yes"}}) as world:
        for peer in (first, second, third):
            peer.reset()
        assert world.send(CONTENT).code == 250
        with world.culver.submission("alice@example.com") as client:
            client.mail("alice@example.com")
            client.rcpt("bob@example.com")
            assert client.data(CONTENT).code == 250
            client.quit()

        def messages(peer):
            return [s.all("M")[0].strings[0] for s in peer.sessions
                    if "E" in s.letters]
        assert messages(first) == ["<sender@client.test>"]
        assert messages(second) == ["<alice@example.com>"]
        assert messages(third) == ["<sender@client.test>"]


def test_configured_macros(dovecot, peers):
    """6: a value replaces who we are, but no value that a message has; by
    listener, with two blocks for one filter."""
    first, _ = peers
    macros = ["{daemon_name}=ORIGINATING", "{auth_authen}=nobody", "r",
              "{extra}=text with blanks"]
    with Filtered(dovecot, {
            "in": {"socket": first.where, "listeners": ["smtp"]},
            "out": {"socket": first.where, "listeners": ["submission"],
                    "macros": macros}}) as world:
        first.reset()
        assert world.send(CONTENT).code == 250
        said = first.wait_session().all("M")[0].macros
        assert "{extra}" not in said and "{auth_authen}" not in said
        first.reset()
        with world.culver.submission("alice@example.com") as client:
            client.mail("alice@example.com")
            client.quit()
        session = first.wait_session()
        assert session.all("C")[0].macros["{daemon_name}"] == "ORIGINATING"
        said = session.all("M")[0].macros
        assert said["{auth_authen}"] == "alice@example.com"
        assert said["{extra}"] == "text with blanks"
        assert said["r"] == "ESMTP"


def change_filters(world, milters, peer):
    """Returns when sessions of the one worker have them."""
    world.culver.set_milters(milters)
    world.culver.reload()

    def is_new():
        with world.smtp() as client: # refused while it changes
            client.ehlo()
            client.command("MAIL FROM:<a@client.test>", 250, 451, 550)
        return any("M" in s.letters for s in peer.sessions)
    peer.wait(is_new, what="mail at the new filter")


def test_reload(dovecot, peers):
    """34: a message stays with its filters; the session's next goes to the
    new, which are told of the client again."""
    first, second = peers
    with Filtered(dovecot, {"a": {"socket": first.where}},
                  workers="1") as world:
        first.reset()
        old = world.smtp()
        old.ehlo()
        old.mail()
        old.rcpt("alice@example.com")
        change_filters(world, {"b": {"socket": second.where}}, second)
        assert old.data(CONTENT).code == 250
        first.wait(lambda: first.sessions[0].short_letters.startswith(
            WHOLE.rstrip("Q")))
        second.reset()
        old.mail()
        first.wait(lambda: first.open_count == 0)
        old.rcpt("alice@example.com")
        assert old.data(CONTENT).code == 250
        old.quit()
        second.wait(lambda: any(s.short_letters == WHOLE and s.is_over
                                for s in second.sessions))
        second.wait(lambda: second.open_count == 0)


def test_reload_does_not_pardon(dovecot, peers):
    """34: who was refused at HELO stays so, others meet the new filter."""
    first, second = peers
    with Filtered(dovecot, {"a": {"socket": first.where}},
                  workers="1") as world:
        first.reset()
        free = world.smtp()
        free.ehlo()
        first.wait_letters("OCH")
        first.reset({"H": REJECT})
        refused = world.smtp()
        refused.ehlo()
        change_filters(world, {"b": {"socket": second.where}}, second)
        refused.command("MAIL FROM:<a@client.test>", 550)
        second.reset({"C": TEMPFAIL})
        free.command("MAIL FROM:<a@client.test>", 451)
        free.command("MAIL FROM:<a@client.test>", 451)


def test_shutdown(dovecot, peers):
    """34: filters are told, and no socket stays."""
    first, _ = peers
    world = Filtered(dovecot, {"a": {"socket": first.where}})
    with world:
        first.reset()
        client = world.smtp()
        client.ehlo()
        first.wait_letters("OCH")
    first.wait(lambda: first.open_count == 0)
    client.close()
