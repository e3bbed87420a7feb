"""The tests' own filters do what they are told; no Culver here."""

import pytest

from filters import ScriptedFilter, is_there
from milters import CLOSE, RawFilter, SILENT, Split, Turns
from milterwire import (CONTINUE, Mta, NO_DATA, NR_ALL, REJECT, SKIP,
                        add_header, connect, packet, quarantine, say)

CONTENT = b"Subject: x\r\nTo: a\r\n b\r\n\r\n" + b"body\r\n" * 20000


@pytest.mark.parametrize("tcp", [False, True])
def test_raw_filter_records_and_answers(tcp):
    with RawFilter({"E": [add_header("X-A", "b"), quarantine("why"),
                          CONTINUE]}, tcp=tcp, steps=NO_DATA) as peer:
        with Mta(peer.where) as mta:
            mta.hello()
            answers = mta.message(CONTENT)
        assert [a.command for a in answers] == ["h", "q", "c"]
        assert answers[0].strings == ["X-A", "b"]
        session = peer.wait_session()
        assert session.letters == "OCHMRLLNBBEQ"
        assert session.short_letters == "OCHMRLNBEQ"
        assert session.fields == [("Subject", "x"), ("To", "a\n b")]
        assert session.body == CONTENT.partition(b"\r\n\r\n")[2]
        assert session.all("M")[0].macros == \
            {"i": "abc123", "{mail_addr}": "a@client.test"}
        assert session.macros["R"]["{rcpt_addr}"] == "b@example.com"


def test_raw_filter_without_answers():
    with RawFilter({"E": say("550 5.7.1 no")}, steps=NR_ALL) as peer:
        with Mta(peer.where) as mta:
            mta.hello()
            for _ in range(3):
                answers = mta.message(CONTENT)
                assert answers[-1].strings == ["550 5.7.1 no"]


def test_raw_filter_takes_turns():
    script = {"R": Turns([CONTINUE, REJECT, CONTINUE]),
              "B": lambda session, packet:
              Split(SKIP, 1, 0.01) if len(packet.data) == 65535 else CLOSE}
    with RawFilter(Turns([script, {"O": [packet("O", b"xx"), CLOSE]},
                          {"O": SILENT}])) as peer:
        with Mta(peer.where) as mta:
            assert [mta.ask("R", b"<a@b>\0") for _ in range(4)] == \
                ["c", "r", "c", "c"]
            assert mta.message(CONTENT)[-1].command == "c"
            assert peer.sessions[0].letters.count("B") == 1
        with connect(peer.where) as connection:
            connection.sendall(packet("O", bytes(12)))
            assert connection.recv(100) == packet("O", b"xx")
            assert connection.recv(100) == b""
        with connect(peer.where) as connection:
            connection.sendall(packet("O", bytes(12)))
            peer.wait_letters("O", 2)
        peer.stop()
        with pytest.raises(OSError):
            connect(peer.where)
        peer.start()
        with connect(peer.where) as again:
            again.sendall(packet("Q"))
            peer.wait_session(3)


STAGES = ["negotiate", "connect", "helo", "mail", "rcpt", "data", "header",
          "eoh", "body", "eom"]


@pytest.fixture(params=["c", "py"])
def kind(request):
    if not is_there(request.param):
        pytest.skip("no library for it here")
    return request.param


@pytest.mark.parametrize("tcp", [False, True])
def test_scripted_filter_sees_and_edits(kind, tcp):
    with ScriptedFilter(
            ["eom", "addheader", "X-A", "b\n\tc"],
            ["eom", "insheader", 0, "X-B", "c"],
            ["eom", "chgheader", 1, "Subject", "other"],
            ["eom", "chgheader", 1, "To", ""],
            ["eom", "body", b"new\xff\r\n"],
            ["eom", "addrcpt", "<c@example.com>"],
            ["eom", "addrcptpar", "<d@example.com>", "NOTIFY=NEVER"],
            ["eom", "delrcpt", "<b@example.com>"],
            ["eom", "chgfrom", "<>", "RET=HDRS"],
            ["eom", "quarantine", "why"], ["eom", "progress"],
            kind=kind, tcp=tcp) as peer:
        with Mta(peer.where) as mta:
            mta.hello()
            answers = mta.message(CONTENT)
        assert [(a.command, a.data) for a in answers] == [
            ("h", b"X-A\0b\n\tc\0"), ("i", b"\0\0\0\0X-B\0c\0"),
            ("m", b"\0\0\0\1Subject\0other\0"), ("m", b"\0\0\0\1To\0\0"),
            ("b", b"new\xff\r\n"), ("+", b"<c@example.com>\0"),
            ("2", b"<d@example.com>\0NOTIFY=NEVER\0"),
            ("-", b"<b@example.com>\0"), ("e", b"<>\0RET=HDRS\0"),
            ("q", b"why\0"), ("p", b""), ("c", b"")]
        assert {result for _, result in peer.results()} == {0}
        peer.wait_event("close")
        assert peer.stages(0)[:10] == STAGES
        assert peer.events("connect")[0].args == \
            ["[192.0.2.1]", "192.0.2.1", "2525"]
        mail = peer.events("mail")[0]
        assert mail.args == ["<a@client.test>"]
        assert mail.macros["{mail_addr}"] == "a@client.test"
        assert "".join(e.args[0] for e in peer.events("body")).encode() == \
            CONTENT.partition(b"\r\n\r\n")[2]


def test_scripted_filter_refuses(kind):
    with ScriptedFilter(
            ["mail?evil", "setreply", "550", "5.7.1", "one", "two"],
            ["mail?evil", "reject"], ["rcpt#2", "tempfail"],
            ["body?slow", "skip"], ["header#2", "accept"],
            ["negotiate", "steps", 0x400], ["negotiate", "symbols", 2, "i j"],
            kind=kind) as peer:
        with Mta(peer.where) as mta:
            assert mta.symbols == b"\0\0\0\2i j\0"
            mta.hello()
            assert mta.ask("M", b"<evil@b>\0") == "y"
            assert mta.ask("M", b"<good@b>\0") == "c"
            assert [mta.ask("R", b"<a@b>\0") for _ in range(3)] == \
                ["c", "t", "c"]
            assert mta.message(CONTENT) == "a"
        peer.set(["rcpt", "exit"])
        with Mta(peer.where) as mta:
            with pytest.raises(EOFError):
                mta.message(CONTENT)
        peer.restart()
        peer.set()
        with Mta(peer.where) as mta:
            assert mta.message(CONTENT)[-1].command == "c"
