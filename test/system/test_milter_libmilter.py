"""Every verdict and every edit, by filters linked with libmilter and with
python3-milter, under the same rules. Numbers are those of
milter-scenarios.md."""

import json
import re
import threading
import time

import pytest

from culver import wait_for
from filtered import Filtered, last, one_transaction
from filters import ScriptedFilter, is_there
from milterwire import (CAN_SKIP, LEADING_SPACE, NR_ALL, NR_CONNECT, NR_EOH,
                        NR_HEADER, NR_HELO, RCPT_REJECTED)
from smtp import message, stuff

OLD = b"Received: from b.test by a.test; Mon, 1 Jan 2024 00:00:00 +0000"
CONTENT = OLD + (b"\r\nFrom: <a@client.test>\r\nX-Multi: 1\r\nX-Multi: 2\r\n"
                 b"X-Multi: 3\r\nSubject: test\r\n\r\nThe body.\r\n")
STAGES = ("mail", "rcpt", "data", "header", "eoh", "body", "eom")


@pytest.fixture(scope="module", params=["c", "py"])
def one(request):
    if not is_there(request.param):
        pytest.skip("no library for it here")
    with ScriptedFilter(kind=request.param) as peer:
        yield peer


@pytest.fixture(scope="module")
def world(dovecot, one):
    with Filtered(dovecot, {"scripted": {"socket": one.where}},
                  message_size_limit="1M") as world:
        yield world


@pytest.fixture
def peer(one):
    one.set()
    one.forget()
    yield one
    assert one.is_running()


# --- verdicts ------------------------------------------------------------------------

VERDICTS = {
    "continue": ([], 250, None), "accept": (["accept"], 250, None),
    "reject": (["reject"], 550, "5.7.1 Command rejected"),
    "tempfail": (["tempfail"], 451, None), "discard": (["discard"], 250, None),
    "own 5xx": (["setreply 554 5.7.9 Over and out", "reject"], 554,
                "5.7.9 Over and out"),
    "own 4xx": (["setreply 452 4.2.2 Too much", "tempfail"], 452,
                "4.2.2 Too much"),
    "lines": (["setreply 550 5.7.1 one two three", "reject"], 550,
              "5.7.1 one\n5.7.1 two\n5.7.1 three"),
    "own 421": (["setreply 421 4.7.0 Bye", "tempfail"], 421, "4.7.0 Bye"),
}


def rules_of(stage, actions):
    """setreply's words: code, status, then lines (or one text)."""
    made = []
    for action in actions:
        words = action.split(" ")
        if words[0] == "setreply" and words[3] != "one":
            words[3:] = [" ".join(words[3:])]
        made.append([stage, *words])
    return made


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(world, peer, name, stage):
    """7, 8: and the next message of the same connection is filtered."""
    actions, code, text = VERDICTS[name]
    peer.set(*([f"{stage}?evil", *rule[1:]]
               for rule in rules_of(stage, actions))) \
        if stage != "rcpt" else \
        peer.set(*([f"{stage}?alice", *rule[1:]]
                   for rule in rules_of(stage, actions)))
    world.forget()
    with world.smtp() as client:
        client.ehlo()
        said = []
        for data in (b"MAIL FROM:<evil@client.test>\r\n",
                     b"RCPT TO:<alice@example.com>\r\n", b"DATA\r\n",
                     stuff(CONTENT)):
            client.send(data)
            said.append(client.reply())
            if said[-1].code == 421 or data[:4] == b"DATA" and \
                    said[-1].code != 354:
                break
        at = {"mail": 0, "rcpt": 1, "data": 2}.get(stage, 3)
        at = 3 if code == 250 else at
        assert said[at].code == code, said
        assert text is None or said[at].text == text
        if code == 421:
            assert client.at_end()
            return
        assert len(world.lmtp.received) == (name in ("continue", "accept"))
        world.forget()
        client.command("RSET", 250)
        client.mail("good@client.test")
        client.rcpt("bob@example.com")
        assert client.data(CONTENT).code == 250
        assert world.recipients == ["bob@example.com"]
        client.quit()
    assert len(peer.events("mail")) == 2
    if name == "reject" and stage == "rcpt":
        assert peer.wait_event("abort")


@pytest.mark.parametrize("stage", ["connect", "helo"])
@pytest.mark.parametrize("name", [n for n in VERDICTS if n != "own 421"])
def test_verdicts_on_clients(world, peer, name, stage):
    """7: at connect and hello."""
    actions, code, text = VERDICTS[name]
    peer.set(*rules_of(stage, actions))
    world.forget()
    with world.smtp() as client:
        client.line("EHLO a.test")
        client.reply()
        reply = client.command("MAIL FROM:<a@client.test>")
        assert reply.code == code, reply
        assert text is None or reply.text == text
        if code == 250:
            client.rcpt("alice@example.com")
            assert client.data(CONTENT).code == 250
            assert world.recipients == ["alice@example.com"]
        client.quit()
    if name == "accept":
        assert not peer.events("mail")


def test_stages_and_texts(world, peer):
    """1: what the library makes of it."""
    with world.smtp() as client:
        client.ehlo("me.test")
        client.command("NONSENSE of mine", 500)
        client.mail(parameters=" SIZE=100")
        client.rcpt("alice@example.com")
        assert client.data(CONTENT).code == 250
        client.quit()
    number = peer.wait_event("mail").session
    wait_for(lambda: "close" in peer.stages(number), 5, "its end")
    assert peer.stages(number) == ["negotiate", "connect", "helo", "unknown",
                             *STAGES, "close"]
    assert peer.events("mail")[0].args == ["<sender@client.test>", "SIZE=100"]
    assert peer.events("unknown")[0].args == ["NONSENSE of mine"]
    assert [e.args for e in peer.events("header")][2:5] == \
        [["X-Multi", "1"], ["X-Multi", "2"], ["X-Multi", "3"]]
    assert peer.events("connect")[0].args[1] == "127.0.0.1"
    queue_id = peer.events("mail")[0].macros["i"]
    assert peer.events("eom")[0].macros["i"] == queue_id


def test_three_messages(world, peer):
    """26: of one connection; macros of one never show in another."""
    with world.smtp() as client:
        client.ehlo()
        for number in range(3):
            client.mail(f"s{number}@client.test")
            client.rcpt("alice@example.com")
            assert client.data(CONTENT).code == 250
        client.quit()
    ids = [e.macros["i"] for e in peer.events("eom")]
    assert len(set(ids)) == 3
    assert [e.macros["{mail_addr}"] for e in peer.events("eom")] == \
        [f"s{number}@client.test" for number in range(3)]


@pytest.mark.parametrize("steps", [NR_HEADER, NR_CONNECT | NR_HELO | NR_EOH,
                                   NR_ALL])
def test_no_replies(world, peer, steps):
    """4: libmilter aborts where a reply comes or misses against the
    agreement; many fields and a long body."""
    names = {0x80: "header", 0x1000: "connect", 0x2000: "helo",
             0x4000: "mail", 0x8000: "rcpt", 0x10000: "data",
             0x20000: "unknown", 0x40000: "eoh", 0x80000: "body"}
    peer.set(["negotiate", "steps", steps],
             *([name, "noreply"] for bit, name in names.items()
               if steps & bit), ["eom", "addheader", "X-N", "v"])
    head = b"".join(b"X-%d: v\r\n" % i for i in range(300))
    with world.smtp() as client:
        client.ehlo()
        for _ in range(3):
            world.forget()
            client.mail()
            client.rcpt("alice@example.com")
            assert client.data(head + CONTENT + b"line\r\n" * 50000).code \
                == 250
            assert world.values("X-N") == [b"v"]
        client.quit()


def test_skip(world, peer):
    """27."""
    peer.set(["negotiate", "steps", CAN_SKIP], ["body", "skip"])
    assert world.send(CONTENT + b"line\r\n" * 100000).code == 250
    peer.wait_event("eom")
    assert len(peer.events("body")) == 1


def test_symbol_lists(world, peer):
    """6: libmilter writes them behind its options."""
    peer.set(["negotiate", "symbols", 0, "j {client_addr}"],
             ["negotiate", "symbols", 5, "{msg_id}"])
    assert world.send(CONTENT).code == 250
    assert set(peer.events("connect")[0].macros) == {"j", "{client_addr}"}
    assert peer.events("mail")[0].macros["{mail_addr}"]


def test_refused_recipient_is_told(world, peer):
    """10."""
    peer.set(["negotiate", "steps", RCPT_REJECTED])
    with world.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<nobody-here@example.com>", 550)
        client.quit()
    event = peer.wait_event("rcpt")
    assert event.args[0] == "<nobody-here@example.com>"
    assert event.macros["{rcpt_mailer}"] == "error"


def test_old_protocol(dovecot, peer):
    """2: a filter that is offered an old version only."""
    for version in (2, 3, 4):
        peer.forget()
        with Filtered(dovecot, {"scripted": {"socket": peer.where,
                                             "protocol": version}}) as world:
            peer.forget()
            assert world.send(CONTENT).code == 250
            peer.wait_event("close")
        assert ("data" in peer.stages()) == (version > 3), version
        assert peer.events("eom")


# --- edits of the header ---------------------------------------------------------------

# A letter for each field, ours first.
LETTERS = {("Received", OLD.partition(b": ")[2].decode()): "R",
           ("From", "<a@client.test>"): "F", ("X-Multi", "1"): "1",
           ("X-Multi", "2"): "2", ("X-Multi", "3"): "3",
           ("Subject", "test"): "S", ("X-N", "v"): "n", ("X-M", "v"): "m",
           ("X-P", "v"): "p", ("X-Multi", "a"): "a", ("X-MULTI", "a"): "b",
           ("X-Mult", "a"): "c", ("Received", "new"): "x",
           ("Received", "changed"): "y"}


def letters(world):
    def letter(field):
        name, value = field.name.decode(), field.value.strip().decode()
        if name == "Received" and " by mx.test" in value.replace(
                "\r\n", " ").replace("\t", " "):
            return "O"
        return LETTERS.get((name, value), f"?{name}:{value}?")
    return "".join(letter(f) for f in world.fields)


N, M, P = ("X-N", "v"), ("X-M", "v"), ("X-P", "v")
HEADERS = {
    "add": ([["addheader", *N], ["addheader", *M]], "ORF123Snm"),
    "insert at 0": ([["insheader", 0, *N]], "nORF123S"),
    "insert at 1": ([["insheader", 1, *N]], "OnRF123S"),
    "insert at 2": ([["insheader", 2, *N]], "ORnF123S"),
    "insert at 100": ([["insheader", 100, *N]], "ORF123Sn"),
    "two at 1": ([["insheader", 1, *N], ["insheader", 1, *M]], "OmnRF123S"),
    "at 0, 1, 2": ([["insheader", 0, *N], ["insheader", 1, *M],
                    ["insheader", 2, *P]], "nmpORF123S"),
    "change 0": ([["chgheader", 0, "X-Multi", "a"]], "ORFa23S"),
    "change 1": ([["chgheader", 1, "X-Multi", "a"]], "ORFa23S"),
    "change 3": ([["chgheader", 3, "X-Multi", "a"]], "ORF12aS"),
    "change 4": ([["chgheader", 4, "X-Multi", "a"]], "ORF123Sa"),
    "other case": ([["chgheader", 2, "X-MULTI", "a"]], "ORF1b3S"),
    "beginning of a name": ([["chgheader", 1, "X-Mult", "a"]], "ORF123Sc"),
    "delete 2": ([["chgheader", 2, "X-Multi", ""]], "ORF13S"),
    "delete 4": ([["chgheader", 4, "X-Multi", ""]], "ORF123S"),
    "delete 3, 2, 1": ([["chgheader", i, "X-Multi", ""] for i in (3, 2, 1)],
                       "ORFS"),
    "delete 1, 2, 3": ([["chgheader", i, "X-Multi", ""] for i in (1, 2, 3)],
                       "ORF2S"),
    "delete 1 thrice": ([["chgheader", 1, "X-Multi", ""]] * 3, "ORFS"),
    "change Received": ([["chgheader", 1, "Received", "changed"]], "OyF123S"),
    "delete Received": ([["chgheader", 1, "Received", ""]], "OF123S"),
    "insert, change Received": (
        [["insheader", 0, "Received", "new"],
         ["chgheader", 1, "Received", "changed"]], "yORF123S"),
    "insert, delete Received": (
        [["insheader", 0, "Received", "new"],
         ["chgheader", 1, "Received", ""]], "ORF123S"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header(world, peer, name):
    """11, 12, 13, 14: positions and indexes."""
    edits, expected = HEADERS[name]
    peer.set(*(["eom", *edit] for edit in edits))
    assert world.send(CONTENT).code == 250
    assert {result for _, result in peer.results()} == {0}
    assert letters(world) == expected
    assert world.body == b"The body.\r\n"


def test_original_index(dovecot, peer):
    """13: with header_index = original, deleted fields still count."""
    with Filtered(dovecot, {"s": {"socket": peer.where,
                                  "header_index": "original"}}) as world:
        for order in ((1, 2, 3), (3, 2, 1)):
            peer.set(*(["eom", "chgheader", i, "X-Multi", ""]
                       for i in order))
            assert world.send(CONTENT).code == 250
            assert letters(world) == "ORFS"


VALUES = {
    "plain": ("v", b" v"),
    "fold": ("a\n\tb", b" a\r\n\tb"),
    "fold with blanks": ("a\n    b", b" a\r\n    b"),
    "fold with CRLF": ("a\r\n\tb", b" a\r\n\tb"),
    "fold without blank": ("a\nb", b" a\r\n\tb"),
    "injection": ("a\nBcc: evil@client.test", b" a\r\n\tBcc: evil@client.test"),
    "end of line": ("a\n", b" a"),
    "8 bit": ("gr\u00fc\u00dfe", " gr\u00fc\u00dfe".encode()),
    "leading blank": (" a", b"  a"),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("how", ["addheader", "insheader", "chgheader"])
def test_values(world, peer, how, name):
    """15: one clean field each, and never a new one."""
    given, expected = VALUES[name]
    field = "Subject" if how == "chgheader" else "X-N"
    index = [] if how == "addheader" else [1]
    peer.set(["eom", how, *index, field, given])
    assert world.send(CONTENT).code == 250
    assert [f.value for f in world.fields if f.name == field.encode()] == \
        [expected]
    assert len(world.fields) == 8 - (how == "chgheader")


def test_leading_space_is_the_filters(world, peer):
    """16: agreed on, the blank is what the filter wrote."""
    peer.set(["negotiate", "steps", LEADING_SPACE],
             ["eom", "addheader", "X-None", "v"],
             ["eom", "addheader", "X-One", " v"],
             ["eom", "addheader", "X-Tab", "\tv"])
    assert world.send(CONTENT).code == 250
    assert [tuple(f) for f in world.fields[-3:]] == \
        [(b"X-None", b"v"), (b"X-One", b" v"), (b"X-Tab", b"\tv")]


# --- body -------------------------------------------------------------------------------

BODIES = {
    "one": ([["body", b"new\r\n"]], b"new\r\n"),
    "pieces": ([["body", bytes([c])] for c in b"a\r\nb\r\n"], b"a\r\nb\r\n"),
    "line feeds": ([["body", b"a\nb\n"]], b"a\r\nb\r\n"),
    "split line end": ([["body", b"a\r"], ["body", b"\nb\r\n"]],
                       b"a\r\nb\r\n"),
    "no last line end": ([["body", b"a\r\nb"]], b"a\r\nb\r\n"),
    "between other edits": ([["body", b"a\r\n"], ["addheader", "X-N", "v"],
                             ["body", b"b\r\n"]], b"a\r\nb\r\n"),
    "dots": ([["body", b".\r\n..\r\n"]], b".\r\n..\r\n"),
    "long": ([["longbody", "740000", "740000"]],
             (b"x" * 72 + b"\r\n") * 10000),
}


@pytest.mark.parametrize("name", BODIES)
def test_body(world, peer, name):
    """17."""
    edits, expected = BODIES[name]
    peer.set(*(["eom", *edit] for edit in edits))
    assert world.send(CONTENT).code == 250
    assert world.body == expected
    assert letters(world).startswith("ORF123S")


def test_body_over_the_limit(world, peer):
    """17: as if the client had sent it."""
    peer.set(["eom", "longbody", "1600000", "64000"])
    reply = world.send(CONTENT)
    assert reply.code == 552 and reply.status == "5.3.4"
    assert not world.lmtp.received


# --- envelope ---------------------------------------------------------------------------

ENVELOPES = {
    "add": ([["addrcpt", "<bob@example.com>"]], "ab"),
    "add bare": ([["addrcpt", "bob@example.com"]], "ab"),
    "add one that is there": ([["addrcpt", "<alice@example.com>"]], "a"),
    "add twice": ([["addrcpt", "<bob@example.com>"]] * 2, "ab"),
    "add nonsense": ([["addrcpt", "<>"], ["addrcpt", "a b@c d"]], "a"),
    "add with parameters": ([["addrcptpar", "<bob@example.com>",
                              "NOTIFY=NEVER"]], "ab"),
    "add with odd parameters": ([["addrcptpar", "<bob@example.com>",
                                  "WHAT=ever"]], "ab"),
    "delete": ([["delrcpt", "<alice@example.com>"],
                ["addrcpt", "<bob@example.com>"]], "b"),
    "delete bare": ([["addrcpt", "<bob@example.com>"],
                     ["delrcpt", "alice@example.com"]], "b"),
    "delete in other case": ([["addrcpt", "<bob@example.com>"],
                              ["delrcpt", "<alice@EXAMPLE.com>"]], "b"),
    "delete another": ([["delrcpt", "<carol@example.com>"]], "a"),
    "delete what was added": ([["addrcpt", "<bob@example.com>"],
                               ["delrcpt", "<bob@example.com>"]], "a"),
    "delete all": ([["delrcpt", "<alice@example.com>"]], ""),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_recipients(world, peer, name):
    """18."""
    edits, expected = ENVELOPES[name]
    peer.set(*(["eom", *edit] for edit in edits))
    assert world.send(CONTENT).code == 250
    assert [r[0] for r in world.recipients] == list(expected)


@pytest.mark.parametrize("edit, sender", [
    (["<new@b.test>"], "<new@b.test>"), (["new@b.test"], "<new@b.test>"),
    (["<>"], "<>"), (["<new@b.test>", "RET=HDRS ENVID=abc"], "<new@b.test>"),
    (["<new@b.test>", "BAD=param"], "<new@b.test>"),
    (["not an address"], "<sender@client.test>")], ids=str)
def test_sender(world, peer, edit, sender):
    """18."""
    peer.set(["eom", "chgfrom", *edit])
    assert world.send(CONTENT).code == 250
    assert world.sender.split(" ")[0] == sender


# --- quarantine --------------------------------------------------------------------------

@pytest.mark.parametrize("stage", ["eom"])
@pytest.mark.parametrize("verdict, code", [
    ("accept", 250), ("continue", 250), ("reject", 550), ("discard", 250),
    ("tempfail", 451)])
def test_quarantine(world, peer, stage, verdict, code):
    """19: held with its reason, unless the verdict says otherwise."""
    peer.set([stage, "quarantine", f"because of {verdict}"], [stage, verdict])
    assert world.send(CONTENT).code == code
    assert not world.lmtp.received
    shown = world.culver.ctl("queue").stdout
    assert (f"because of {verdict}" in shown) == \
        (verdict in ("accept", "continue"))


def test_release_and_drop(world, peer):
    """19: what the admin decides."""
    peer.set(["eom", "quarantine", "look at this"],
             ["eom", "addheader", "X-N", "v"])
    for command in ("release", "drop"):
        assert world.send(CONTENT).code == 250
        before = world.culver.queue_size()
        trace = peer.events("eom")[-1].macros["i"]
        listed = [json.loads(line) for line in world.culver.ctl(
            "--json", "queue").stdout.splitlines()]
        queue_id, = [x["id"] for x in listed if x["trace"] == trace]
        world.culver.ctl("queue", command, queue_id)
        wait_for(lambda: world.culver.queue_size() < before, 10, command)
        if command == "release":
            wait_for(lambda: world.lmtp.received, 10, "its delivery")
            assert world.values("X-N") == [b"v"]
        else:
            assert not world.lmtp.received


# --- others -------------------------------------------------------------------------------

def test_slow_but_alive(world, peer):
    """25: libmilter's own progress."""
    peer.set(["eom", "progress"], ["eom", "sleep", "300"],
             ["eom", "progress"], ["eom", "addheader", "X-N", "v"])
    assert world.send(CONTENT).code == 250
    assert world.values("X-N") == [b"v"]


def test_dies_and_returns(world, one):
    """23, 24: at the end of a message; then it is back."""
    one.set(["eom", "addheader", "X-N", "v"], ["eom", "exit"])
    assert world.send(CONTENT).code == 451
    assert not world.lmtp.received
    one.set(["eom", "addheader", "X-N", "v"])
    one.restart()
    wait_for(lambda: last(world.try_send(CONTENT)) == 250, 15, "its return")
    assert world.values("X-N") == [b"v"]


def test_dry_run(dovecot, one):
    """What it would have done is told, not done."""
    one.set(["eom", "addheader", "X-N", "v"], ["eom", "body", b"new\r\n"],
            ["eom", "delrcpt", "<alice@example.com>"],
            ["rcpt?bob", "reject"], ["mail?evil", "reject"])
    with Filtered(dovecot, {"dry": {"socket": one.where,
                                    "dry_run": "yes"}}) as world:
        assert world.send(CONTENT, recipients=(
            "alice@example.com", "bob@example.com")).code == 250
        assert world.sent_on == CONTENT
        assert len(world.recipients) == 2
        assert world.send(CONTENT, sender="evil@client.test").code == 250
        log = world.culver.log()
        assert "X-N" in log and "dry" in log


@pytest.mark.timeout(180)
def test_killed_under_load(dovecot, one):
    """23, 24: what gets a 250 was filtered, and nothing is delivered twice,
    while the filter is killed and comes back."""
    one.set(["negotiate", "quiet"], ["eom", "addheader", "X-N", "v"])
    with Filtered(dovecot, {"scripted": {"socket": one.where}}) as world:
        accepted, refused, over = [], [], threading.Event()

        def work(number):
            serial = 0
            while not over.is_set():
                with world.smtp() as client:
                    client.ehlo()
                    for _ in range(20):
                        serial += 1
                        tag = f"tag-{number}-{serial}-end"
                        said = one_transaction(
                            client, message(subject=tag))
                        (accepted if last(said) == 250 and "." in said
                         else refused).append(tag)
                        if last(said) != 250:
                            assert last(said) == 451, said
                            time.sleep(0.05)
                            break
        threads = [threading.Thread(target=work, args=(i,))
                   for i in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(1)
            one.restart()
            time.sleep(2.2)
        over.set()
        for thread in threads:
            thread.join()
        tags = [re.search(rb"tag-\d+-\d+-end", c)[0].decode()
                for _, c in world.lmtp.received]
        assert accepted and refused
        assert sorted(tags) == sorted(accepted)
        assert all(b"\r\nX-N: v\r\n" in c for _, c in world.lmtp.received)
