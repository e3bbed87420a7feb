"""culver milter check: does a filter work, and what does it do?"""

import json
import pathlib
import socket
import threading

import pytest

from culver import Culver, free_port
from filters import ScriptedFilter, is_there
from milters import CLOSE, RawFilter, SILENT
from milterwire import (ACCEPT, CONTINUE, DISCARD, NO_BODY, NR_ALL, REJECT, add_header,
                        change_header, insert_header, packet, quarantine,
                        replace_body, say)
from realfilters import OpenDkim, is_installed


@pytest.fixture
def check():
    """check(where, [file], settings): what the command says of a filter of
    this socket. The daemon does not run."""
    with Culver(start=False) as culver:
        def run(where, *arguments, settings="", json_too=True, name="x"):
            culver.write("culver.conf",
                         f'milter x {{ socket = "{where}"\n{settings} }}\n')
            words = culver.ctl("milter", "check", name, *arguments,
                               check=False)
            if not json_too:
                return words, None
            done = culver.ctl("--json", "milter", "check", name, *arguments,
                              check=False)
            assert done.returncode == words.returncode
            return words, json.loads(done.stdout)
        run.culver = culver
        yield run


def steps(report):
    return {step["stage"]: step["result"] for step in report["steps"]}


@pytest.mark.parametrize("tcp", [False, True])
def test_a_filter_that_edits(check, tcp):
    script = {"E": [insert_header(0, "X-A", "b"),
                    change_header(1, "Subject", "new"), quarantine("why"),
                    replace_body("new\r\n"), CONTINUE]}
    with RawFilter(script, actions=0x33, steps=NO_BODY, tcp=tcp,
                   symbols={5: "i j", 2: ""}) as peer:
        words, report = check(peer.where)
        assert words.returncode == 0, words
        assert report["works"] and report["version"] == 6
        assert report["actions"] == ["add headers", "change headers",
                                     "change body", "quarantine"]
        assert "body" not in report["stages"]
        assert report["macros"] == {"end of message": "i j", "mail": ""}
        assert report["silent"] == []
        assert steps(report) == {
            stage: "go on" for stage in ("connect", "hello", "mail", "rcpt",
                                         "data", "end of message")}
        assert len(report["edits"]) == 4
        for text in ("X-A", "Subject", "why"):
            assert any(text in edit["text"] for edit in report["edits"])
            assert text in words.stdout
        assert "macros at mail: none\n" in words.stdout
        # Negotiated, then asked; twice.
        assert peer.wait_session(0).letters == "OQ"
        session = peer.wait_session(1)
        assert session.short_letters == "OCHMRTLNEQ"
        assert session.macros["E"].keys() == {"i", "j"}
        names = [name for name, _ in session.fields]
        assert names == ["From", "To", "Subject", "Date", "Message-ID"]
        assert session.all("M")[0].strings == ["<sender@example.com>"]
        assert session.all("R")[0].strings == ["<postmaster@mx.test>"]


def test_dry_run_shows_edits_all_the_same(check):
    with RawFilter({"E": [add_header("X-A", "b"), CONTINUE]}) as peer:
        words, report = check(peer.where, settings="dry_run = yes")
        assert words.returncode == 0
        assert "X-A" in report["edits"][0]["text"]


def test_a_filter_that_answers_nothing_before_the_end(check):
    with RawFilter({"E": say("550 5.7.1 no %% way")}, steps=NR_ALL) as peer:
        words, report = check(peer.where)
        # It works: that it refuses this message is its business.
        assert words.returncode == 0
        assert report["steps"][-1] == {
            "stage": "end of message", "result": "refuse", "code": 550,
            "text": "5.7.1 no % way"}
        assert "end of message: refuse 550 5.7.1 no % way\n" in words.stdout
        assert report["silent"] == report["stages"]


def test_a_refused_sender_ends_it(check):
    with RawFilter({"M": REJECT}) as peer:
        words, report = check(peer.where)
        assert words.returncode == 0
        assert list(steps(report)) == ["connect", "hello", "mail"]
        assert report["steps"][-1]["code"] == 550
        assert peer.wait_session(1).letters == "OCHMQ"


@pytest.mark.parametrize("reply, result", [(ACCEPT, "accept"),
                                           (DISCARD, "discard")])
def test_nothing_more_is_told(check, reply, result):
    with RawFilter({"R": reply}) as peer:
        words, report = check(peer.where)
        assert words.returncode == 0
        assert report["steps"][-1] == {"stage": "rcpt", "result": result}
        assert "rcpt: " + result in words.stdout


def test_a_message_of_ones_own(check):
    """Bare LF becomes CRLF; the end of the last line may be missing."""
    place = pathlib.Path(check.culver.directory)
    file = place / "message"
    file.write_bytes(b"Subject: mine\nX-Fold: a\n b\n\none\r\n\ntwo")
    with RawFilter() as peer:
        words, _ = check(peer.where, str(file))
        assert words.returncode == 0, words
        session = peer.wait_session(1)
        assert session.fields == [("Subject", "mine"), ("X-Fold", "a\n b")]
        assert session.body == b"one\r\n\r\ntwo\r\n"
    words, _ = check(peer.where, str(place / "none"), json_too=False)
    assert words.returncode == 1
    assert "none: No such file" in words.stderr


def test_macros_of_the_configuration(check):
    with RawFilter() as peer:
        words, _ = check(peer.where,
                         settings='macros = { "{mine}=a=b" }\n'
                                  'only_authenticated = yes')
        assert words.returncode == 0, words
        session = peer.wait_session(1)
        assert session.macros["M"]["{auth_type}"] == "PLAIN"
        assert any(macros.get("{mine}") == "a=b"
                   for macros in session.macros.values())


def serve_line(line):
    """A server on a free port that says this to each client."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.sendall(line)
            connection.recv(100)
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.parametrize("line", [b"220 mx.test ESMTP\r\n", b"UNKNOWN\n"])
def test_it_is_no_milter(check, line):
    with serve_line(line) as listener:
        port = listener.getsockname()[1]
        words, report = check(f"inet:{port}@127.0.0.1")
        listener.shutdown(socket.SHUT_RDWR)
    assert words.returncode == 1
    start = line[:4].decode()
    assert f'this is no milter: it said "{start}"' in words.stderr
    assert not report["works"]
    assert "no milter" in report["problem"]


def test_nobody_is_there(check):
    port = free_port()
    words, report = check(f"inet:127.0.0.1:{port}")
    assert words.returncode == 1
    assert "Connection refused" in words.stderr
    assert "Connection refused" in report["problem"]
    words, _ = check("/tmp/there-is-no-such-socket", json_too=False)
    assert "No such file" in words.stderr


def test_a_name_with_several_addresses(check):
    """localhost may be ::1 first, where nobody listens."""
    with RawFilter(tcp=True) as peer:
        words, _ = check(f"inet:localhost:{peer.port}")
        assert words.returncode == 0, words


@pytest.mark.parametrize("script, problem", [
    ({"O": CLOSE}, "closed while negotiating"),
    ({"O": packet("O", bytes(12))}, "a version that was not offered"),
    ({"O": SILENT}, "no answer to the options in time"),
    ({"H": CLOSE}, "hello"),
    ({"R": packet("z")}, "an unknown reply 'z'"),
    ({"E": [say("250 fine"), CONTINUE]}, "does not begin with 4xx or 5xx"),
    ({"T": SILENT}, "no reply in time"),
])
def test_what_is_wrong_is_named(check, script, problem):
    with RawFilter(script) as peer:
        words, report = check(peer.where, settings="connect_timeout = 1s\n"
                                                   "command_timeout = 1s")
        assert words.returncode == 1
        assert problem in words.stderr
        assert problem in report["problem"]


def test_old_versions_are_offered_if_set(check):
    with RawFilter(version=2, actions=1) as peer:
        _, report = check(peer.where, settings="protocol = 2")
        assert report["version"] == 2
        assert peer.sessions[0].offer == (2, 0x3f, 0x7f)
        assert peer.wait_session(1).short_letters == "OCHMRLNBEQ"


def test_the_configuration_has_to_be_good(check):
    with RawFilter() as peer:
        words, _ = check(peer.where, name="y", json_too=False)
        assert words.returncode == 1
        assert 'there is no filter "y"' in words.stderr
        words, _ = check(peer.where, settings="nonsense = 1", json_too=False)
        assert words.returncode == 1
        assert "culver.conf:2" in words.stderr
    done = check.culver.ctl("milter", "check", check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("kind", ["c", "py"])
def test_filters_of_libmilter(check, kind):
    if not is_there(kind):
        pytest.skip("no library for it here")
    with ScriptedFilter(["eom", "addheader", "X-A", "b"],
                        ["eom", "quarantine", "look at it"],
                        kind=kind) as peer:
        words, report = check(peer.where)
        assert words.returncode == 0, words
        assert "X-A: b" in words.stdout
        assert {edit["result"] for edit in report["edits"]} == \
            {"edit", "quarantine"}


@pytest.mark.skipif(not is_installed("opendkim", "opendkim-genkey"),
                    reason="no opendkim here")
def test_opendkim_signs(check):
    with OpenDkim("s", domain="example.com") as dkim:
        words, report = check(dkim.where, settings="only_authenticated = yes")
        assert words.returncode == 0, words
        assert any("DKIM-Signature" in edit["text"]
                   for edit in report["edits"])
