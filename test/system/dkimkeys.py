"""DKIM keys of Culver's domains, and what DNS would say of them."""

import base64
import subprocess

import dkim


class Keys:
    """key files of a Culver's domains; what DNS would say: records."""

    def __init__(self, culver):
        self.culver = culver
        self.records = {}
        self.private = {} # as python3-dkim wants them

    def add(self, domain, selector, kind="rsa"):
        """A new active key; culver sees it by itself."""
        ask = {"rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
               "ed25519": ("ED25519",)}[kind]
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", *ask],
                             check=True, capture_output=True, text=True).stdout
        self.culver.write(f"domains/{domain}/dkim:{selector}.pem", pem)
        self.publish(domain, selector, pem)

    def publish(self, domain, selector, pem):
        der = subprocess.run(
            ["openssl", "pkey", "-pubout", "-outform", "DER"], input=pem
            .encode(), check=True, capture_output=True).stdout
        is_rsa = len(der) > 60
        key = base64.b64encode(der if is_rsa else der[-32:]).decode()
        name = f"{selector}._domainkey.{domain}"
        secret = subprocess.run(["openssl", "pkey", "-outform", "DER"],
                                input=pem.encode(), check=True,
                                capture_output=True).stdout
        self.private[name] = pem.encode() if is_rsa else \
            base64.b64encode(secret[-32:])
        self.records[name] = \
            f"v=DKIM1; k={'rsa' if is_rsa else 'ed25519'}; p={key}"

    def dns(self, name, timeout=5):
        """For python3-dkim."""
        del timeout
        record = self.records.get(name.decode().rstrip("."))
        return record.encode() if record else None


def signatures(content):
    """(d, s, a) of each signature, from the top."""
    found = []
    for name, value in dkim.rfc822_parse(content)[0]:
        if name.lower() == b"dkim-signature":
            tags = dkim.util.parse_tag_value(value)
            found.append(tuple(tags[t].decode() for t in (b"d", b"s", b"a")))
    return found


def verify_all(content, dns):
    """Whether each signature verifies, by python3-dkim."""
    def verify(i):
        try:
            return dkim.DKIM(content).verify(i, dnsfunc=dns)
        except dkim.ValidationError:
            return False
    return [verify(i) for i in range(len(signatures(content)))]
