"""What filters are told, and when: a filter that keeps every octet. Numbers
are those of milter-scenarios.md."""

import re
import socket

import pytest

from filtered import Filtered
from milters import RawFilter, SILENT, Turns
from milterwire import (ACCEPT, BITS, CAN_SKIP, CONTINUE, DISCARD,
                        LEADING_SPACE, NO_DATA, RCPT_REJECTED, REJECT, SKIP,
                        TEMPFAIL, packet, say)
from smtp import message, stuff

CONTENT = (b"From: <a@client.test>\r\nTo: b@example.com,\r\n\tc@example.com\r\n"
           b"Subject:no blank\r\nX-Two:  blanks\r\nX-Tab:\tand tab\r\n"
           b"X-Empty:\r\n\r\nOne.\r\n..two\r\n\r\n")
SEEN = [("From", "<a@client.test>"),
        ("To", "b@example.com,\n\tc@example.com"), ("Subject", "no blank"),
        ("X-Two", " blanks"), ("X-Tab", "\tand tab"), ("X-Empty", "")]
WHOLE = "OCHMRTLNBEQ"


@pytest.fixture(scope="module")
def one():
    with RawFilter() as peer:
        yield peer


@pytest.fixture(scope="module")
def world(dovecot, one):
    with Filtered(dovecot, {"raw": {"socket": one.where}}) as world:
        yield world


@pytest.fixture
def peer(one):
    one.reset()
    yield one
    for session in one.sessions:
        assert session.problem is None, session.problem


# --- what is said ------------------------------------------------------------------

def test_all_stages(world, peer):
    """1: every command with its exact strings."""
    with world.smtp() as client:
        client.ehlo("me.client.test")
        client.command("MAIL FROM:<\"A b\"@Client.test> SIZE=300 "
                       "BODY=8BITMIME", 250)
        client.command("RCPT TO:<@x.test:Alice@EXAMPLE.com> NOTIFY=NEVER",
                       250, 501)
        client.rcpt("Alice@EXAMPLE.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    session = peer.wait_session()
    assert session.short_letters.replace("RR", "R") == WHOLE
    assert session.offer == (6, 0x1ff, 0x1fffff)
    connect, = session.all("C")
    host, rest = connect.data.split(b"\0", 1)
    assert host in (b"localhost", b"[127.0.0.1]")
    assert re.fullmatch(rb"4..127\.0\.0\.1\0", rest, re.DOTALL)
    assert session.all("H")[0].strings == ["me.client.test"]
    assert session.all("M")[0].strings == \
        ["<\"A b\"@Client.test>", "SIZE=300", "BODY=8BITMIME"]
    assert session.all("R")[-1].strings == ["<Alice@EXAMPLE.com>"]
    assert session.all("T")[0].data == session.all("N")[0].data == b""
    assert session.fields == SEEN
    assert session.body == b"One.\r\n..two\r\n\r\n"
    assert session.all("E")[0].data == b""
    assert world.sent_on == CONTENT


def test_leading_space(world, peer):
    """16: with LEADING_SPACE values are as they lie there; unedited mail is
    sent on octet by octet."""
    fold_first = b"X-Fold:\r\n first\r\n" + CONTENT
    peer.reset(steps=LEADING_SPACE)
    assert world.send(fold_first).code == 250
    assert peer.wait_letters(WHOLE[:-1]).fields == [
        ("X-Fold", "\n first"), ("From", " <a@client.test>"),
        ("To", " b@example.com,\n\tc@example.com"), ("Subject", "no blank"),
        ("X-Two", "  blanks"), ("X-Tab", "\tand tab"), ("X-Empty", "")]
    assert world.sent_on == fold_first
    peer.reset()
    assert world.send(fold_first).code == 250
    assert peer.wait_letters(WHOLE[:-1]).fields == \
        [("X-Fold", "\n first"), *SEEN]


@pytest.mark.parametrize("version, letters", [
    (2, "OCHMRLNBEQ"), (3, "OCHUMRLNBEQ"), (4, "OCHUMRTLNBEQ")])
def test_old_versions(world, peer, version, letters):
    """2: a filter of an older version gets no event of a newer one."""
    peer.reset(version=version, actions=0x3f)
    with world.smtp() as client:
        client.ehlo()
        client.command("WHAT", 500)
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    assert peer.wait_session().short_letters == letters


@pytest.mark.parametrize("left_out", [*"CHMRTLNB", "CHMRTLNB"])
def test_events_not_wanted(world, peer, left_out):
    """3: the event is missing, its macros are there."""
    peer.reset(steps=sum(BITS[letter][0] for letter in left_out))
    assert world.send(CONTENT).code == 250
    session = peer.wait_session()
    assert session.short_letters == \
        "".join(x for x in WHOLE if x not in left_out)
    for letter in set(left_out) & set("CMRT"):
        assert session.macros[letter], letter


@pytest.mark.parametrize("silent", [*"CHMRTLNB", "CHMRTLNB"])
def test_events_not_answered(world, peer, silent):
    """4: nothing waits for an answer, and the order stays; with a client that
    sends all at once."""
    peer.reset(steps=sum(BITS[letter][1] for letter in silent))
    world.forget()
    with world.smtp() as client:
        client.send(b"EHLO a.test\r\nMAIL FROM:<a@client.test>\r\n"
                    b"RCPT TO:<alice@example.com>\r\n"
                    b"RCPT TO:<bob@example.com>\r\nDATA\r\n")
        assert [client.reply().code for _ in range(5)] == \
            [250, 250, 250, 250, 354]
        client.send(stuff(CONTENT) + b"QUIT\r\n")
        assert [client.reply().code for _ in range(2)] == [250, 221]
    assert peer.wait_session().short_letters == WHOLE.replace("R", "RR")
    assert world.recipients == ["alice@example.com", "bob@example.com"]


# --- macros -------------------------------------------------------------------------

def test_macros(world, peer):
    """1, 6: the usual macros at each stage."""
    assert world.send(CONTENT).code == 250
    macros = peer.wait_session().macros
    assert macros["C"]["j"] == "mx.test"
    assert macros["C"]["{daemon_name}"] == "mx.test"
    assert macros["C"]["{client_addr}"] == "127.0.0.1"
    assert macros["C"]["{daemon_port}"] == str(world.culver.port)
    assert macros["C"]["v"].lower().startswith("culver")
    assert macros["M"]["{mail_addr}"] == "sender@client.test"
    assert macros["R"]["{rcpt_addr}"] == "alice@example.com"
    queue_id = macros["M"]["i"]
    assert queue_id and macros["E"]["i"] == macros["R"]["i"] == queue_id
    assert int(macros["E"]["{msg_size}"]) >= len(CONTENT)
    assert not any(value == "" for stage in macros.values()
                   for value in stage.values())
    assert all(len(name) == 1 or re.fullmatch(r"\{\w+\}", name)
               for stage in macros.values() for name in stage)


STAGES = "CHMRTEN" # by the number of a symbol list


def test_symbol_lists(world, peer):
    """6: a list replaces the default; one of nothing means none; names that
    are not known are left out."""
    peer.reset(symbols={0: "j", 1: "", 2: "{mail_addr},i", 3: "{rcpt_addr} x",
                        4: "j {nonsense}", 5: "i", 6: "j"})
    assert world.send(CONTENT).code == 250
    session = peer.wait_session()
    assert {stage: set(names) for stage, names in session.macros.items()
            if names} == {
        "C": {"j"}, "M": {"{mail_addr}", "i"}, "R": {"{rcpt_addr}"},
        "T": {"j"}, "E": {"i"}, "N": {"j"}}
    peer.reset()
    assert world.send(CONTENT).code == 250
    assert "{client_addr}" in peer.wait_session().macros["C"]


def test_macros_are_never_stale(world, peer):
    """26: RSET, EHLO, STARTTLS and AUTH between messages; each has the macros
    of its own."""
    with world.culver.submission() as client:
        client.ehlo("one.test")
        client.starttls()
        client.ehlo("two.test")
        assert client.auth_plain("alice@example.com").code == 235
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        client.command("RSET", 250)
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        client.ehlo("three.test")
        for _ in range(2):
            client.mail("alice@example.com")
            client.rcpt("bob@example.com")
            assert client.data(message(sender="alice@example.com")).code == \
                250
        client.quit()
    session = peer.wait_session()
    assert session.short_letters == \
        "OCHHMRAMRAHMRTLNBEMRTLNBEQ".replace("HH", "HH")
    assert [p.strings[0] for p in session.all("H")] == \
        ["one.test", "two.test", "three.test"]
    mails = session.all("M")
    assert len({p.macros["i"] for p in mails}) == 4
    assert all(p.macros["{auth_authen}"] == "alice@example.com" and
               p.macros["{auth_type}"] == "PLAIN" for p in mails)
    assert "{tls_version}" not in session.all("H")[0].macros
    assert session.all("H")[1].macros["{tls_version}"].startswith("TLSv1.")
    peer.reset()
    assert world.send(CONTENT).code == 250
    assert not any("auth" in name for name in
                   peer.wait_session().all("M")[0].macros)


# --- verdicts -----------------------------------------------------------------------

@pytest.mark.parametrize("stage", "MRTLNBE")
@pytest.mark.parametrize("verdict, code", [
    (REJECT, 550), (TEMPFAIL, 451), (say("554 5.7.9 Go away"), 554),
    (ACCEPT, 250), (DISCARD, 250)])
def test_verdict_at_each_stage(world, peer, stage, verdict, code):
    """7: the reply comes where it belongs, and the next message of the same
    connection works."""
    peer.reset({stage: Turns([verdict, CONTINUE])})
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        replies = {}
        replies["M"] = client.command("MAIL FROM:<a@client.test>")
        replies["R"] = client.command("RCPT TO:<alice@example.com>")
        replies["T"] = client.command("DATA")
        if replies["T"].code == 354:
            client.send(stuff(CONTENT))
            replies["E"] = client.reply()
        at = "E" if stage in "LNB" or code == 250 else stage
        assert replies[at].code == code, replies
        if code == 554:
            assert replies[at].lines == ["5.7.9 Go away"]
        if code == 550:
            assert replies[at].text == "5.7.1 Command rejected"
        count = 1 if verdict == ACCEPT else 0
        assert len(world.lmtp.received) == count
        client.command("RSET", 250)
        client.mail()
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        assert len(world.lmtp.received) == count + 1
        client.quit()
    session = peer.wait_session()
    if verdict == ACCEPT and stage != "E":
        assert "E" not in session.short_letters.split("M")[1]
    assert session.short_letters.endswith("MRTLNBEQ")


@pytest.mark.parametrize("stage", "CH")
@pytest.mark.parametrize("verdict, code", [
    (REJECT, 550), (TEMPFAIL, 451), (say("554 5.7.9 Go away"), 554)])
def test_refused_client(world, peer, stage, verdict, code):
    """7: at connect or hello: all that follows is refused, also after RSET
    and STARTTLS."""
    peer.reset({stage: verdict})
    with world.smtp() as client:
        assert client.greeting.code in (220, 554, 550)
        client.line("EHLO a.test")
        client.reply()
        assert client.command("MAIL FROM:<a@client.test>").code == code
        client.command("RSET")
        assert client.command("MAIL FROM:<a@client.test>").code == code
        client.quit()
    session = peer.wait_session()
    assert "M" not in session.letters


@pytest.mark.parametrize("stage", "CH")
def test_client_accepted_at_once(world, peer, stage):
    """7: accept at connect or hello: the filter is not asked any more."""
    peer.reset({stage: ACCEPT})
    assert world.send(CONTENT).code == 250
    assert peer.wait_session().letters.rstrip("Q") == \
        "OCH"[:"OCH".index(stage) + 1]


@pytest.mark.parametrize("stage", "CHMRTE")
def test_closing_verdicts(world, peer, stage):
    """7, 8: 421 is said, and the connection ends."""
    for verdict in (say("421 4.7.0 Not today"), b"\0\0\0\1" + b"4"):
        peer.reset({stage: verdict})
        with world.smtp() as client:
            replies = [client.greeting]
            for line in (b"EHLO a.test\r\n", b"MAIL FROM:<a@client.test>\r\n",
                         b"RCPT TO:<alice@example.com>\r\n", b"DATA\r\n",
                         stuff(CONTENT)):
                if replies[-1].code == 421:
                    break
                client.send(line)
                replies.append(client.reply())
            assert replies[-1].code == 421, (stage, replies)
            assert client.at_end()


@pytest.mark.parametrize("text, code, said", [
    ("550 5.7.1 no", 550, ["5.7.1 no"]),
    ("550 plain", 550, ["plain"]),
    ("550 ", 550, ["5.7.1 Command rejected"]),
    ("451 ", 451, ["4.7.1 Service unavailable - try again later"]),
    ("451-4.7.1 one\r\n451 4.7.1 two", 451, ["4.7.1 one", "4.7.1 two"]),
    ("550 5.7.1 100%% or 50%", 550, ["5.7.1 100% or 50%"]),
    (b"550 5.7.1 no NUL at its end"[:-1], 550, ["5.7.1 no NUL at its en"]),
    (b"550 5.7.1 \xc3\xa4\xff", 550, ["5.7.1 ???"]),
    ("250 2.0.0 fine", 451, None), ("55", 451, None),
    ("550-5.7.1 a\r\n551 5.7.1 b", 451, None), ("550 4.7.1 a", 451, None),
    ("550 5.7.1 a\nb", 451, None), ("abc def", 451, None), ("", 451, None),
    ("550 5.7.1 " + "x" * 2000, 550, None)])
def test_texts_of_replies(world, peer, text, code, said):
    """8: a filter's own reply, in good and bad shape. A bad one is a failure
    of the filter."""
    raw = isinstance(text, bytes) and not text.endswith(b"\xff")
    peer.reset({"R": packet("y", text) if raw else say(text)})
    if code == 451 and said is None:
        world.culver.ctl("milter") # it is no reason to be away for long
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        reply = client.command("RCPT TO:<alice@example.com>")
        assert reply.code == code, reply
        if said:
            assert [line.replace("?", "") for line in reply.lines] == \
                [line.replace("?", "") for line in said]
        assert client.command("NOOP").code == 250


# --- recipients -----------------------------------------------------------------------

def test_one_of_three_recipients_refused(world, peer):
    """9: the other two get it."""
    peer.reset({"R": Turns([CONTINUE, REJECT, CONTINUE])})
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        codes = [client.command(f"RCPT TO:<{name}@example.com>").code
                 for name in ("alice", "bob", "carol")]
        assert codes == [250, 550, 250]
        assert client.data(CONTENT).code == 250
    assert world.recipients == ["alice@example.com", "carol@example.com"]


def test_all_recipients_refused(world, peer):
    """9: 554 to DATA, which the filter does not hear of; it gets an abort."""
    peer.reset({"R": REJECT})
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        assert client.command("RCPT TO:<alice@example.com>").code == 550
        assert client.command("DATA").code in (503, 554)
        client.command("RSET", 250)
        client.quit()
    assert peer.wait_session().short_letters == "OCHMRAQ"


def test_refused_recipients_are_told(world, peer):
    """10: to filters that want to know, with {rcpt_mailer} "error"; what they
    say is not obeyed."""
    peer.reset({"R": Turns([REJECT, CONTINUE])}, steps=RCPT_REJECTED)
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<nobody-here@example.com>", 550)
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    unknown, known = peer.wait_session().all("R")
    assert unknown.strings == ["<nobody-here@example.com>"]
    assert unknown.macros["{rcpt_mailer}"] == "error"
    assert unknown.macros["{rcpt_host}"].startswith("5.1.")
    assert known.macros["{rcpt_mailer}"] != "error"
    peer.reset()
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<nobody-here@example.com>", 550)
        client.quit()
    assert "R" not in peer.wait_session().letters


# --- content --------------------------------------------------------------------------

def test_skip(world, peer):
    """27: after "skip" no more of the body, but the end."""
    peer.reset({"B": SKIP}, steps=CAN_SKIP)
    assert world.send(message(body="x" * 70 + "\r\n" * 1) +
                      b"line\r\n" * 200000).code == 250
    session = peer.wait_session()
    assert session.short_letters == WHOLE
    assert session.letters.count("B") == 1


@pytest.mark.parametrize("content, fields, body", [
    (b"Subject: x\r\n\r\n", 1, b""), (b"Subject: x\r\n", 1, b""),
    (b"\r\nonly a body\r\n", 0, b"only a body\r\n"),
    (b"no header at all\r\nsecond\r\n", 0, None)])
def test_odd_contents(world, peer, content, fields, body):
    """28: without body, header or separator; never an empty B."""
    reply = world.send(content)
    assert reply.code in (250, 550, 554)
    if reply.code != 250:
        return
    session = peer.wait_session()
    assert session.short_letters == ("OCHMRT" + ("L" if fields else "") + "N"
                                     + ("B" if session.body else "") + "EQ")
    assert len(session.all("L")) == fields
    assert body is None or session.body == body
    assert all(p.data for p in session.all("B"))


HEAD = b"From: <a@client.test>\r\nSubject: s\r\n"


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize("head, body", [
    (HEAD, b"no field\r\nContent-Type: text/html\r\n\r\nb\r\n"),
    (HEAD, b": no name\r\n\r\nb\r\n"), (HEAD, b"two words: x\r\n"),
    (HEAD, b"open end"), (b"", b" would fold our Received\r\nA: b\r\n"),
    (b"", b"\tSubject: x\r\n\r\nb\r\n"), (b"", b"just text\r\n"),
    (b"", b"a b"), (b"", b" ")])
def test_body_without_empty_line(world, peer, head, body, step):
    """28: where the filter sees the body begin, it begins for readers; in
    any split."""
    content = head + body
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        for i in range(0, len(content), step):
            assert client.bdat(content[i:i + step],
                               last=i + step >= len(content)).code == 250
        client.quit()
    session = peer.wait_session()
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    assert session.body == body
    assert [n for n, _ in session.fields] == (["From", "Subject"] if head
                                              else [])
    assert world.sent_on == head + b"\r\n" + body


@pytest.mark.parametrize("size", [65533, 65534, 65535, 65536, 131070, 131071])
def test_chunk_edges(world, peer, size):
    """28: around a packet's end, where a CRLF may be split."""
    body = (b"y" * 98 + b"\r\n") * (size // 100 + 1)
    body = body[:size - 2].rstrip(b"\r\n") + b"\r\n"
    assert world.send(b"Subject: x\r\n\r\n" + body).code == 250
    session = peer.wait_session()
    assert session.body == body
    assert all(1 <= len(p.data) <= 65535 for p in session.all("B"))


@pytest.mark.parametrize("size", [60000, 70000])
def test_long_field(world, peer, size):
    """29: the filter is never sent what it would hang up on."""
    field = b"X-Long: " + b"\r\n\t".join([b"z" * 900] * (size // 903))
    reply = world.send(field + b"\r\n" + CONTENT)
    if size < 65535:
        assert reply.code == 250
        assert len(peer.wait_session().fields[0][1]) > 59000
    else:
        assert reply.code in (550, 552, 554)
        for session in peer.sessions:
            assert all(len(p.data) <= 65535 for p in session.packets)


def test_many_fields(world, peer):
    """29: two thousand."""
    head = b"".join(b"X-%d: v\r\n" % i for i in range(2000))
    assert world.send(head + CONTENT).code == 250
    assert [n for n, _ in peer.wait_session().fields[:2000]] == \
        [f"X-{i}" for i in range(2000)]


@pytest.mark.parametrize("where", ["header", "body"])
@pytest.mark.parametrize("odd", [b"\0", b"\r", b"\n", b"\xff\xc3",
                                 b"w" * 2000])
def test_odd_octets(world, peer, where, odd):
    """30: the filter sees what is delivered, or nobody does."""
    content = b"X-Odd: a" + odd + b"b\r\nSubject: x\r\n\r\nplain\r\n" \
        if where == "header" else b"X-Odd: ab\r\nSubject: x\r\n\r\na" + odd + \
        b"b\r\n"
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.mail(parameters=" BODY=8BITMIME")
        client.rcpt("alice@example.com")
        client.command("DATA", 354)
        client.send(stuff(content))
        reply = client.reply()
    if reply.code != 250:
        assert not world.lmtp.received
        return
    session = peer.wait_session()
    assert world.body == session.body
    seen = dict((n, v.encode("utf-8", "surrogateescape"))
                for n, v in session.fields)
    assert world.values("X-Odd")[0].replace(b"\r\n", b"\n") == seen["X-Odd"]


def test_utf8(world, peer):
    """31: addresses and fields in UTF-8, and the parameter on its own."""
    content = "Subject: Grüße\r\nFrom: ü@client.test\r\n\r\nä\r\n".encode()
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.mail("ünal@client.test", " SMTPUTF8 BODY=8BITMIME")
        client.command("RCPT TO:<alice@bücher.example>", 250, 550)
        client.rcpt("alice@example.com")
        assert client.data(content).code == 250
    session = peer.wait_letters(WHOLE[:-1])
    assert session.all("M")[0].strings == \
        ["<ünal@client.test>", "SMTPUTF8", "BODY=8BITMIME"]
    assert session.all("M")[0].macros["{mail_addr}"] == "ünal@client.test"
    assert ("Subject", "Grüße") in session.fields


# --- other commands -------------------------------------------------------------------

@pytest.mark.parametrize("steps", [0, NO_DATA])
def test_unknown_commands(world, peer, steps):
    """32: before MAIL and after RCPT; the filter may speak for itself."""
    peer.reset({"U": Turns([CONTINUE, say("450 4.7.1 stop that"),
                            say("550 5.7.1 or else")])}, steps=steps)
    with world.smtp() as client:
        client.ehlo()
        client.command("WHAT is this", 500)
        client.command("ETRN example.com", 500, 502, 450)
        client.mail()
        client.rcpt("alice@example.com")
        client.command("NONSENSE", 500)
        assert client.data(CONTENT).code == 250
        client.quit()
    session = peer.wait_session()
    assert session.all("U")[0].strings == ["WHAT is this"]
    assert session.letters.endswith("BEQ")


def test_chunking(world, peer):
    """33: with BDAT one DATA event, and the whole content at its end."""
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        assert client.bdat(CONTENT[:40], last=False).code == 250
        assert client.bdat(CONTENT[40:]).code == 250
        client.quit()
    session = peer.wait_session()
    assert session.short_letters == WHOLE
    assert session.fields == SEEN and session.body == CONTENT.partition(
        b"\r\n\r\n")[2]


@pytest.mark.parametrize("how", ["reset", "fin"])
@pytest.mark.parametrize("lines, letters", [
    (b"", "OCQ"), (b"EHLO a.test\r\n", "OCHQ"),
    (b"EHLO a.test\r\nMAIL FROM:<a@client.test>\r\n", "OCHMAQ"),
    (b"EHLO a.test\r\nMAIL FROM:<a@client.test>\r\n"
     b"RCPT TO:<alice@example.com>\r\nDATA\r\nSubject: half", "OCHMRTAQ"),
    (b"EHLO a.test\r\nMAIL FROM:<a@client.test>\r\n"
     b"RCPT TO:<alice@example.com>\r\nBDAT 100\r\nSubject: half", "OCHMRTAQ")])
def test_client_vanishes(world, peer, how, lines, letters):
    """34: the filter hears of the end, and no socket stays."""
    client = world.smtp()
    client.send(lines)
    peer.wait_letters(letters.rstrip("AQ"))
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 b"\1\0\0\0\0\0\0\0")
    client.close()
    assert peer.wait_session().short_letters == letters


def test_client_vanishes_while_the_filter_thinks(dovecot, peer):
    """34: at the end of a message; the filter's time is the limit."""
    peer.reset({"E": SILENT})
    with Filtered(dovecot, {"raw": {"socket": peer.where,
                                    "content_timeout": "1s"}}) as world:
        peer.reset({"E": SILENT})
        client = world.smtp()
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        client.command("DATA", 354)
        client.send(stuff(CONTENT))
        peer.wait_letters("OCHMRTLNBE")
        client.close()
        peer.wait_session()
        assert not world.lmtp.received
