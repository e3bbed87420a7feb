"""Programs of the admin's: hooks/post-data, hooks/alias-resolve, and commands
of aliases. chasquid's contract: doc/hooks.md."""

import os
import pathlib
import re
import shutil
import signal
import threading
import time

import pytest

from conftest import as_root_only, delivered
from culver import BUILD, Culver, TOP, is_alive, status_of, wait_for
from filters import Program
from realfilters import EICAR, Clamd, Spamd, accepts, is_installed
from smtp import message, stuff

EXAMPLE = TOP / "conf/hooks/post-data"
CHASQUID = BUILD / "chasquid/etc/chasquid/hooks/post-data"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def set_program(culver, name, text, mode=0o755):
    """Puts a program below the configuration directory, in one step."""
    path = os.path.join(culver.conf, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text if text.startswith("#!") else "#!/bin/sh\n" + text)
    os.chmod(path + ".new", mode)
    if culver.owner is not None:
        os.chown(path + ".new", culver.owner, culver.owner)
    os.rename(path + ".new", path)


def start_with(dovecot, hook, name="hooks/post-data", **how):
    """A Culver that has this program from the start."""
    env = how.pop("env", None)
    culver = Culver(dovecot, start=False, **how)
    set_program(culver, name, hook)
    culver.start(env=env)
    return culver


@pytest.fixture(scope="module")
def hooked(dovecot):
    """Shared; each test puts its own program there."""
    with start_with(dovecot, "exit 75") as culver:
        yield culver


def out_of(culver, name="seen"):
    """Where a program of nobody's can write."""
    return os.path.join(culver.run, name)


# --- what a program is told -----------------------------------------------------------

DUMP = """\
#!/usr/bin/python3 -I
import os, sys
with open("{0}.new", "wb") as f:
    f.write(open("/proc/self/environ", "rb").read())
os.rename("{0}.new", "{0}")
with open("{0}-stdin", "wb") as f:
    f.write(sys.stdin.buffer.read())
with open("{0}-cwd", "w") as f:
    f.write("\\n".join([os.getcwd(), *sys.argv]))
"""


def dumped(path):
    entries = pathlib.Path(path).read_bytes().split(b"\0")[:-1]
    return dict(e.decode().split("=", 1) for e in entries)


def constant(culver):
    user = "nobody" if culver.owner is not None else \
        __import__("getpass").getuser()
    return {"USER": user, "SHELL": "/bin/sh", "PWD": culver.conf,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SPF_PASS": "0"}


def test_environment_on_port_25(hooked):
    """Every name of chasquid's, and nothing else."""
    seen = out_of(hooked)
    set_program(hooked, "hooks/post-data", DUMP.format(seen))
    with hooked.smtp() as client:
        port = client.socket.getsockname()[1]
        client.ehlo("[IPv6:2001:db8::1]")
        client.command("MAIL FROM:<o'neill@client.test>", 250)
        client.rcpt("alice@example.com", "bob+detail@example.com")
        assert client.data(message()).code == 250
    assert dumped(seen) == {
        **constant(hooked), "REMOTE_ADDR": f"127.0.0.1:{port}",
        "EHLO_DOMAIN": "[IPv6:2001:db8::1]",
        "EHLO_DOMAIN_RAW": "[IPv6:2001:db8::1]",
        "MAIL_FROM": "o'neill@client.test",
        "RCPT_TO": "alice@example.com bob+detail@example.com",
        "AUTH_AS": "", "ON_TLS": "0", "FROM_LOCAL_DOMAIN": "0"}
    program = os.path.join(hooked.conf, "hooks/post-data")
    assert pathlib.Path(f"{seen}-cwd").read_text(encoding="utf-8") == \
        f"{hooked.conf}\n{program}"


def test_environment_on_submission(hooked):
    seen = out_of(hooked)
    set_program(hooked, "hooks/post-data", DUMP.format(seen))
    with hooked.submission("alice@example.com") as client:
        client.mail("alice@example.com")
        client.rcpt("bob@example.com")
        assert client.data(message()).code == 250
    env = dumped(seen)
    assert env["AUTH_AS"] == "alice@example.com"
    assert env["ON_TLS"] == "1"
    assert env["FROM_LOCAL_DOMAIN"] == "1"
    assert env["MAIL_FROM"] == "alice@example.com"


def test_environment_of_the_null_sender(hooked):
    seen = out_of(hooked)
    set_program(hooked, "hooks/post-data", DUMP.format(seen))
    with hooked.smtp() as client:
        client.ehlo("under_score.test")
        client.command("MAIL FROM:<>", 250)
        client.rcpt("alice@example.com")
        assert client.data(message()).code == 250
    env = dumped(seen)
    assert env["MAIL_FROM"] == "<>"
    assert env["EHLO_DOMAIN"] == "underscore.test"
    assert env["EHLO_DOMAIN_RAW"] == "under_score.test"


@pytest.mark.parametrize("lines", [1, 40000])
def test_message_on_standard_input(hooked, tag, lines):
    """The whole message with our Received, lines end in LF; also one that is
    too big for memory."""
    seen = out_of(hooked)
    set_program(hooked, "hooks/post-data", DUMP.format(seen))
    body = "".join(f"line {i} of the body\r\n" for i in range(lines))
    assert hooked.send(message(tag, body)).code == 250
    content = pathlib.Path(f"{seen}-stdin").read_bytes()
    assert b"\r" not in content
    assert content.startswith(b"Received: from ")
    assert content.endswith(body.replace("\r\n", "\n").encode())
    assert f"\nSubject: {tag}\n".encode() in content


# --- what it says ------------------------------------------------------------------------

def test_header_lines_come_first(hooked, dovecot, tag):
    set_program(hooked, "hooks/post-data",
                "echo 'X-One: 1'; printf 'X-Two: a\\n\\tb\\r\\n'")
    assert hooked.send(message(tag)).code == 250
    content, = delivered(dovecot, "alice@example.com", tag)
    fields = [line.split(b":")[0] for line in
              content.replace(b"\r\n", b"\n").split(b"\n\n")[0].split(b"\n")]
    assert b"X-One: 1\nX-Two: a\n\tb\nReceived: from " in \
        content.replace(b"\r\n", b"\n")
    assert fields.index(b"X-One") < fields.index(b"Subject")


@pytest.mark.parametrize("output", [
    "echo hello", "echo", "printf 'X-A: b'", "printf 'X-A: b\\n\\nbody\\n'",
    "echo ' X-A: b'", "printf 'X-A: b\\nFrom me: c\\n'"])
def test_what_is_no_header_is_left_out(hooked, dovecot, tag, output):
    set_program(hooked, "hooks/post-data", output)
    said = len(hooked.log())
    assert hooked.send(message(tag)).code == 250
    content, = delivered(dovecot, "alice@example.com", tag)
    assert b"X-A" not in content and b"hello" not in content
    assert "no header" in hooked.log()[said:]


def test_no_output_is_fine(hooked, dovecot, tag):
    set_program(hooked, "hooks/post-data", "exit 0")
    said = len(hooked.log())
    assert hooked.send(message(tag)).code == 250
    assert delivered(dovecot, "alice@example.com", tag)
    assert "hooks/post-data" not in re.sub(
        ".*program ended.*", "", hooked.log()[said:])


@pytest.mark.parametrize("script, code, text", [
    ("echo X-A: b; echo spam here; exit 20", 554, "5.7.1 spam here"),
    ("cat >/dev/null; exit 20", 554, "5.7.1 Message refused"),
    ("echo greylisted, please; exit 75", 451, "4.7.1 greylisted, please"),
    ("printf 'a\\nb'; exit 1", 451, "4.7.1 b"),
    ("exit 127", 451, "4.7.1 Message not taken now, try again later"),
    ("printf 'x\\r\\n250 2.0.0 OK\\033\\r\\n'; exit 20", 554,
     "5.7.1 250 2.0.0 OK?"),
    ("echo no >&2; exit 20", 554, "5.7.1 Message refused"),
])
def test_exit_status(hooked, dovecot, tag, script, code, text):
    set_program(hooked, "hooks/post-data", script)
    with hooked.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        reply = client.data(message(tag))
        assert str(reply) == f"{code} {text}"
        client.command("NOOP", 250)
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0)


def test_bdat_is_the_same(hooked):
    set_program(hooked, "hooks/post-data", "echo no; exit 20")
    with hooked.smtp() as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        content = message()
        client.send(b"BDAT %d LAST\r\n%s" % (len(content), content))
        assert str(client.reply()) == "554 5.7.1 no"


# --- broken programs -----------------------------------------------------------------------

BROKEN = "451 4.3.0 Message cannot be checked now, try again later"


@pytest.mark.parametrize("script, problem", [
    ("kill -SEGV $$", "ended by signal 11"),
    ("yes X-A: b", "said more than it may"),
    ("#!/nonexistent/interpreter\n", "cannot be run: No such file"),
    ("#!\n", "cannot be run: Exec format error"),
], ids=["killed", "flood", "interpreter", "format"])
def test_broken(hooked, dovecot, tag, script, problem):
    set_program(hooked, "hooks/post-data", script)
    said = len(hooked.log())
    assert str(hooked.send(message(tag))) == BROKEN
    assert problem in hooked.log()[said:]
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0)


def test_not_executable(hooked):
    set_program(hooked, "hooks/post-data", "exit 0", mode=0o644)
    assert str(hooked.send(message())) == BROKEN
    set_program(hooked, "hooks/post-data", "exit 0")
    assert hooked.send(message()).code == 250


@pytest.mark.timeout(150)
def test_too_slow(hooked):
    """60 seconds and no more."""
    seen = out_of(hooked, "slow")
    set_program(hooked, "hooks/post-data",
                f"trap '' TERM; echo $$ >{seen}; sleep 100; exit 0")
    begin = time.monotonic()
    with hooked.smtp(timeout=90) as client:
        client.ehlo()
        client.mail()
        client.rcpt("alice@example.com")
        assert str(client.data(message())) == BROKEN
    assert 59 < time.monotonic() - begin < 80
    pid = int(pathlib.Path(seen).read_text(encoding="ascii"))
    wait_for(lambda: not is_alive(pid), 5, "its death")


@pytest.mark.parametrize("how", ["sleep 100 &", "setsid sleep 4 &"])
def test_child_left_with_the_pipe(hooked, dovecot, tag, how):
    """It holds nobody; and unless it has left the group it is killed."""
    seen = out_of(hooked, "child")
    set_program(hooked, "hooks/post-data",
                f"{how}\necho $! >{seen}; echo X-A: b; sleep 0.2")
    begin = time.monotonic()
    assert hooked.send(message(tag)).code == 250
    assert time.monotonic() - begin < 3
    content, = delivered(dovecot, "alice@example.com", tag)
    assert b"X-A: b" in content
    pid = int(pathlib.Path(seen).read_text(encoding="ascii"))
    wait_for(lambda: not is_alive(pid), 10, "the child's end")


def started(path):
    def pid():
        try:
            return int(pathlib.Path(path).read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0
    return wait_for(pid, 10, "the program's start")


def begin_message(client, content):
    client.ehlo()
    client.mail()
    client.rcpt("alice@example.com")
    client.command("DATA", 354)
    client.send(stuff(content))


def test_end_of_the_server(dovecot, tag):
    """It does not wait for a program longer than for any session."""
    with start_with(dovecot, "exit 75") as culver:
        seen = out_of(culver)
        set_program(culver, "hooks/post-data",
                    f"echo $$ >{seen}; sleep 100; exit 0")
        with culver.smtp() as client:
            begin_message(client, message(tag))
            pid = started(seen)
            begin = time.monotonic()
            culver.process.terminate()
            assert client.reply().code == 421
            assert culver.process.wait(20) == 0
            assert time.monotonic() - begin < 14
            culver.process = None
        wait_for(lambda: not is_alive(pid), 5, "its death")
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0)


def test_role_is_killed(hooked, dovecot, tag):
    """451 at once, the program dies with it, and the next message passes."""
    seen = out_of(hooked, "role")
    set_program(hooked, "hooks/post-data",
                f"echo $$ >{seen}; sleep 50; exit 0")
    with hooked.smtp() as client:
        begin_message(client, message(tag))
        pid = started(seen)
        os.kill(hooked.roles()["hook"][0], signal.SIGKILL)
        assert str(client.reply()) == BROKEN
        wait_for(lambda: not is_alive(pid), 5, "the program's death")
        set_program(hooked, "hooks/post-data", "exit 0")
        hooked.wait_roles()
        wait_for(lambda: hooked.send(message()).code == 250, 10,
                 "that mail is taken again")
    assert not delivered(dovecot, "alice@example.com", tag, timeout=0)


def test_many_at_once(hooked, dovecot, tag):
    """More than may run at a time: they wait for each other."""
    set_program(hooked, "hooks/post-data", "sleep 0.3; echo X-Ok: yes")
    replies = []

    def send():
        replies.append(hooked.send(message(tag)).code)
    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [250] * 50
    found = delivered(dovecot, "alice@example.com", tag, count=50)
    assert len(found) == 50 and all(b"X-Ok: yes" in m for m in found)


def test_comes_and_goes(dovecot):
    """It is looked for with the configuration."""
    with Culver(dovecot) as culver:
        assert culver.send(message()).code == 250
        set_program(culver, "hooks/post-data", "echo no; exit 20")
        wait_for(lambda: culver.send(message()).code == 554, 15, "its use")
        os.unlink(os.path.join(culver.conf, "hooks/post-data"))
        wait_for(lambda: culver.send(message()).code == 250, 15, "its end")


# --- the cage ------------------------------------------------------------------------------

CAGE = """\
#!/usr/bin/python3 -I
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def refused(r):
    return r == -1 and ctypes.get_errno() == 1
status = open("/proc/self/status").read()
print("X-Ptrace:", refused(libc.ptrace(0, 0, 0, 0)))
print("X-Unshare:", refused(libc.unshare(0x10000000)))
print("X-Mount:", refused(libc.mount(b"x", b"/tmp", b"tmpfs", 0, None)))
print("X-Keyctl:", refused(libc.syscall(250, 0, 0, 0, 0, 0)))
print("X-Privileges:", "NoNewPrivs:\\t1\\n" in status)
print("X-Descriptors:", sorted(os.listdir("/proc/self/fd"))[:3])
"""


def test_cage_of_programs(hooked, dovecot, tag):
    set_program(hooked, "hooks/post-data", CAGE)
    assert hooked.send(message(tag)).code == 250
    content, = delivered(dovecot, "alice@example.com", tag)
    for name in (b"Ptrace", b"Unshare", b"Mount", b"Keyctl", b"Privileges"):
        assert b"X-" + name + b": True" in content


@as_root_only
def test_as_root_programs_have_a_user_of_their_own(dovecot, tag):
    import pwd
    try:
        hook = pwd.getpwnam("culverhook")
    except KeyError:
        pytest.skip("test.sh makes the users")
    with start_with(dovecot, "echo X-Ids: $(id -u) $(id -g) $(id -un) $USER;"
                    "echo X-Groups: $(id -G)", as_root=True) as culver:
        assert culver.send(message(tag)).code == 250
        content, = delivered(dovecot, "alice@example.com", tag)
        groups = re.search(r"X-Groups: ([\d ]+)", content.decode())[1]
        assert set(map(int, groups.split())) == \
            set(os.getgrouplist("culverhook", hook.pw_gid))
        assert f"X-Ids: {hook.pw_uid} {hook.pw_gid} culverhook culverhook" \
            .encode() in content
        pid, = culver.roles()["hook"]
        assert status_of(pid)["Uid"].split() == [str(hook.pw_uid)] * 4


# --- real filters ----------------------------------------------------------------------------

GREYLIST_PATHS = ("/etc/greylistd/config", "/var/run/greylistd/socket")


class Tools(Program):
    """Programs of the packages, told where our own daemons are; first in
    PATH. Without: what is not to be found."""

    def __init__(self):
        super().__init__("to")
        self.make_directory("bin")
        self.path_variable = f"{self.path('bin')}:/usr/bin:/bin"

    def wrap(self, name, *arguments):
        self.write(f"bin/{name}", "#!/bin/sh\nexec " + " ".join(
            [f"/usr/bin/{name}", *arguments, '"$@"']) + "\n", 0o755)

    def fake(self, name, script):
        self.write(f"bin/{name}", f"#!/bin/sh\n{script}\n", 0o755)

    def hide(self, *names):
        """Links to all of /usr/bin but these, instead of it."""
        os.makedirs(self.path("all"))
        for name in os.listdir("/usr/bin"):
            if name not in names:
                os.symlink(f"/usr/bin/{name}", self.path("all", name))
        self.path_variable = f"{self.path('bin')}:{self.path('all')}"

    def greylistd(self, is_mended):
        """The daemon and its client, copied, with a place of their own. A
        second visit is welcome at once. Debian 12's client always exits with
        0, which for chasquid's script is "welcome"; a mended one does not."""
        socket_path = self.path("greylist-socket")
        for name in ("sbin/greylistd", "bin/greylist"):
            text = pathlib.Path(f"/usr/{name}").read_text(encoding="utf-8")
            for old, new in zip(GREYLIST_PATHS, (
                    self.path("greylist.conf"), socket_path)):
                text = text.replace(old, new)
            if is_mended:
                text = text.replace("exitcodes.get(firstword,",
                                    "exitcodes.get(firstword.decode(),")
            self.write(f"bin/{os.path.basename(name)}", text, 0o755)
        self.write("greylist.conf", f"""\
[timeouts]
retryMin = 0
retryMax = 28800
expire = 5184000
[socket]
path = {socket_path}
mode = 0666
[data]
update = 600
statefile = {self.path('states')}
tripletfile = {self.path('triplets')}
savetriplets = true
singlecheck = false
singleupdate = false
""")
        self.launch(self.path("bin/greylistd"))
        self.wait_ready(lambda: accepts(socket_path))
        self.fake("groups", "echo nogroup greylist")


@pytest.fixture(scope="module")
def tools():
    if not is_installed("spamc", "spamd", "clamd", "clamdscan", "greylist"):
        pytest.skip("filters are not installed")
    with Tools() as place, Spamd() as spamd, Clamd() as clamd:
        place.hide("spamc", "clamdscan", "greylist", "rspamc",
                   "chasquid-rspamd", "dkimsign", "groups")
        place.wrap("spamc", "-U", spamd.socket)
        place.wrap("clamdscan", f"--config-file={clamd.conf}")
        place.fake("groups", "echo nogroup")
        yield place


@pytest.fixture(scope="module", params=[EXAMPLE, CHASQUID],
                ids=["ours", "chasquid's"])
def filtering(request, dovecot, tools):
    """With an example script, unchanged, as hooks/post-data."""
    if not request.param.exists():
        pytest.skip("test.sh fetches chasquid's package")
    with start_with(dovecot, request.param.read_text(encoding="utf-8"),
                    env={"PATH": tools.path_variable}) as culver:
        culver.tools = tools
        culver.is_ours = request.param == EXAMPLE
        yield culver


@pytest.mark.xdist_group("spamd")
def test_example_takes_ham(filtering, dovecot, tag):
    assert filtering.send(message(tag)).code == 250
    content, = delivered(dovecot, "alice@example.com", tag)
    assert re.search(rb"^X-Spam-Score: -?[\d.]+/5.0\r?\n"
                     rb"X-Virus-Scanned: pass\r?\nReceived: ", content, re.M)


@pytest.mark.xdist_group("spamd")
def test_example_refuses_spam(filtering, tag):
    reply = filtering.send(message(tag, f"{GTUBE}\r\n"))
    assert re.fullmatch(r"554 5\.7\.1 [Ss]pam detected", str(reply))


@pytest.mark.xdist_group("spamd")
def test_example_refuses_a_virus(filtering, tag):
    reply = filtering.send(message(tag, EICAR.decode() + "\r\n"))
    assert re.fullmatch(r"554 5\.7\.1 [Vv]irus detected", str(reply))


@pytest.mark.xdist_group("spamd")
def test_example_greylists(filtering, dovecot, tag):
    tools = filtering.tools
    tools.greylistd(is_mended=not filtering.is_ours)
    try:
        sender = f"{tag}@client.test"
        reply = filtering.send(message(tag), sender=sender)
        assert reply.code == 451
        assert "greylisted, please try again" in reply.text.lower()
        time.sleep(1.1)  # it counts in seconds
        assert filtering.send(message(tag), sender=sender).code == 250
        content, = delivered(dovecot, "alice@example.com", tag)
        assert b"X-Greylist: pass" in content
        with filtering.submission("alice@example.com") as client:
            client.mail("alice@example.com")
            client.rcpt("alice@example.com")
            assert client.data(message(tag)).code == 250
    finally:
        tools.stop()
        os.unlink(tools.path("greylist-socket"))
        tools.fake("groups", "echo nogroup")


@pytest.mark.xdist_group("spamd")
@pytest.mark.parametrize("name, arguments", [
    ("spamc", ["-U", "/nonexistent"]),
    ("clamdscan", ["--config-file=/nonexistent"])])
def test_our_example_waits_for_filters(filtering, tag, name, arguments):
    """One that cannot answer passes nothing; chasquid's is not so strict."""
    if not filtering.is_ours:
        pytest.skip("ours only")
    path = filtering.tools.path("bin", name)
    shutil.copy(path, path + ".kept")
    try:
        filtering.tools.wrap(name, *arguments)
        reply = filtering.send(message(tag))
        assert (reply.code, reply.status) == (451, "4.7.1")
        assert "out of order" in reply.text
    finally:
        os.rename(path + ".kept", path)


# --- alias-resolve -------------------------------------------------------------------------

# chasquid's own, of its tests, but for the addresses.
RESOLVE = r"""#!/bin/bash
case "$1" in
"hooked@example.com")
	# Test one naked, one full. These exist in the static aliases file.
	echo alice, bob@example.com
	;;
"nothing@example.com")
	# Test a case where there is no output.
	;;
"broken@example.com")
	exit 1
	;;
"slow@example.com")
	sleep 20
	;;
"wrong@example.com")
	echo 'a b c@@'
	;;
esac
exit 0
"""


@pytest.fixture(scope="module")
def resolving(dovecot):
    culver = Culver(dovecot, start=False)
    set_program(culver, "hooks/alias-resolve", RESOLVE)
    with culver:
        culver.start()
        yield culver


def rcpt(culver, address):
    with culver.smtp() as client:
        client.ehlo()
        client.mail()
        return client.command(f"RCPT TO:<{address}>")


def test_alias_resolve(resolving, dovecot, tag):
    reply = resolving.send(message(tag), ["hooked@example.com"])
    assert reply.code == 250, str(reply)
    for user in ("alice@example.com", "bob@example.com"):
        assert len(delivered(dovecot, user, tag)) == 1


@pytest.mark.parametrize("address, code", [
    ("alice@example.com", 250), ("nothing@example.com", 550),
    ("broken@example.com", 451), ("wrong@example.com", 451)])
def test_alias_resolve_says(resolving, address, code):
    assert rcpt(resolving, address).code == code


def test_alias_resolve_has_five_seconds(resolving):
    begin = time.monotonic()
    assert rcpt(resolving, "slow@example.com").code == 451
    assert time.monotonic() - begin < 17


# --- commands of aliases: the rest is in test_alias_command.py ---------------------------------

COMMANDS = """\
dump: | ./dump it's "a b" $HOME; | x
"""


@pytest.fixture(scope="module")
def commanding(dovecot):
    culver = Culver(dovecot, start=False, aliases={"example.com": COMMANDS})
    set_program(culver, "dump", DUMP.format(out_of(culver)))
    with culver:
        culver.start()
        yield culver


def test_command_gets_words_and_message(commanding, tag):
    """No shell has seen them."""
    seen = out_of(commanding)
    reply = commanding.send(message(tag), ["dump@example.com"])
    assert reply.code == 250, str(reply)
    wait_for(lambda: os.path.exists(f"{seen}-cwd"), 10, "the command")
    assert pathlib.Path(f"{seen}-cwd").read_text(encoding="utf-8") \
        .split("\n") == [commanding.conf, "./dump", "it's", '"a', 'b"',
                         "$HOME;", "|", "x"]
    content = pathlib.Path(f"{seen}-stdin").read_bytes()
    assert f"Subject: {tag}\n".encode() in content and b"\r" not in content
    env = dumped(seen)
    assert env.pop("MAIL_FROM") == "sender@client.test"
    assert env.pop("RCPT_TO") == "dump@example.com"
    assert env == {k: v for k, v in constant(commanding).items()
                   if k != "SPF_PASS"}
