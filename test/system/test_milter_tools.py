"""The tests' own filters do what they are told; no Culver here."""

import pytest

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
