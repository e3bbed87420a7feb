/*
 * The header block, which is what a DKIM key signs: the fields that h= names,
 * then the DKIM-Signature field itself without its value of b=; RFC 6376 3.7
 * step 2, 5.4.2.
 */
#ifndef MAIL_DKIM_BLOCK_H
#define MAIL_DKIM_BLOCK_H

#include "mail/dkim_canon.h"
#include "mail/fields.h"

struct dkim_block_request {
	const struct fields *fields;
	enum dkim_canon canon;
	const struct slice *names; /* each takes the lowest field so named that
	                              is left, or nothing */
	size_t name_count;
	const struct field *left_out; /* of fields: the signature that is being
	                                 checked; NULL: none */
	struct field signature;       /* without the value of b= */
};

/* Adds it to out. arena: for the time of the call. Returns how many From
 * fields are not in it. */
size_t dkim_block_write(const struct dkim_block_request *request,
			struct arena *arena, struct writer *out);

#endif
