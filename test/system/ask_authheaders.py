"""What python3-authheaders says of messages: run as a program by itself with
-P, since its package "dns" is another one than dns.py here.

Its input is JSON: {"records": {"NAME TXT": [text]}, "messages": [{"content":
text in Latin-1, "spf": result, "domain": SPF's}]}; its output a list of DMARC's
results."""

import json
import sys
import tempfile

import authheaders
from authheaders import dmarc_lookup


def main():
    asked = json.load(sys.stdin)
    # To its list "example" is no top-level domain.
    suffixes = tempfile.NamedTemporaryFile("w", encoding="utf-8")
    suffixes.write("com\nexample\ntest\n")
    suffixes.flush()
    dmarc_lookup.get_suffix_list_file_name = lambda: suffixes.name

    def text_of(name, timeout=5):
        del timeout
        name = name.decode() if isinstance(name, bytes) else name
        found = asked["records"].get(name.rstrip(".") + " TXT")
        return found[0] if found else None

    def key_of(name, timeout=5):
        return (text_of(name, timeout) or "").encode()

    results = []
    for message in asked["messages"]:
        content = message["content"].encode("latin-1")
        spf = authheaders.SPFAuthenticationResult(
            result=message["spf"], smtp_mailfrom="a@" + message["domain"])
        signature = authheaders.check_dkim(content, dnsfunc=key_of)
        results.append(authheaders.check_dmarc(
            content, spf, signature, dnsfunc=text_of).result)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
