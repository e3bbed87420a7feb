"""culver milter, and the ways to a filter: hosts with several addresses, hosts
whose name has to be looked up, sockets that change."""

import json
import os
import re
import socket
import threading

import pytest

from culver import command_line, wait_for
from filtered import Filtered
from milters import RawFilter
from milterwire import (CONTINUE, NO_BODY, NO_CONNECT, REJECT, add_header,
                        options)
from smtp import message

MAY_ADD = 0x01


def states(world):
    """{name: the filter's JSON}, in the order in which they come."""
    out = world.culver.ctl("--json", "milter").stdout
    return {m["name"]: m for m in map(json.loads, out.splitlines())}


def loopback_name():
    """A name that leads to this machine, and is not localhost; or None."""
    name = socket.gethostname()
    try:
        found = {a[4][0] for a in socket.getaddrinfo(
            name, None, socket.AF_INET, socket.SOCK_STREAM)}
    except OSError:
        return None
    return name if name != "localhost" and found == {"127.0.0.1"} else None


class RawFilter6(RawFilter):
    """On ::1 alone."""

    def start(self):
        self._listener = socket.create_server(
            ("::1", self.port or 0), family=socket.AF_INET6)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,),
                         daemon=True).start()


# --- culver milter -------------------------------------------------------------------

def test_no_filters(culver):
    assert culver.ctl("milter").stdout == "There are no filters.\n"
    assert culver.ctl("--json", "milter", "list").stdout == ""


@pytest.mark.parametrize("arguments", [
    ("rspamd",), ("list", "rspamd"), ("check",)])
def test_wrong_use(culver, arguments):
    done = culver.ctl("milter", *arguments, check=False)
    assert done.returncode == 2
    assert "list" in done.stderr


def test_counters_of_all_processes(dovecot):
    script = {"E": [add_header("X-A", "b"), CONTINUE],
              "R": lambda session, packet:
                  REJECT if b"carol" in packet.data else CONTINUE}
    steps = NO_CONNECT | NO_BODY
    with RawFilter(script, steps=steps, actions=MAY_ADD) as peer, \
            Filtered(dovecot, {
                "zz": {"socket": peer.where},
                "away": {"socket": "/nonexistent", "on_failure": "accept"},
                "b-local": {"socket": peer.where, "listeners": ["local"]},
            }) as world:
        assert list(states(world)) == ["zz", "away", "b-local"]
        for number in range(12):
            assert world.send(message(f"{number}")).code == 250
        with world.smtp() as client:
            client.ehlo()
            client.mail()
            assert client.command("RCPT TO:<carol@example.com>").code == 550
        found = states(world)
        works, away, untried = found.values()
        assert works["state"] == "works" and works["version"] == 6
        assert works["messages"] == 12 and works["edited"] == 12
        assert works["rejected"] == 1 and works["deferred"] == 0
        assert works["connections"] >= 12
        assert works["failed"] == 0 and works["failed_at"] == 0
        assert works["actions"] == ["add headers"]
        assert works["skipped"] == ["connect", "body"]
        assert away["state"] == "away" and away["version"] == 0
        assert away["failed"] >= 1 and away["unfiltered"] == 12
        assert away["messages"] == 0
        assert "No such file" in away["problem"]
        assert untried["state"] == "untried"
        assert untried["connections"] == 0


def test_table(dovecot):
    with RawFilter(actions=MAY_ADD, steps=NO_BODY) as peer, \
            Filtered(dovecot, {
                "one": {"socket": peer.where},
                "two": {"socket": "/nonexistent", "on_failure": "accept"},
                "three": {"socket": peer.where, "listeners": "local"},
            }) as world:
        assert world.send(message("x")).code == 250
        lines = world.culver.ctl("milter").stdout.splitlines()
        titles = lines[0].split()
        assert titles[:4] == ["FILTER", "STATE", "VERSION", "MESSAGES"]
        assert len(lines[1].split()) == len(titles)
        assert lines[1].split()[:4] == ["one", "works", "6", "1"]
        assert lines[2:4] == ["  may add headers", "  is not told of body"]
        assert lines[4].split()[:2] == ["two", "away"]
        assert re.match(r"  last failed \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: .*"
                        "No such file", lines[5])
        assert lines[6].startswith("three ") and "not tried yet" in lines[6]
        assert len(lines) == 7


def test_counters_live_through_a_reload(dovecot):
    with RawFilter() as peer, Filtered(
            dovecot, {"one": {"socket": peer.where}}) as world:
        assert world.send(message("x")).code == 250
        world.culver.set_milters({"new": {"socket": peer.where},
                                  "one": {"socket": peer.where}})
        world.culver.ctl("reload")
        wait_for(lambda: list(states(world)) == ["new", "one"])
        assert states(world)["one"]["messages"] == 1
        assert states(world)["new"]["state"] == "untried"


# --- the ways to a filter -----------------------------------------------------------------

def test_localhost_of_ipv6_alone(dovecot):
    """localhost is 127.0.0.1, where nobody listens, then ::1."""
    try:
        peer = RawFilter6(tcp=True)
    except OSError:
        pytest.skip("there is no ::1")
    with peer, Filtered(dovecot, {
            "one": {"socket": f"inet:localhost:{peer.port}"},
            "two": {"socket": f"inet6:{peer.port}@localhost"},
            "three": {"socket": f"inet:[::1]:{peer.port}"}}) as world:
        assert world.send(message("x")).code == 250
        assert [m["messages"] for m in states(world).values()] == [1, 1, 1]


def test_host_that_has_to_be_looked_up(dovecot):
    name = loopback_name()
    if name is None:
        pytest.skip("this machine's name does not lead to it")
    with RawFilter(tcp=True) as peer, Filtered(
            dovecot, {"one": {"socket": f"inet:{name}:{peer.port}"}}) as world:
        for number in range(5):
            assert world.send(message(f"{number}")).code == 250
        assert states(world)["one"]["messages"] == 5


def test_host_that_is_not_there(dovecot):
    with Filtered(dovecot, {
            "one": {"socket": "inet:no-such-filter.invalid:1"}}) as world:
        with world.smtp() as client:
            client.ehlo()
            assert client.command("MAIL FROM:<a@client.test>").code == 451
        world.culver.wait_log("no address for a filter's host.*"
                              "no-such-filter.invalid")
        state = states(world)["one"]
        assert state["state"] == "away" and state["failed_at"] > 0
        # Nobody is left over who looks it up.
        children = "/proc/{0}/task/{0}/children".format(
            world.culver.process.pid)

        def looks_up():
            with open(children, encoding="ascii") as f:
                return any("--look-up" in command_line(pid)
                           for pid in f.read().split())
        if os.path.exists(children):
            wait_for(lambda: not looks_up(), 10, "the end of the look-up")


def test_filter_moves(dovecot):
    """Another socket is used from the next connection on."""
    with RawFilter() as one, RawFilter(
            {"O": options(actions=MAY_ADD)}) as two, Filtered(
                dovecot, {"one": {"socket": one.where}}) as world:
        assert world.send(message("x")).code == 250
        assert one.sessions and not two.sessions
        world.culver.set_milters({"one": {"socket": two.where}})
        world.culver.ctl("reload")

        def is_there():
            assert world.send(message("y")).code == 250
            return len(two.sessions) > 0
        wait_for(is_there)
