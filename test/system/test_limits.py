"""Limits: connections, descriptors, time."""

import resource
import threading
import time

import pytest

from culver import Culver, wait_for
from smtp import Closed, Smtp, message


def greetings(culver, count, source=None):
    """Opens so many connections; returns them with their greetings."""
    return [culver.smtp(source=source) for _ in range(count)]


def close_all(clients):
    for client in clients:
        client.close()


def test_connections_from_one_address(dovecot):
    with Culver(dovecot, connection_limit_per_address="10") as culver:
        clients = greetings(culver, 10)
        assert all(c.greeting.code == 220 for c in clients)
        more = greetings(culver, 5)
        for client in more:
            assert (client.greeting.code, client.greeting.status) == \
                (421, "4.7.0")
            assert client.at_end()
        # another address has its own count
        with culver.smtp(source="127.0.0.2") as other:
            assert other.greeting.code == 220
        close_all(clients[:3] + more)

        def again():
            with culver.smtp() as client:
                return client.greeting.code == 220
        wait_for(again, 5, "a free place")
        close_all(clients)


def test_connections_in_all(dovecot):
    with Culver(dovecot, connection_limit="10") as culver:
        clients = [culver.smtp(source=f"127.0.0.{i + 2}") for i in range(10)]
        assert all(c.greeting.code == 220 for c in clients)
        with culver.smtp(source="127.0.0.99") as more:
            assert (more.greeting.code, more.greeting.status) == \
                (421, "4.7.0")
            assert more.at_end()
        close_all(clients)

        def again():
            with culver.smtp() as client:
                return client.greeting.code == 220
        wait_for(again, 5, "a free place")


def test_descriptors_run_out(dovecot, tag):
    """accept(2) fails: it waits and goes on, and nobody who is in suffers."""
    with Culver(dovecot, workers="1", connection_limit="10000",
                connection_limit_per_address="10000",
                wrapper=["prlimit", "--nofile=60:60"]) as culver:
        pid, = culver.wait_roles()["receive"]
        with culver.smtp() as inside:
            inside.ehlo()
            clients = [Smtp(culver.port, greeting=False) for _ in range(150)]
            time.sleep(0.5)
            waiting = sum(client.is_silent(0.01) for client in clients)
            assert waiting > 80, "there were descriptors enough"
            inside.command("NOOP", 250)
            ticks = cpu_ticks(pid)
            time.sleep(2)
            assert cpu_ticks(pid) - ticks < 50, "it spins"
            # The places of those who leave are taken by those who wait.
            close_all(clients[:100])
            for client in clients[100:]:
                client.socket.settimeout(10)
                assert client.reply().code in (220, 421)
            close_all(clients)
            inside.command("NOOP", 250)
            inside.mail()
            inside.rcpt("alice@example.com")
            assert inside.data(message(tag)).code == 250
        assert culver.send(message(tag)).code == 250
        assert culver.wait_roles()["receive"] == [pid], "it was restarted"


def cpu_ticks(pid):
    from culver import read_stat
    stat = read_stat(pid)
    return int(stat[11]) + int(stat[12])


def test_idle_client_is_told_and_left(dovecot):
    """421 4.4.2, in every state that waits for a client."""
    with Culver(dovecot, session_timeout="2s") as culver:
        clients = []
        for lines in ((), ("EHLO a.test",),
                      ("EHLO a.test", "MAIL FROM:<a@a.test>"),
                      ("EHLO a.test", "MAIL FROM:<a@a.test>",
                       "RCPT TO:<alice@example.com>", "DATA")):
            client = culver.smtp()
            for line in lines:
                client.command(line)
            clients.append(client)
        begin = time.monotonic()
        for client in clients:
            reply = client.reply()
            assert (reply.code, reply.status) == (421, "4.4.2")
            assert client.at_end()
            client.close()
        assert 1 < time.monotonic() - begin < 6


def test_dripping_command_is_no_activity(dovecot):
    """Slowloris: a byte now and then does not keep a session alive."""
    with Culver(dovecot, session_timeout="2s") as culver:
        with culver.smtp() as client:
            begin = time.monotonic()
            try:
                while time.monotonic() - begin < 10:
                    client.send(b"N")
                    if not client.is_silent(0.3):
                        break
                reply = client.reply()
                assert reply.code == 421
            except (Closed, OSError):
                pass
            assert time.monotonic() - begin < 6


def test_tls_handshake_that_never_comes(dovecot):
    with Culver(dovecot, session_timeout="2s") as culver:
        for port, starttls in ((culver.port, True),
                               (culver.submissions_port, False)):
            with Smtp(port, greeting=False) as client:
                if starttls:
                    client.reply()
                    client.ehlo()
                    client.command("STARTTLS", 220)
                begin = time.monotonic()
                assert client.at_end(10)
                assert time.monotonic() - begin < 6


@pytest.mark.timeout(180)
def test_slow_data_is_refused(dovecot):
    """Below data_rate_floor over a minute: 421 4.4.2; who is slow but above
    it is served."""
    with Culver(dovecot, data_rate_floor="2000") as culver:
        ends = {}

        def drip(name, octets):
            with culver.smtp() as client:
                client.ehlo()
                client.mail()
                client.rcpt("alice@example.com")
                client.command("DATA", 354)
                begin = time.monotonic()
                while time.monotonic() - begin < 75:
                    client.send(b"x" * (octets - 2) + b"\r\n")
                    if not client.is_silent(1):
                        reply = client.reply()
                        ends[name] = (reply.code, reply.status,
                                      time.monotonic() - begin)
                        return
                client.send(b".\r\n")
                ends[name] = client.reply().code

        threads = [threading.Thread(target=drip, args=a)
                   for a in (("slow", 100), ("fair", 4000))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ends["fair"] == 250
        assert ends["slow"][:2] == (421, "4.4.2")
        assert 50 < ends["slow"][2] < 75


def test_many_at_once(dovecot):
    """1,000 connections, each with a greeting, and a message in between."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with Culver(dovecot, connection_limit_per_address="2000") as culver:
        clients = []
        try:
            for _ in range(1000):
                clients.append(Smtp(culver.port, greeting=False))
            for client in clients:
                assert client.reply().code == 220
            begin = time.monotonic()
            assert culver.send(message()).code == 250
            assert time.monotonic() - begin < 5
        finally:
            close_all(clients)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_messages_in_one_session(culver, dovecot):
    with culver.smtp() as client:
        client.ehlo()
        for _ in range(200):
            client.mail()
            client.rcpt("bob@example.com")
            assert client.data(message()).code == 250
        client.quit()


def test_thousand_recipients(dovecot, tag):
    """RFC 5321 4.5.3.1.8 and RFC 9422: what is promised in LIMITS is kept."""
    with Culver(dovecot) as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.send("".join(
                f"RCPT TO:<carol+{i}@example.com>\r\n" for i in range(1000)))
            for _ in range(1000):
                client.expect(250)
            reply = client.command("RCPT TO:<carol+more@example.com>")
            assert (reply.code, reply.status) == (452, "4.5.3")
            assert client.data(message(tag)).code == 250
        from conftest import delivered
        assert len(delivered(dovecot, "carol@example.com", tag, count=1000,
                             timeout=60)) == 1000


def test_recipients_that_cannot_be_looked_up(dovecot, tag):
    """A 451 is no error of the client's, but there is an end to them: each
    takes memory."""
    with Culver(dovecot, recipient_limit="100") as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.send("RCPT TO:<sick@example.com>\r\n" * 300)
            codes = [client.reply().code for _ in range(300)]
            assert codes == [451] * 200 + [452] * 100
            client.command("RSET", 250)
            client.mail()
            client.rcpt("alice@example.com")
            assert client.data(message(tag)).code == 250
