"""How the processes are caged, and what happens when one of them dies."""

import os
import signal
import socket
import threading
import time

import pytest

from conftest import as_root_only
from culver import (Culver, NOBODY, command_line, is_alive, status_of,
                    wait_for)
from lmtp import HANG, FakeLmtp
from smtp import Closed, Smtp, message, stuff

ROLES = ("receive", "queue", "deliver", "control", "hook", "lookup",
         "verify", "keyring")


@pytest.fixture(params=ROLES)
def role(request):
    return request.param


def test_every_role_runs(culver):
    roles = culver.wait_roles()
    assert set(roles) == set(ROLES)
    assert len(roles["receive"]) == 2


def test_cage(culver, role):
    """The kernel's own word: /proc/PID/status."""
    for pid in culver.wait_roles()[role]:
        status = status_of(pid)
        assert status["Seccomp"] == "2", "a filter"
        assert status["NoNewPrivs"] == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        uid = NOBODY if culver.owner is not None else os.geteuid()
        assert status["Uid"].split() == [str(uid)] * 4


def test_not_dumpable(culver, role):
    """/proc/PID of an undumpable process is root's; and no core files."""
    for pid in culver.wait_roles()[role]:
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            core = next(l for l in f if l.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]


def test_own_address_layouts(culver):
    """Each role is executed again: no two share their layout."""
    if os.geteuid() != 0:
        pytest.skip("undumpable processes show their maps to root only")
    starts = set()
    pids = [pid for all_of in culver.wait_roles().values() for pid in all_of]
    for pid in pids:
        with open(f"/proc/{pid}/maps", encoding="latin-1") as f:
            starts.add(next(line.split("-")[0] for line in f
                            if "/culverd" in line))
    assert len(starts) == len(pids)


def test_roles_hold_what_they_need(culver):
    """No role but queue has a regular file open for writing."""
    if os.geteuid() != 0:
        pytest.skip("undumpable processes show their descriptors to root only")
    for name, pids in culver.wait_roles().items():
        for pid in pids:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    target = os.readlink(f"/proc/{pid}/fd/{fd}")
                except FileNotFoundError:
                    continue
                if name != "queue":
                    assert not target.startswith(culver.state), target
                    assert not target.startswith(culver.conf), target


def wait_accepted(culver):
    """A message is taken again."""
    def attempt():
        try:
            return culver.send(message()).code == 250
        except (AssertionError, Closed, OSError):
            return False
    wait_for(attempt, 15, "that mail is taken again")


class Load:
    """Clients that send all the time; accepted: tags that got a 250."""

    def __init__(self, culver, clients=4):
        self.culver = culver
        self.accepted = []
        self.sent = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, args=(i,))
                        for i in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def _run(self, number):
        count = 0
        while not self.stopping:
            try:
                with Smtp(self.culver.port, timeout=30) as client:
                    client.ehlo()
                    while not self.stopping:
                        count += 1
                        tag = f"load-{number}-{count}-end"
                        client.mail()
                        client.rcpt("alice@example.com")
                        content = message(tag, f"{tag}\r\n" * 20)
                        self.sent.append(tag)
                        if client.data(content).code == 250:
                            self.accepted.append(tag)
            except (AssertionError, Closed, OSError):
                time.sleep(0.02)

    def wait(self, count, timeout=30):
        goal = len(self.accepted) + count
        wait_for(lambda: len(self.accepted) >= goal, timeout,
                 f"{count} more messages (have {len(self.accepted)})")


def tags_in(mailbox):
    """{tag: copies} of what is whole."""
    found = {}
    for content in mailbox:
        text = content.decode()
        tag = text.partition("Subject: ")[2].partition("\n")[0]
        assert text.count(f"\n{tag}\n") == 20 or \
            text.count(f"\n{tag}") == 20, f"damaged: {text!r}"
        found[tag] = found.get(tag, 0) + 1
    return found


@pytest.mark.timeout(180)
def test_kill_a_role_under_load(own_dovecot, role):
    """kill -9: it is restarted, the others go on, nothing that got a 250 is
    lost."""
    with Culver(own_dovecot) as culver:
        before = culver.wait_roles()
        with Load(culver) as load:
            load.wait(10)
            for _ in range(3):
                victim = culver.wait_roles()[role][0]
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda v=victim: not is_alive(v), 5)
                after = culver.wait_roles()
                assert victim not in after[role]
                load.wait(5)
        for other in set(ROLES) - {role}:
            assert set(before[other]) == set(culver.roles()[other]), \
                f"{other} was restarted too"
        wait_for(lambda: culver.queue_size() == 0, 30, "an empty queue")
        wait_for(lambda: set(load.accepted) <= set(tags_in(
            own_dovecot.messages("alice@example.com"))), 10,
            "that everything accepted is in the mailbox")


def test_sessions_of_other_processes_go_on(dovecot):
    """One receive dies: its sessions end, the others' do not notice."""
    with Culver(dovecot, workers="2") as culver:
        pids = culver.wait_roles()["receive"]
        clients = {}
        for pid, other in (pids, pids[::-1]):
            os.kill(other, signal.SIGSTOP)  # so that pid takes them all
            clients[pid] = [culver.smtp() for _ in range(5)]
            os.kill(other, signal.SIGCONT)
        os.kill(pids[0], signal.SIGKILL)
        for client in clients[pids[0]]:
            assert client.at_end()
        for client in clients[pids[1]]:
            client.ehlo()
            client.quit()
        wait_accepted(culver)


def test_role_that_keeps_dying_does_not_spin(dovecot):
    """Restarts are held back more and more, and mail flows in the end."""
    with Culver(dovecot) as culver:
        deadline = time.monotonic() + 5
        deaths = 0
        while time.monotonic() < deadline:
            for pid in culver.roles().get("queue", []):
                os.kill(pid, signal.SIGKILL)
                deaths += 1
            time.sleep(0.05)
        assert 1 < deaths < 60
        wait_accepted(culver)


def test_parent_dies_and_all_end(dovecot):
    """Nobody is left behind who would hold ports or the queue."""
    culver = Culver(dovecot)
    with culver:
        family = culver.family()
        parent = culver.parent()
        os.kill(parent, signal.SIGKILL)
        culver.process.wait(10)
        wait_for(lambda: not any(map(is_alive, family)), 10,
                 "the end of the roles")
        culver.process = None
        culver.start()
        assert culver.send(message()).code == 250


def test_parent_dies_while_messages_wait(dovecot, tag):
    """What is under way is given up without a stumble, and the next server
    can start at once: it waits for the ports."""
    path = f"/tmp/culver-lmtp-{os.getpid()}"
    content = message(tag, f"{'x' * 70}\r\n" * 30000)
    with FakeLmtp(path) as fake, Culver(dovecot, dovecot_lmtp=path) as culver:
        fake.on_message = lambda recipient: HANG
        clients = [culver.smtp() for _ in range(6)]
        for client in clients:
            client.ehlo()
            client.mail()
            client.rcpt("alice@example.com", "bob@example.com")
            client.command("DATA", 354)
            client.send(stuff(content))
        wait_for(lambda: len(fake.attempts) >= 4, 20, "deliveries")
        os.kill(culver.parent(), signal.SIGKILL)
        culver.process.wait(10)
        culver.process = None
        culver.start()
        assert all(client.at_end() for client in clients)
        fake.on_message = lambda recipient: "250 2.0.0 Saved"
        fake.release()
        assert culver.send(message(tag)).code == 250


def test_sigterm_ends_idle_sessions_with_421(dovecot):
    with Culver(dovecot) as culver:
        with culver.smtp() as client:
            client.ehlo()
            culver.process.terminate()
            reply = client.reply()
            assert (reply.code, reply.status) == (421, "4.3.2")
            assert client.at_end()
        assert culver.process.wait(15) == 0
        culver.process = None


def test_sigterm_lets_a_message_finish(dovecot, tag):
    with Culver(dovecot) as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("alice@example.com")
            client.command("DATA", 354)
            client.send(f"Subject: {tag}\r\n")
            time.sleep(0.2)  # the server has to have seen it
            culver.process.terminate()
            time.sleep(1)
            with pytest.raises(OSError):
                Smtp(culver.port, timeout=3)
            client.send("\r\nbody\r\n.\r\n")
            assert client.reply().code == 250
            assert client.reply().code == 421
            assert client.at_end()
        assert culver.process.wait(15) == 0
        culver.process = None
        assert any(tag.encode() in m
                   for m in dovecot.messages("alice@example.com"))


def test_sigterm_waits_ten_seconds_at_most(dovecot):
    with Culver(dovecot) as culver:
        with culver.smtp() as client:
            client.ehlo()
            client.mail()
            client.rcpt("alice@example.com")
            client.command("DATA", 354)
            begin = time.monotonic()
            culver.process.terminate()
            assert culver.process.wait(20) == 0
            assert time.monotonic() - begin < 14
            culver.process = None


def test_sigint_ends_it(dovecot):
    with Culver(dovecot) as culver:
        culver.process.send_signal(signal.SIGINT)
        assert culver.process.wait(15) == 0
        culver.process = None


@as_root_only
def test_as_root_it_changes_users(dovecot, tag):
    """culver for those who meet clients, culverq for the queue, culverhook for
    what is not ours, and a parent with few capabilities."""
    import pwd
    try:
        street, vault, hook = (pwd.getpwnam(n) for n in (
            "culver", "culverq", "culverhook"))
    except KeyError:
        pytest.skip("test.sh makes the users")
    culver = Culver(dovecot, as_root=True, start=False)
    os.rmdir(culver.state)  # it makes its own
    with culver:
        culver.start()
        wait_for(lambda: ": ready " in culver.log(), 10, "all roles ready")
        roles = culver.wait_roles()
        for name, pids in roles.items():
            user = {"queue": vault, "keyring": vault, "hook": hook}.get(name, street)
            for pid in pids:
                status = status_of(pid)
                assert status["Uid"].split() == [str(user.pw_uid)] * 4, name
                assert status["Gid"].split() == [str(user.pw_gid)] * 4, name
                if name != "hook":  # this one may be in the admin's
                    assert status["Groups"].strip() in ("", str(user.pw_gid))
                assert int(status["CapEff"], 16) == 0, name
                assert int(status["CapPrm"], 16) == 0, name
                assert status["Seccomp"] == "2", name
        parent = status_of(culver.parent())
        everything = status_of(os.getpid())
        assert int(parent["CapEff"], 16) < int(everything["CapEff"], 16)
        assert parent["NoNewPrivs"] == "1"
        assert os.stat(culver.state).st_uid == vault.pw_uid
        assert os.stat(culver.state).st_mode & 0o077 == 0
        assert os.stat(f"{culver.state}/queue.db").st_uid == vault.pw_uid
        assert culver.send(message(tag)).code == 250
        with culver.submission("alice@example.com") as client:
            client.mail("alice@example.com")
        # It still may do what a parent does: read certificates, reload.
        culver.write("culver.conf", "# touched\n")
        culver.add_certificate("later.test")
        time.sleep(3)
        assert "Permission denied" not in culver.log()
        assert "Operation not permitted" not in culver.log()


def test_inherited_sockets(dovecot):
    """LISTEN_FDS: systemd binds, Culver never has to."""
    culver = Culver(dovecot, start=False, listen_submission="",
                    listen_submissions="")
    with culver, socket.create_server(("127.0.0.1", 0)) as listener:
        own_port, culver.port = culver.port, listener.getsockname()[1]
        culver.wrapper = [
            "bash", "-c", f"exec 3<&{listener.fileno()}; "
            "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=smtp exec \"$@\"",
            "bash"]
        culver.start(pass_fds=[listener.fileno()])
        assert culver.send(message()).code == 250
        with pytest.raises(ConnectionRefusedError):
            Smtp(own_port)


def test_notifies_systemd(dovecot):
    """READY=1 when it greets, STOPPING=1 at the end; sd_notify(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        path = f"/tmp/culver-notify-{os.getpid()}"
        s.bind(path)
        os.chmod(path, 0o777)
        s.settimeout(20)
        try:
            culver = Culver(dovecot, start=False)
            with culver:
                culver.start(env={"NOTIFY_SOCKET": path})
                assert "READY=1" in s.recv(4096).decode().split("\n")
                culver.stop()
                assert "STOPPING=1" in s.recv(4096).decode()
        finally:
            os.unlink(path)


def test_roles_are_named(culver):
    for role, pids in culver.wait_roles().items():
        assert all(role in command_line(pid) for pid in pids)
