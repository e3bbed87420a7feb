/*
 * A key record, the text of a TXT record at SELECTOR._domainkey.DOMAIN: RFC
 * 6376 3.6.1, RFC 8463 4.
 */
#ifndef MAIL_DKIM_KEY_H
#define MAIL_DKIM_KEY_H

#include "mail/dkim.h"

#include <openssl/evp.h>

enum dkim_key_fault {
	DKIM_KEY_OK,
	DKIM_KEY_SYNTAX,    /* no key record */
	DKIM_KEY_REVOKED,   /* p= is empty */
	DKIM_KEY_UNKNOWN,   /* k= that we do not know */
	DKIM_KEY_SERVICE,   /* s=: not for mail */
	DKIM_KEY_HASH,      /* h= does not permit SHA-256 */
	DKIM_KEY_BROKEN,    /* p= is no such key */
	DKIM_KEY_TOO_SHORT, /* RFC 8301 3.2 */
	DKIM_KEY_TOO_LONG,
};

struct dkim_key {
	EVP_PKEY *key;                 /* owned */
	enum dkim_algorithm algorithm; /* which signatures it checks */
	bool is_testing;               /* t=y */
	bool is_strict; /* t=s: i= must have the very domain of d= */
};

/* text: the record's strings put together. *ret_key is set for DKIM_KEY_OK
 * only, but for is_testing. */
enum dkim_key_fault dkim_key_parse(struct slice text, struct arena *arena,
				   struct dkim_key *ret_key);
void dkim_key_done(struct dkim_key *key);

/*
 * Whether signature is the key's for text (the header block of RFC 6376 3.7;
 * hashed here).
 */
bool dkim_key_verify(const struct dkim_key *key, struct slice text,
		     struct slice signature);

#endif
