"""What this machine's own programs send, by command line, goes through filters
as well: scenario 33 of milter-scenarios.md."""

import os

from conftest import delivered
from milters import CLOSE, RawFilter
from milterwire import (CONTINUE, TEMPFAIL, add_rcpt, insert_header, quarantine,
                        replace_body, say)
from test_sendmail import ME, Host, one

NO = say("550 5.7.1 filter says no")


def filtered(dovecot, local):
    return Host(dovecot, milters={"here": {"socket": local.where,
                                           "listeners": ["local"]}})


def test_edits(dovecot, tag):
    """Each event as if it came over SMTP from localhost."""
    with RawFilter() as local, filtered(dovecot, local) as host:
        local.reset({"E": [insert_header(1, "X-Seen", "yes"),
                           add_rcpt("<bob@example.com>"),
                           replace_body(b"new\r\n"), CONTINUE]})
        host.sendmail("alice@example.com",
                      content=f"Subject: {tag}\n\nold\n".encode())
        for user in ("alice@example.com", "bob@example.com"):
            content = one(dovecot, tag, user)
            assert b"X-Seen: yes" in content
            assert content.rstrip().endswith(b"new")
        session = local.wait_session()
        assert session.short_letters == "OCHMRTLNBEQ"
        assert session.all("H")[0].strings == ["localhost"]
        assert session.all("M")[0].strings[0] == f"<{ME}@host.test>"
        assert session.all("R")[0].strings[0] == "<alice@example.com>"
        assert session.body == b"old\r\n"


def test_refusals(dovecot, tag):
    """Of a recipient or of the whole: the caller hears it, and has its
    message still."""
    with RawFilter() as local, filtered(dovecot, local) as host:
        for stage, reply, status in (
                ("C", NO, os.EX_UNAVAILABLE), ("H", NO, os.EX_DATAERR),
                ("M", NO, os.EX_DATAERR), ("R", NO, os.EX_UNAVAILABLE),
                ("T", NO, os.EX_UNAVAILABLE), ("E", NO, os.EX_UNAVAILABLE),
                ("E", TEMPFAIL, os.EX_TEMPFAIL), ("E", CLOSE, os.EX_TEMPFAIL)):
            local.reset({stage: reply})
            said = host.sendmail("alice@example.com", status=status,
                                 content=f"Subject: {tag}\n\nx\n".encode())
            assert status == os.EX_TEMPFAIL or "filter says no" in said, stage
        assert host.culver.queue_size() == 0
        assert not delivered(dovecot, "alice@example.com", tag, timeout=0.5)


def test_held(dovecot, tag):
    with RawFilter() as local, filtered(dovecot, local) as host:
        local.reset({"E": [quarantine("looks odd"), CONTINUE]})
        host.sendmail("alice@example.com",
                      content=f"Subject: {tag}\n\nx\n".encode())
        assert "looks odd" in host.culver.ctl("queue").stdout


def test_bounce(dovecot, tag):
    """What we say ourselves is not asked about, and not lost."""
    with RawFilter() as local, filtered(dovecot, local) as host:
        host.sendmail("-f", "alice@example.com", "full@example.com",
                      content=f"Subject: {tag}\n\nx\n".encode())
        content = one(dovecot, tag)
        assert b"report-type=delivery-status" in content
        assert [s.short_letters for s in local.sessions if "M" in s.letters] \
            == ["OCHMRTLNBEQ"]
