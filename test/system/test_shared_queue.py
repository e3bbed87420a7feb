"""Two servers that share a queue in PostgreSQL."""

import collections
import os
import time

import pytest

import postgres as pg
from conftest import delivered
from culver import Culver, wait_for
from postgres import Postgres
from smtp import Closed, Smtp, message
from test_processes import Load, tags_in

pytestmark = pytest.mark.skipif(
    pg.BIN is None, reason="PostgreSQL is not installed")


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def database(postgres):
    return postgres.make_database()


def node(dovecot, uri, **settings):
    """One that puts all mail into the queue."""
    return Culver(dovecot, **{"queue_database": uri,
                              "in_session_delivery": "no",
                              "retry_longest": "2s", **settings})


class Counted(Load):
    """How often which reply to the data came, too."""

    def __init__(self, culver, clients=4):
        super().__init__(culver, clients)
        self.codes = collections.Counter()
        self.prefix = f"load-{culver.port}"

    def _run(self, number):
        count = 0
        while not self.stopping:
            try:
                with Smtp(self.culver.port, timeout=30) as client:
                    client.ehlo()
                    while not self.stopping:
                        count += 1
                        tag = f"{self.prefix}-{number}-{count}-end"
                        client.mail()
                        client.rcpt("alice@example.com")
                        self.sent.append(tag)
                        reply = client.data(message(tag, f"{tag}\r\n" * 20))
                        self.codes[reply.code] += 1
                        if reply.code == 250:
                            self.accepted.append(tag)
            except (AssertionError, Closed, OSError):
                time.sleep(0.02)


def assert_delivered(dovecot, loads, copies_at_most):
    accepted = {tag for load in loads for tag in load.accepted}
    sent = {tag for load in loads for tag in load.sent}

    def in_mailbox():
        return tags_in(dovecot.messages("alice@example.com"))
    wait_for(lambda: accepted <= set(in_mailbox()), 10, "that all is delivered")
    found = in_mailbox()
    assert set(found) <= sent
    copies = sum(found.values()) - len(found)
    print(f"{len(accepted)} accepted, {len(found)} delivered, "
          f"{copies} second copies")
    assert copies <= copies_at_most
    return accepted


def held_by(postgres, database, culver):
    """How many recipients a node tries now."""
    with open(f"{culver.state}/node", encoding="ascii") as f:
        name = f.read()
    return postgres.queue_size(database, f"lpad(to_hex(node), 16, '0') = '{name}'")


def test_mail_of_one_is_delivered_by_the_other(dovecot, postgres, database,
                                                tag):
    uri = postgres.uri(database)
    nowhere = f"/tmp/culver-nowhere-{os.getpid()}"
    with node(dovecot, uri, dovecot_lmtp=nowhere) as one:
        assert one.send(message(tag)).code == 250
        wait_for(lambda: postgres.queue_size(database, "attempts > 0"), 10,
                 "a try in vain")
        with node(dovecot, uri) as other:
            assert delivered(dovecot, "alice@example.com", tag)
            wait_for(lambda: postgres.queue_size(database) == 0, 10,
                     "an empty queue")
            assert "delivered from the queue" in other.log()
            assert "delivered from the queue" not in one.log()
            assert not os.path.exists(f"{one.state}/queue.db")


def test_both_see_and_change_the_queue(dovecot, postgres, database, tag):
    uri = postgres.uri(database)
    nowhere = f"/tmp/culver-nowhere-{os.getpid()}"
    with node(dovecot, uri, dovecot_lmtp=nowhere, retry_first="1h",
              retry_longest="2h") as one, \
            node(dovecot, uri, dovecot_lmtp=nowhere, retry_first="1h",
                 retry_longest="2h") as other:
        assert one.send(message(tag)).code == 250
        wait_for(lambda: postgres.queue_size(database, "attempts = 1"), 10,
                 "a try in vain")
        assert "alice@example.com" in one.ctl("queue", "list").stdout
        assert "alice@example.com" in other.ctl("queue", "list").stdout
        other.ctl("queue", "retry")
        wait_for(lambda: postgres.queue_size(database, "attempts = 2"), 10,
                 "a second try")


def test_a_big_message_over_tcp_with_a_password(dovecot, postgres, database,
                                                tag):
    postgres.query(database, "ALTER USER culver PASSWORD 'a-secret'")
    uri = (f"postgresql://culver:a-secret@127.0.0.1:{postgres.port}"
           f"/{database}")
    body = "a line of a big letter\r\n" * 150000
    with node(dovecot, uri) as culver:
        assert culver.send(message(tag, body)).code == 250
        found = delivered(dovecot, "alice@example.com", tag, timeout=30)
        assert len(found) == 1
        assert found[0].count(b"a line of a big letter") == 150000
        wait_for(lambda: postgres.queue_size(database) == 0, 10,
                 "an empty queue")
        assert postgres.query(
            database, "SELECT count(*) FROM culver.piece") == "0"
        assert os.listdir(f"{culver.state}/spool") == []
        assert "a-secret" not in culver.log()


@pytest.mark.timeout(180)
def test_a_node_is_killed_under_load(own_dovecot, postgres, database):
    uri = postgres.uri(database)
    with node(own_dovecot, uri) as one, node(own_dovecot, uri) as other:
        with Counted(one) as load, Counted(other) as more:
            load.wait(40)
            # What is accepted now is still there when its node dies.
            own_dovecot.freeze("lmtp")
            wait_for(lambda: held_by(postgres, database, one) >= 40, 20,
                     "a full window")
            load.wait(40)
            more.wait(40)
            one.kill()
            time.sleep(1)
            own_dovecot.thaw()
            more.wait(40)
            assert held_by(postgres, database, one) >= 40
        wait_for(lambda: postgres.queue_size(database) == 0, 90,
                 "that the dead node's mail is taken over")
        # Those the dead node was delivering just then: a window of them.
        accepted = assert_delivered(own_dovecot, (load, more), 64)
        assert len(accepted) > 150


@pytest.mark.timeout(240)
def test_the_database_is_killed_under_load(own_dovecot):
    with Postgres() as postgres:
        uri = postgres.uri(postgres.make_database())
        with node(own_dovecot, uri) as one, node(own_dovecot, uri) as other:
            with Counted(one) as load, Counted(other) as more:
                for _ in range(4):
                    load.wait(20)
                    more.wait(20)
                    postgres.kill()
                    refused = load.codes[451]
                    wait_for(lambda n=refused: load.codes[451] > n, 15,
                             "that new mail is refused")
                    postgres.start()
                load.wait(20)
                more.wait(20)
            assert set(load.codes) <= {250, 451}, load.codes
            wait_for(lambda: postgres.queue_size("queue1") == 0, 60,
                     "an empty queue")
            assert "back" in one.log()
            assert_delivered(own_dovecot, (load, more), 4 * 64)


def test_a_node_starts_without_its_database(dovecot, tag):
    with Postgres() as postgres:
        uri = postgres.uri(postgres.make_database())
        postgres.kill()
        with node(dovecot, uri) as culver:
            assert culver.send(message(tag)).code == 451
            postgres.start()
            wait_for(lambda: culver.send(message(tag)).code == 250, 15,
                     "that mail is taken")
            assert delivered(dovecot, "alice@example.com", tag)


def test_a_copied_node_is_refused(dovecot, postgres, database, tag):
    uri = postgres.uri(database)
    with node(dovecot, uri) as one:
        with node(dovecot, uri, start=False) as copy:
            with open(f"{one.state}/node", encoding="ascii") as f:
                name = f.read()
            path = f"{copy.state}/node"
            with open(path, "w", encoding="ascii") as f:
                f.write(name)
            if copy.owner is not None:
                os.chown(path, copy.owner, copy.owner)
            copy.start()
            assert copy.send(message(tag)).code == 451
            copy.wait_log("another server is this node")
        assert one.send(message(tag)).code == 250
