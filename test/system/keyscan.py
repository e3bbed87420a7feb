"""Looks for private keys in the memory of processes: as PEM, as octets of a
number in either order, as OpenSSL and others keep it."""

import array
import base64
import os
import re
import subprocess

PAGE = os.sysconf("SC_PAGE_SIZE")
HUGE = 1 << 30  # of address sanitizer: it tells which octets are whose
MIN = 16        # octets or letters, so that nothing is found by chance


def numbers_of(path):
    """The private numbers of a key: primes, exponents, a scalar, a seed."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"],
                          check=True, capture_output=True, text=True).stdout
    found = []
    for name, body in re.findall(r"^(\w+):\n((?: {4}[0-9a-f:]+\n)+)", text,
                                 re.M):
        if name in ("priv", "privateExponent", "prime1", "prime2"):
            number = bytes.fromhex(re.sub(r"[\s:]", "", body))
            found.append(number.lstrip(b"\0"))
    assert found
    return found


def pem_parts(path, numbers):
    """What of the PEM's lines tells a part of the numbers."""
    with open(path, encoding="ascii") as f:
        lines = [l.strip() for l in f if not l.startswith("-----")]
    der = base64.b64decode("".join(lines))
    for number in numbers:
        begin = der.index(number)
        for i, line in enumerate(lines):
            first = max(0, begin - i * 48)
            last = min(len(line) * 3 // 4, begin + len(number) - i * 48)
            part = line[-(-first // 3) * 4:max(0, last) // 3 * 4]
            if len(part) >= MIN:
                yield part.encode()


def needles(path):
    """Parts of the key at path: each tells enough to be sure."""
    numbers = numbers_of(path)
    found = list(pem_parts(path, numbers))[:4]
    for number in numbers:
        middle = number[4:-4][:24]
        assert len(middle) >= MIN
        found += [middle, middle[::-1]]
    return found


def regions(pid):
    """(begin, end) of what a process can write or has made itself."""
    with open(f"/proc/{pid}/maps", encoding="latin-1") as f:
        parts = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)",
                           f.read(), re.M)
    for begin, end, rights, inode in parts:
        begin, end = int(begin, 16), int(end, 16)
        if "r" in rights and end - begin < HUGE and \
                ("w" in rights or inode == "0"):
            yield begin, end


def touched(pagemap, begin, end):
    """The parts of a region that are there, [(begin, end)]."""
    pagemap.seek(begin // PAGE * 8)
    pages = array.array("Q", pagemap.read((end - begin) // PAGE * 8))
    start = None
    for i, page in enumerate(pages):
        if page >> 62 and start is None:  # in memory or swapped out
            start = i
        elif not page >> 62 and start is not None:
            yield begin + start * PAGE, begin + i * PAGE
            start = None
    if start is not None:
        yield begin + start * PAGE, end


def memory(pid):
    """Blocks of a process' memory."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem, \
            open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for region in regions(pid):
            for begin, end in touched(pagemap, *region):
                mem.seek(begin)
                try:
                    yield mem.read(end - begin)
                except OSError:
                    pass  # [vvar]


def finds(pid, wanted):
    """The needles that are in the process' memory."""
    found = set()
    for block in memory(pid):
        found |= {needle for needle in wanted if needle in block}
    return found
