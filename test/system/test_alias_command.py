"""Aliases that run commands, and aliases that hooks/alias-resolve says."""

import json
import os
import shutil
import stat
import tempfile
import time

import pytest

from conftest import delivered
from culver import NOBODY, Culver, send_signal, wait_for
from smtp import message

# What a command was given goes into a file; how it ends stands in another.
PROGRAM = """\
#!/usr/bin/python3
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "how")) as f:
    how = json.load(f)
run = {"argv": sys.argv[1:], "input": sys.stdin.buffer.read().decode("latin-1"),
       "environment": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid()}
path = os.path.join(here, "runs", "%d-%d" % (time.time_ns(), os.getpid()))
with open(path + ".new", "w") as f:
    json.dump(run, f)
os.rename(path + ".new", path + ".run")
if how.get("says"):
    print(how["says"])
time.sleep(how.get("sleeps", 0))
sys.exit(how.get("status", 0))
"""


class Robot:
    """A program that commands run."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="rb", dir="/tmp")
        self.path = os.path.join(self.directory, "secret-robot")
        self.runs_path = os.path.join(self.directory, "runs")
        os.mkdir(self.runs_path)
        self.write(self.path, PROGRAM)
        self.ends()
        for path in (self.directory, self.runs_path, self.path):
            os.chmod(path, 0o755)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)

    @staticmethod
    def write(path, text):
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def ends(self, status=0, says="", sleeps=0):
        self.write(os.path.join(self.directory, "how"), json.dumps(
            {"status": status, "says": says, "sleeps": sleeps}))

    @property
    def runs(self):
        """All runs so far, oldest first."""
        found = []
        for name in sorted(os.listdir(self.runs_path)):
            if name.endswith(".run"):
                with open(os.path.join(self.runs_path, name),
                          encoding="utf-8") as f:
                    found.append(json.load(f))
        return found

    def forget(self):
        for name in os.listdir(self.runs_path):
            os.unlink(os.path.join(self.runs_path, name))
        self.ends()


@pytest.fixture(scope="module")
def one_robot():
    robot = Robot()
    yield robot
    shutil.rmtree(robot.directory, ignore_errors=True)


@pytest.fixture
def robot(one_robot):
    one_robot.forget()
    return one_robot


@pytest.fixture(scope="module")
def culver(dovecot, one_robot):
    path = one_robot.path
    with Culver(dovecot, retry_first="1s", retry_longest="1s",
                in_session_timeout="2s", domains=("example.com", "b.example"),
                aliases={"example.com": f"""\
robot: | {path} first 'two words' $HOME, ; touch x && `id` > y | z
Robot2 :|{path}
team: alice, robot, robot
far: *@b.example
gone: | /nonexistent/program --really
""", "b.example": f"*: | {path} all of b\n"}) as server:
        yield server


def wait_empty(culver, timeout=20):
    wait_for(lambda: culver.queue_size() == 0, timeout, "an empty queue")


def test_the_message_and_the_words(culver, robot, tag):
    """The message comes whole with LF; the words are words, to no shell."""
    body = "line one\r\n..dots\r\n.\r\nno more\r\n"
    assert culver.send(message(tag, body),
                       ["robot@example.com"]).code == 250
    run, = robot.runs
    assert run["argv"] == ["first", "'two", "words'", "$HOME,", ";", "touch",
                           "x", "&&", "`id`", ">", "y", "|", "z"]
    assert "\r" not in run["input"]
    assert run["input"].startswith(("Return-Path:", "Received:"))
    assert f"\nSubject: {tag}\n" in run["input"]
    assert run["input"].partition("\n\n")[2] == body.replace("\r\n", "\n")
    assert run["cwd"] == culver.conf
    assert not os.path.exists(os.path.join(culver.conf, "x"))
    assert not os.path.exists(os.path.join(culver.conf, "y"))
    assert culver.queue_size() == 0


def test_a_big_message(culver, robot, tag):
    """Content in a file, and more than a pipe holds."""
    body = "".join(f"line {i} of many\r\n" for i in range(150000))
    assert culver.send(message(tag, body), ["robot@example.com"]).code == 250
    wait_empty(culver)
    run, = robot.runs
    assert run["input"].partition("\n\n")[2] == body.replace("\r\n", "\n")


def test_in_the_session(culver, robot, tag):
    """The client hears of it what it hears of a mailbox."""
    reply = culver.send(message(tag), ["robot@example.com"])
    assert reply.code == 250 and "delivered" in reply.text
    assert len(robot.runs) == 1


@pytest.mark.parametrize("address", [
    "ROBOT@Example.Com", "robot+detail@example.com", "robot2@example.com",
    "far@example.com", "anything@b.example"])
def test_the_addresses(culver, robot, tag, address):
    assert culver.send(message(tag), [address]).code == 250
    assert len(robot.runs) == 1


def test_an_alias_of_both_kinds(culver, dovecot, robot, tag):
    """A mailbox and a command, the command once."""
    assert culver.send(message(tag), ["team@example.com",
                                      "robot@example.com"]).code == 250
    wait_empty(culver)
    assert len(delivered(dovecot, "alice@example.com", tag)) == 1
    assert len(robot.runs) == 1


def test_refused_in_the_session(culver, robot):
    robot.ends(status=1, says=f"{robot.path} does not like it")
    reply = culver.send(message(), ["robot@example.com"])
    assert reply.code in (550, 554) and reply.status.startswith("5.")
    assert "robot" not in reply.text and robot.directory not in reply.text
    assert culver.queue_size() == 0
    time.sleep(1.5)
    assert len(robot.runs) == 1, "a refusal is not tried again"


def test_the_report_says_nothing_of_the_command(culver, dovecot, robot, tag):
    robot.ends(status=1, says=f"{robot.path} does not like it")
    assert culver.send(message(tag, to="team@example.com"),
                       ["team@example.com"],
                       sender="postmaster@example.com").code == 250
    report, = delivered(dovecot, "postmaster@example.com", tag)
    assert b"team@example.com" in report
    assert b"Action: failed" in report
    words = report.split(tag.encode())[0].lower()
    for hidden in ("robot", robot.directory, "command", "alice",
                   "does not like"):
        assert hidden.encode() not in words, hidden
    wait_empty(culver)
    assert len(delivered(dovecot, "alice@example.com", tag)) == 1


def test_tried_again(culver, robot, tag):
    """75 is EX_TEMPFAIL."""
    robot.ends(status=75)
    reply = culver.send(message(tag), ["robot@example.com"])
    assert reply.code == 250 and "queued" in reply.text
    entry = json.loads(culver.ctl("--json", "queue").stdout.split("\n")[0])
    assert entry["kind"] == "command"
    assert entry["recipient"] == "robot@example.com"
    assert robot.path not in json.dumps(entry)
    wait_for(lambda: len(robot.runs) >= 2, 10, "another run")
    assert culver.queue_size() == 1
    robot.ends()
    wait_empty(culver)
    first, last = robot.runs[0], robot.runs[-1]
    assert first["input"] == last["input"]


def test_a_slow_one_outlives_the_client(culver, robot, tag):
    """The client is answered in time; the command runs once."""
    robot.ends(sleeps=4)
    began = time.monotonic()
    reply = culver.send(message(tag), ["robot@example.com"])
    assert reply.code == 250 and "queued" in reply.text
    assert time.monotonic() - began < 4
    wait_empty(culver)
    assert len(robot.runs) == 1


def test_a_program_that_is_not_there(culver, tag):
    reply = culver.send(message(tag), ["gone@example.com"])
    assert reply.code == 250 and "queued" in reply.text
    assert "nonexistent" not in reply.text
    entries = culver.ctl("--json", "queue").stdout
    assert "gone@example.com" in entries and "nonexistent" not in entries
    identity = json.loads(entries.split("\n")[0])["trace"]
    assert "1 recipient dropped" in culver.ctl("queue", "drop",
                                               identity).stdout
    assert culver.queue_size() == 0


def test_the_process_dies_under_it(culver, robot, tag):
    """Nobody knows what it did: it is run again."""
    robot.ends(sleeps=1)
    with culver.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("robot@example.com")
        client.command("DATA", 354)
        client.send(message(tag) + b".\r\n")
        wait_for(lambda: robot.runs, 10, "a run")
        send_signal(culver.roles()["hook"][0], 9)
        reply = client.reply()
    assert reply.code == 250 and "queued" in reply.text
    robot.ends()
    wait_empty(culver)
    assert len(robot.runs) == 2


def test_resolve_says_it(culver, robot):
    done = culver.ctl("resolve", "robot@example.com")
    assert "runs a command: " + robot.path in done.stdout
    assert "Mail is delivered." in done.stdout


# --- hooks/alias-resolve ---------------------------------------------------------------

RESOLVE = """\
#!/bin/sh
case "$1" in
    said@example.com) echo "alice, bob@example.com" ;;
    more@example.com) echo "bob" ;;
    run@example.com) echo "| PROGRAM by hook" ;;
    broken@example.com) exit 3 ;;
    nonsense@example.com) echo "| " ;;
    "*@example.com") ;;
esac
echo "$1" >> LOG
"""


@pytest.fixture(scope="module")
def resolving(dovecot, one_robot):
    log = os.path.join(one_robot.runs_path, "asked")
    with Culver(dovecot, start=False,
                aliases={"example.com": "more: alice\n"}) as server:
        server.write("hooks/alias-resolve", RESOLVE.replace(
            "PROGRAM", one_robot.path).replace("LOG", log))
        os.chmod(os.path.join(server.conf, "hooks/alias-resolve"),
                 stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH |
                 stat.S_IXOTH)
        server.start()
        yield server


@pytest.mark.parametrize("address, users", [
    ("said@example.com", ["alice@example.com", "bob@example.com"]),
    ("said+x@example.com", ["alice@example.com", "bob@example.com"]),
    ("more@example.com", ["alice@example.com", "bob@example.com"]),
])
def test_it_says_where_to(resolving, dovecot, tag, address, users):
    assert resolving.send(message(tag), [address]).code == 250
    for user in users:
        assert len(delivered(dovecot, user, tag)) == 1


def test_it_says_a_command(resolving, robot, tag):
    assert resolving.send(message(tag), ["run@example.com"]).code == 250
    assert [run["argv"] for run in robot.runs] == [["by", "hook"]]


@pytest.mark.parametrize("address, code", [
    ("broken@example.com", 451), ("nonsense@example.com", 451),
    ("nobody@example.com", 550), ("alice@example.com", 250)])
def test_when_it_fails(resolving, address, code):
    """Mailboxes do not suffer from it."""
    with resolving.smtp() as client:
        client.ehlo()
        client.mail()
        assert client.command(f"RCPT TO:<{address}>").code == code


def test_what_it_is_asked(resolving, robot):
    with resolving.smtp() as client:
        client.ehlo()
        client.mail()
        client.command("RCPT TO:<No.body+X@example.com>", 550)
    with open(os.path.join(robot.runs_path, "asked"), encoding="utf-8") as f:
        assert f.read().split() == ["no.body+x@example.com",
                                    "no.body@example.com", "*@example.com"]
