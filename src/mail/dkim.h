/*
 * What the parts of DKIM have in common: RFC 6376, with RFC 8301 (no SHA-1, no
 * short keys), RFC 8463 (Ed25519) and RFC 8616 (names beyond ASCII).
 *
 *   fields.h          the header, split
 *   dkim_tags.h       "a=b; c=d"
 *   dkim_signature.h  a DKIM-Signature field
 *   dkim_record.h     a key record
 *   dkim_canon.h      canonicalisation
 *   dkim_block.h      the part of a header that is signed
 *   dkim_hash.h       the hash of a body
 *   dkim_verifier.h   all signatures of a message
 *   dkim_draft.h      a signature of our own
 *
 * All of it is pure: DNS, the clock and private keys are the caller's.
 */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include "base/arena.h"
#include "base/slice.h"

enum dkim_algorithm {
	DKIM_RSA_SHA256,
	DKIM_ED25519_SHA256,
	DKIM_RSA_SHA1,          /* known, and refused: RFC 8301 3.1 */
	DKIM_ALGORITHM_UNKNOWN, /* also the number of those that are known */
};

/* "rsa-sha256"; "unknown". */
const char *dkim_algorithm_word(enum dkim_algorithm algorithm);
/* Letters of either case. */
enum dkim_algorithm dkim_algorithm_of(struct slice word);

enum {
	DKIM_HASH_OCTETS = 32,    /* SHA-256 */
	DKIM_RSA_BITS = 1024,     /* shorter keys prove nothing, RFC 8301 3.2 */
	DKIM_RSA_BITS_MAX = 4096, /* no longer ones need be known */
	DKIM_SELECTOR_OCTETS = 128, /* of the A-label form */
};

/* "SELECTOR._domainkey.DOMAIN", RFC 6376 3.6.2.1, in arena. */
struct slice dkim_key_name(struct slice selector, struct slice domain,
			   struct arena *arena);

/*
 * A selector in its canonical form: lower-case A-labels (RFC 8616 4), in
 * arena. Returns 0 or NAME_* of smtp/name.h.
 */
int dkim_selector(struct slice selector, struct arena *arena,
		  struct slice *ret_selector);

#endif
