"""A Culver whose mail goes through a test's filters, into an LMTP server that
keeps what it is given, to the octet.

    with Filtered(dovecot, {"raw": {"socket": peer.where}}) as world:
        assert world.send(message()).code == 250
        assert world.fields[1] == (b"X-Added", b" by the filter")
"""

import collections
import os
import re
import shutil
import tempfile

from culver import Culver
from lmtp import FakeLmtp
from smtp import stuff

Field = collections.namedtuple("Field", "name value")


def split_message(content):
    """([Field], body): values are what stands after the colon, folds and
    all, without the last line end."""
    head, _, body = content.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head) if head else []
    return [Field(*field.split(b":", 1)) for field in fields], body


def one_transaction(client, content, recipient="alice@example.com",
                    sender="sender@client.test"):
    """Returns {command: reply} up to the first refusal; "." is that to the
    content."""
    said = {}
    for name, data in (("MAIL", f"MAIL FROM:<{sender}>\r\n"),
                       ("RCPT", f"RCPT TO:<{recipient}>\r\n"),
                       ("DATA", "DATA\r\n"), (".", stuff(content))):
        client.send(data)
        said[name] = client.reply()
        if said[name].code not in (250, 354):
            break
    return said


def last(said):
    """The code of the last of those replies."""
    return list(said.values())[-1].code


class Filtered:
    def __init__(self, dovecot, milters, **settings):
        self.directory = tempfile.mkdtemp(prefix="fl", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.lmtp = FakeLmtp(os.path.join(self.directory, "lmtp"))
        try:
            self.culver = Culver(dovecot, milters=milters,
                                 dovecot_lmtp=self.lmtp.path, **settings)
        except BaseException: # there is nothing to leave by __exit__
            self._clean_up()
            raise

    def __enter__(self):
        self.culver.__enter__()
        return self

    def __exit__(self, *how):
        try:
            self.culver.__exit__(*how)
        finally:
            self._clean_up()

    def _clean_up(self):
        self.lmtp.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def forget(self):
        self.lmtp.received.clear()
        self.lmtp.attempts.clear()
        self.lmtp.lines.clear()

    # --- what was delivered ------------------------------------------------------

    def smtp(self, **how):
        return self.culver.smtp(**how)

    def send(self, content, **how):
        """Returns the reply to the data; what was delivered before is
        forgotten."""
        self.forget()
        return self.culver.send(content, **how)

    def try_send(self, content, recipient="alice@example.com"):
        """Returns {command: reply} up to the first refusal; "." is that to
        the content. What was delivered before is forgotten."""
        self.forget()
        with self.smtp() as client:
            client.ehlo()
            return one_transaction(client, content, recipient)

    @property
    def recipients(self):
        return sorted(recipient for recipient, _ in self.lmtp.received)

    @property
    def content(self):
        """The one content that was delivered, to whomever."""
        contents = {content for _, content in self.lmtp.received}
        assert len(contents) == 1, contents
        return contents.pop()

    @property
    def fields(self):
        return split_message(self.content)[0]

    @property
    def body(self):
        return split_message(self.content)[1]

    @property
    def sent_on(self):
        """The content without our own Received, which must be its first."""
        found = re.match(rb"Received: [^\n]*\r\n(?:[ \t][^\n]*\r\n)*",
                         self.content)
        assert found, self.content[:300]
        return self.content[found.end():]

    @property
    def sender(self):
        """Of the last transaction: "<a@b>", and its parameters."""
        line = [x for x in self.lmtp.lines if x.startswith("MAIL FROM:")][-1]
        return line.removeprefix("MAIL FROM:")

    def values(self, name):
        """Those of all fields of that name, stripped."""
        return [f.value.strip() for f in self.fields
                if f.name.lower() == name.lower().encode()]
