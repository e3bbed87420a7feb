/*
 * A signature of our own: RFC 6376 5, relaxed/relaxed. The private key is
 * elsewhere; here is made what it signs, and the field out of what it gave.
 *
 * Signed are the fields that RFC 6376 5.4.1 names, each as often as it is
 * there; those that a message must not have twice, or whose appearance would
 * change how it is read, once more than that (8.15, 5.4.2): nobody can add
 * another one without breaking the signature.
 */
#ifndef MAIL_DKIM_DRAFT_H
#define MAIL_DKIM_DRAFT_H

#include "mail/dkim.h"
#include "mail/fields.h"

#include <stdint.h>

struct dkim_draft_request {
	const struct fields *fields;
	struct slice domain;            /* d=, in A-labels */
	struct slice selector;          /* s=, in A-labels */
	enum dkim_algorithm algorithm;  /* RSA_SHA256 or ED25519_SHA256 */
	const unsigned char *body_hash; /* DKIM_HASH_OCTETS, of the relaxed
	                                   body */
	int64_t now;                    /* t= */
	uint32_t lasts_s;               /* x= is so much later; 0: no x= */
};

struct dkim_draft {
	struct slice text;  /* the header block, to be signed */
	struct slice field; /* all of it up to "b=" */
};

/* What it makes lives in arena. */
void dkim_draft_make(const struct dkim_draft_request *request,
		     struct arena *arena, struct dkim_draft *ret_draft);
/* The complete field with its line ends, in arena. signature: as the key made
 * it. */
struct slice dkim_draft_finish(const struct dkim_draft *draft,
			       struct slice signature, struct arena *arena);

/* Whether the message has a signature of this domain and selector already,
 * among the topmost. */
bool dkim_draft_is_signed(const struct fields *fields, struct slice domain,
			  struct slice selector);

#endif
