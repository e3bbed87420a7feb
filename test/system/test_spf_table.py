"""Our table of SPF cases (test/unit/verify/spf.table), asked of another
implementation: python3-spf. Ours is held to it by test/unit/verify/test-spf.c.
"""

import codecs
import pathlib

import pytest

spf = pytest.importorskip("spf")

TABLE = pathlib.Path(__file__).parents[1] / "unit" / "verify" / "spf.table"
DEFAULT = "explanation"  # what we give it for domains that say nothing


def unescape(text):
    return codecs.escape_decode(text.encode())[0] if "\\x" in text \
        else text.encode()


class Zone:
    def __init__(self):
        self.records, self.dead = {}, set()

    def add(self, name, kind, value):
        if kind == "FAIL":
            self.dead.add(name)
        elif kind == "MXS":
            for i in range(1, int(value) + 1):
                self.add(name, "MX", f"10 h{i}.{name}")
                self.add(f"h{i}.{name}", "A", f"10.0.0.{i}")
            if int(value) >= 10:
                self.add(f"h10.{name}", "A", "192.0.2.50")
        elif kind == "LONG":
            self.add(name, "TXT", value + " ip4:10.0.0.1" * 80)
        else:
            if kind == "TXT":
                octets = unescape(value)
                value = [octets[i:i + 40] for i in range(0, len(octets), 40)]
            elif kind == "MX":
                preference, host = value.split(" ")
                value = (int(preference), host)
            self.records.setdefault((name.lower(), kind), []).append(value)

    def look_up(self, name, kind, strict=True, timeout=0):
        del strict, timeout
        name = name.lower().rstrip(".")
        if name in self.dead:
            raise spf.TempError("DNS is silent")
        return [((name, kind), value)
                for value in self.records.get((name, kind), [])]


def read_table():
    zone, cases = Zone(), []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            line, _, why = line[2:].partition(" ! ")
            fields = [field.strip() for field in line.split("|")]
            cases.append((fields + [""])[:6] + [why])
        elif line and not line.startswith("#"):
            zone.add(*(line.split(" ", 2) + [""])[:3])
    return zone, cases


def theirs(client, helo, sender):
    query = spf.query(client, unescape(sender).decode(), helo,
                      receiver="mx.example.org", querytime=20)
    query.set_default_explanation(DEFAULT)
    result, _, words = query.check()
    return result, "" if result != "fail" or words == DEFAULT else words


def test_table(monkeypatch):
    zone, cases = read_table()
    monkeypatch.setattr(spf, "DNSLookup", zone.look_up)
    wrong = []
    differing = 0
    for what, client, helo, sender, result, words, why in cases:
        try:
            theirs_now = theirs(client, helo, sender)
        except Exception as error:  # pylint: disable=broad-except
            theirs_now = (f"{type(error).__name__}: {error}", "")
        agrees = theirs_now == (result, words)
        differing += not agrees
        if not agrees:
            print(f"{what}: ours {result} {words!r}, python3-spf "
                  f"{theirs_now[0]} {theirs_now[1]!r} ({why or '?'})")
        if agrees == bool(why):
            wrong.append(what)
    print(f"SPF: {len(cases) - differing} of {len(cases)} cases agree with "
          f"python3-spf, {differing} differ for the reasons given")
    assert not wrong, "a difference without reason, or a reason without one"
