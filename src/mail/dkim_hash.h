/* SHA-256 of a body as it streams by: RFC 6376 3.7 step 1. */
#ifndef MAIL_DKIM_HASH_H
#define MAIL_DKIM_HASH_H

#include "mail/dkim.h"
#include "mail/dkim_canon.h"

struct dkim_hash;

/* limit: only so many octets of the canonical body count (l=); UINT64_MAX: all
 * do. */
struct dkim_hash *dkim_hash_new(enum dkim_canon canon, uint64_t limit);
void dkim_hash_free(struct dkim_hash **hash);

/* The next octets of the body, any split. */
void dkim_hash_feed(struct dkim_hash *hash, struct slice octets);
/* Once, at its end. ret_octets: of the canonical body, whatever the limit. */
void dkim_hash_end(struct dkim_hash *hash,
		   unsigned char ret_digest[DKIM_HASH_OCTETS],
		   uint64_t *ret_octets);

#endif
