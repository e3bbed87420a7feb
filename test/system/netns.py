"""A network of one's own, with addresses that this machine does not have.

    with Network("2600:bad::1"):
        ... what is started here lives in it ...

Only for root, who may make one; why_not() says so. Sockets with a path are
there for all networks."""

import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Why there can be none here, or ""."""
    if os.geteuid() != 0:
        return "only root makes a network"
    if shutil.which("ip") is None:
        return "iproute2 is missing"
    done = subprocess.run(["unshare", "--net", "true"], check=False,
                          capture_output=True)
    return "" if done.returncode == 0 else "no network can be made here"


class Network:
    """For the thread that enters it, and all threads and processes that it
    starts."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.old = None

    def __enter__(self):
        self.old = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if _libc.unshare(CLONE_NEWNET) != 0:
            os.close(self.old)
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            self._ip("link", "set", "lo", "up")
            for address in self.addresses:
                self._ip("address", "add", address, "dev", "lo",
                         *(["nodad"] if ":" in address else []))
            if ":" in self.addresses[0]:  # from where all others are reached
                self._ip("-6", "route", "add", "2000::/3", "dev", "lo", "src",
                         self.addresses[0])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        _libc.setns(self.old, CLONE_NEWNET)
        os.close(self.old)

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)
