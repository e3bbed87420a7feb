/*
 * The addresses in the body of a header field: address-list of RFC 5322 3.4
 * with groups, comments, quoted strings, folding and the routes of 4.4. Words
 * of RFC 2047 are words like others. For mail of this machine's programs: an
 * address may lack its domain, and a ";" may stand where a "," should.
 */
#ifndef MAIL_RECIPIENTS_H
#define MAIL_RECIPIENTS_H

#include "base/arena.h"
#include "base/slice.h"

enum { RECIPIENTS_MAX = 4000 };

struct recipient {
	struct slice text; /* "local@domain" or "local", as written but without
	                      comments and blanks between its parts; no control
	                      octets */
	bool is_bare;      /* it has no domain */
	size_t end;        /* in body, behind the local part: where "@domain"
	                      belongs if it is bare */
};

enum {
	RECIPIENTS_SYNTAX = 1,
	RECIPIENTS_TOO_MANY,
};

/*
 * Reads all of body (line ends and all). An empty list is fine. Returns 0 or
 * RECIPIENTS_*; on failure neither output is touched. The items live in arena.
 */
int recipients_parse(struct slice body, struct arena *arena,
		     const struct recipient **ret_items, size_t *ret_count);

#endif
