/*
 * The content of DATA on its way out (RFC 5321 4.5.2): dots doubled at the
 * start of lines, a last line that ends, and the dot alone. A bare CR or LF
 * becomes CRLF: some servers take `CRLF . LF` for the end, and nobody but us
 * may say where that is.
 */
#ifndef LMTP_DOTS_H
#define LMTP_DOTS_H

#include "base/slice.h"

/* Zero is the start of the content. */
struct lmtp_dots {
	bool is_in_line;    /* the last octet did not end a line */
	bool is_cr_pending; /* it was a CR, which is already out */
};

enum { LMTP_DOTS_END_OCTETS = 5 };

/* The most octets that n octets of content become. */
#define LMTP_DOTS_ROOM(n) (2 * (n) + 1)

/* Encodes in to out, which has LMTP_DOTS_ROOM(in.n); returns the octets. */
size_t lmtp_dots_encode(struct lmtp_dots *dots, struct slice in, char *out);
/* The end of the content, at most LMTP_DOTS_END_OCTETS. */
size_t lmtp_dots_end(const struct lmtp_dots *dots, char *out);

#endif
