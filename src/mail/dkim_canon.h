/*
 * Canonicalisation: RFC 6376 3.4. Only CRLF ends a line; a lone CR or LF is an
 * octet like others.
 */
#ifndef MAIL_DKIM_CANON_H
#define MAIL_DKIM_CANON_H

#include "mail/field.h"
#include "mail/writer.h"

#include <stdint.h>

enum dkim_canon { DKIM_SIMPLE, DKIM_RELAXED };

/* "simple", "relaxed". */
const char *dkim_canon_word(enum dkim_canon canon);

/* Adds a field to out, CRLF included: 3.4.1, 3.4.2. */
void dkim_canon_field(enum dkim_canon canon, const struct field *f,
		      struct writer *out);

/*
 * A body as it streams by, any split: 3.4.3, 3.4.4. sink gets the canonical
 * form in pieces, and its octets for the time of the call only.
 */
enum { DKIM_CANON_BUFFER = 4096 };

struct dkim_canon_body {
	enum dkim_canon canon;
	void (*sink)(struct slice octets, void *arg);
	void *arg;
	/* the machine's own: */
	uint64_t line_ends; /* that are out only if something follows */
	bool has_cr;        /* the last octet, which may begin a line end */
	bool has_blank;     /* relaxed: blanks that are out if text follows */
	bool has_text;      /* something is out */
	uint16_t n;
	char buffer[DKIM_CANON_BUFFER];
};

void dkim_canon_body_init(struct dkim_canon_body *b, enum dkim_canon canon,
			  void (*sink)(struct slice octets, void *arg),
			  void *arg);
void dkim_canon_body_feed(struct dkim_canon_body *b, struct slice octets);
void dkim_canon_body_end(struct dkim_canon_body *b);

#endif
