"""demo.sh is the first thing that a reader runs."""

import os
import re
import signal
import subprocess
import threading

import pytest

from culver import BUILD, TOP, is_alive, wait_for


def demo(*arguments):
    return subprocess.Popen(
        [TOP / "demo.sh", *arguments], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "BUILD_DIR": str(BUILD)})


@pytest.mark.timeout(300)
def test_demo_once():
    with demo("--once") as process:
        out = process.communicate(timeout=280)[0]
    assert process.returncode == 0, out
    assert "Both letters arrived" in out
    assert "235 2.7.0" in out and "ESMTPSA" in out
    place = re.search(r"LMTP on (/tmp/\w+)/", out)[1]
    assert not os.path.exists(place)


@pytest.mark.timeout(300)
def test_demo_ends_with_control_c():
    lines = []

    def read(stream):
        for line in stream:
            lines.append(line)

    process = demo()
    reader = threading.Thread(target=read, args=(process.stdout,))
    reader.start()
    try:
        wait_for(lambda: any("Ctrl-C ends it" in l for l in lines), 250)
        family = [int(p) for p in subprocess.run(
            ["ps", "-o", "pid=", "-s", str(process.pid)], check=True,
            capture_output=True, text=True).stdout.split()]
        place = re.search(r"(/tmp/culver-demo\.\w+)/culver ", "".join(lines))
        assert os.path.exists(place[1])
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0, "".join(lines)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join()
        process.stdout.close()
    wait_for(lambda: not any(map(is_alive, family)), 10, "its end")
    assert not os.path.exists(place[1])
    dovecot = re.search(r"LMTP on (/tmp/\w+)/", "".join(lines))[1]
    assert not os.path.exists(dovecot)
