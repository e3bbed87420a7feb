/*
 * What DKIM signs (RFC 6376 3.7), told from everything else by its shape:
 * canonical header fields, simple or relaxed (3.4.1, 3.4.2), of which the last
 * is the DKIM-Signature field being made.
 */
#ifndef KEYRING_HEADER_BLOCK_H
#define KEYRING_HEADER_BLOCK_H

#include "base/slice.h"

enum { HEADER_BLOCK_OCTETS = 1 << 20 };

/* Of the last field: views of the block. */
struct header_block {
	struct slice domain;    /* d= */
	struct slice selector;  /* s= */
	struct slice algorithm; /* a= */
};

/*
 * Returns NULL, or what is wrong (a literal). Each field is a name, a colon
 * and a value, folded or not, with its CRLF; the last one has none, v=1, a
 * single d=, s= and a=, and an empty b=. A From field is among the others, as
 * RFC 6376 5.4 demands.
 */
const char *header_block_read(struct slice text,
			      struct header_block *ret_block);

#endif
