/*
 * A key record, the text of a TXT record at SELECTOR._domainkey.DOMAIN: RFC
 * 6376 3.6.1, RFC 8463 4.
 */
#ifndef MAIL_DKIM_RECORD_H
#define MAIL_DKIM_RECORD_H

#include "mail/dkim.h"

#include <openssl/evp.h>

enum dkim_record_fault {
	DKIM_RECORD_OK,
	DKIM_RECORD_SYNTAX,    /* no key record */
	DKIM_RECORD_REVOKED,   /* p= is empty */
	DKIM_RECORD_UNKNOWN,   /* k= that we do not know */
	DKIM_RECORD_SERVICE,   /* s=: not for mail */
	DKIM_RECORD_HASH,      /* h= does not permit SHA-256 */
	DKIM_RECORD_BROKEN,    /* p= is no such key */
	DKIM_RECORD_TOO_SHORT, /* RFC 8301 3.2 */
	DKIM_RECORD_TOO_LONG,
};

struct dkim_record {
	EVP_PKEY *key;                 /* owned */
	enum dkim_algorithm algorithm; /* which signatures it checks */
	bool is_testing;               /* t=y */
	bool is_strict; /* t=s: i= must have the very domain of d= */
};

/* text: the record's strings put together. *ret_key is set for DKIM_RECORD_OK
 * only, but for is_testing. */
enum dkim_record_fault dkim_record_parse(struct slice text, struct arena *arena,
					 struct dkim_record *ret_key);
void dkim_record_done(struct dkim_record *key);

/*
 * Whether signature is the key's for text (the header block of RFC 6376 3.7;
 * hashed here).
 */
bool dkim_record_verify(const struct dkim_record *key, struct slice text,
			struct slice signature);

#endif
