/*
 * A DKIM-Signature field, read: RFC 6376 3.5. What is not needed to check it
 * (z=, unknown tags) is passed over.
 */
#ifndef MAIL_DKIM_SIGNATURE_H
#define MAIL_DKIM_SIGNATURE_H

#include "mail/dkim.h"
#include "mail/dkim_canon.h"
#include "mail/field.h"

#include <stdint.h>

enum { DKIM_SIGNED_NAMES_MAX = 512 }; /* in h= */

struct dkim_signature {
	enum dkim_algorithm algorithm;
	enum dkim_canon header, body;
	struct slice domain;          /* d=, in lower-case A-labels */
	struct slice selector;        /* s=, the same */
	struct slice identity;        /* i= as written, but decoded; or empty */
	struct slice identity_domain; /* its domain as d=; d= where there is no
	                                 i= */
	struct slice signature;       /* b=, decoded */
	struct slice body_hash;       /* bh=, decoded */
	const struct slice *names;    /* h=, in its order */
	size_t name_count;
	uint64_t length;             /* l=; UINT64_MAX: the whole body */
	uint64_t signed_at;          /* t=, wall-clock seconds; 0: not said */
	uint64_t expires_at;         /* x=; 0: never */
	struct field unsigned_field; /* less the value of b= */
	struct slice signature_text; /* b= as written, without blanks */
};

enum dkim_fault {
	DKIM_OK,
	DKIM_SYNTAX,   /* no tag list, a tag is missing or makes no sense */
	DKIM_VERSION,  /* v= is not 1 */
	DKIM_UNKNOWN,  /* a=, c= or q= that we do not know */
	DKIM_MISMATCH, /* i= is not within d= */
	DKIM_FROM,     /* From is not among what it signs, 5.4 */
};

/*
 * f: a DKIM-Signature field. What is returned lives in arena; what could be
 * read is there on a fault too, for the log and for Authentication-Results:
 * names are empty, algorithm is DKIM_ALGORITHM_UNKNOWN where nothing was.
 */
enum dkim_fault dkim_signature_parse(const struct field *f, struct arena *arena,
				     struct dkim_signature *ret_signature);

#endif
