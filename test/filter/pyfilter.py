#!/usr/bin/python3
"""What filter.c is, with python3-milter: pyfilter.py SOCKET SCRIPT JOURNAL."""

import itertools
import json
import os
import re
import sys
import time

import Milter

MACROS = ("i", "j", "_", "v", "{daemon_name}", "{daemon_addr}",
          "{daemon_port}", "{if_name}", "{if_addr}", "{client_addr}",
          "{client_port}", "{client_name}", "{client_ptr}",
          "{client_resolve}", "{client_connections}", "{tls_version}",
          "{cipher}", "{cipher_bits}", "{tls_sni}", "{verify}",
          "{mail_addr}", "{mail_host}", "{mail_mailer}", "{rcpt_addr}",
          "{rcpt_host}", "{rcpt_mailer}", "{auth_type}", "{auth_authen}",
          "{auth_author}", "{auth_ssf}", "{msg_id}", "{msg_size}",
          "b", "r", "s", "{test_extra}")

VERDICTS = {"continue": Milter.CONTINUE, "accept": Milter.ACCEPT,
            "reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL,
            "discard": Milter.DISCARD, "skip": Milter.SKIP,
            "noreply": Milter.NOREPLY}


def unescape(field):
    return re.sub(rb"\\x(..)", lambda found: bytes([int(found[1], 16)]),
                  field.encode("latin-1"))


def text(field):
    return field.decode("utf-8", "surrogateescape")


def read_script(path):
    with open(path, encoding="latin-1") as f:
        return [[unescape(field) for field in line.split("\t")]
                for line in f.read().split("\n") if line]


class Filter(Milter.Base):
    script_path = journal = None
    serial = itertools.count()

    def __init__(self):
        self.rules = read_script(self.script_path)
        self.number = next(self.serial)
        self.sender = ""
        self.calls = {}

    def write(self, stage, **more):
        line = json.dumps({"session": self.number, "stage": stage, **more})
        os.write(self.journal, line.encode() + b"\n")

    def act(self, stage, about, arguments=()):
        self.calls[stage] = number = self.calls.get(stage, 0) + 1
        values = ((name, self.getsymval(name)) for name in MACROS)
        self.write(stage, args=[
            a.decode("latin-1") if isinstance(a, bytes) else
            a.encode("utf-8", "surrogateescape").decode("latin-1")
            for a in arguments],
            macros={n: v for n, v in values if v is not None})
        verdict = Milter.CONTINUE
        for rule in self.rules:
            at, condition, action = map(text, rule[:3])
            fits = number == int(condition[1:]) \
                if condition.startswith("#") else condition in about
            if at != stage or not fits:
                continue
            if action in VERDICTS:
                verdict = VERDICTS[action]
            else:
                self.do(action, rule[3:])
        return verdict

    def do(self, action, raw):
        a = [text(field) for field in raw]
        result = 0
        try:
            getattr(self, "do_" + action)(raw, a)
        except (Milter.error, ValueError) as error:
            result = -1
            self.write("problem", args=[str(error)])
        self.write("did", args=[action], result=result)

    def do_addheader(self, _, a):
        self.addheader(a[0], a[1])

    def do_insheader(self, _, a):
        self.addheader(a[1], a[2], int(a[0]))

    def do_chgheader(self, _, a):
        self.chgheader(a[1], int(a[0]), a[2])

    def do_body(self, raw, _):
        self.replacebody(raw[0])

    def do_longbody(self, _, a):
        size, piece = int(a[0]), int(a[1])
        line = b"x" * 72 + b"\r\n"
        body = (line * (size // 74 + 1))[:size]
        for i in range(0, size, piece):
            self.replacebody(body[i:i + piece])

    def do_addrcpt(self, _, a):
        self.addrcpt(a[0])

    def do_addrcptpar(self, _, a):
        self.addrcpt(a[0], a[1])

    def do_delrcpt(self, _, a):
        self.delrcpt(a[0])

    def do_chgfrom(self, _, a):
        self.chgfrom(*a)

    def do_quarantine(self, _, a):
        self.quarantine(a[0])

    def do_setreply(self, _, a):
        self.setreply(a[0], a[1] or None, *a[2:])

    def do_progress(self, *_):
        self.progress()

    def do_sleep(self, _, a):
        time.sleep(int(a[0]) / 1000)

    def do_exit(self, *_):
        os._exit(1)

    # --- events --------------------------------------------------------------

    def negotiate(self, opts):
        self.write("negotiate", actions=opts[0], steps=opts[1])
        actions, steps = opts[0] & 0x1ff, opts[1] & Milter.P_SKIP
        for rule in self.rules:
            at, _, action, *arguments = map(text, rule)
            if at != "negotiate":
                continue
            if action == "actions":
                actions = int(arguments[0], 0)
            elif action == "steps":
                steps = int(arguments[0], 0)
            elif action == "symbols":
                # its own wrapper of this does not work in python3
                self._ctx.setsymlist(int(arguments[0]), arguments[1])
        self._actions, self._protocol = actions, steps
        opts[:] = [actions, steps, 0, 0]
        return Milter.CONTINUE

    def connect(self, hostname, family, hostaddr):
        del family
        address = [str(part) for part in hostaddr[:2]] \
            if isinstance(hostaddr, tuple) else ["", ""]
        return self.act("connect", hostname, [hostname, *address])

    def hello(self, hostname):
        return self.act("helo", hostname, [hostname])

    def envfrom(self, sender, *parameters):
        self.sender = sender
        self.calls = {}
        return self.act("mail", sender, [sender, *parameters])

    def envrcpt(self, to, *parameters):
        return self.act("rcpt", to, [to, *parameters])

    def data(self):
        return self.act("data", self.sender)

    @Milter.decode("bytes")
    def header(self, field, value):
        return self.act("header", self.sender, [field, value])

    def eoh(self):
        return self.act("eoh", self.sender)

    def body(self, blk):
        return self.act("body", self.sender, [blk])

    def eom(self):
        return self.act("eom", self.sender)

    def abort(self):
        return self.act("abort", self.sender)

    def unknown(self, cmd):
        return self.act("unknown", cmd, [cmd])

    def close(self):
        return self.act("close", "")


def main():
    where, Filter.script_path, journal = sys.argv[1:]
    Filter.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                             0o644)
    Milter.factory = Filter
    Milter.set_flags(Milter.CURR_ACTS)
    Milter.runmilter("scripted", where, 600)


main()
