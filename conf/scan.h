/*
 * A first look at culver.conf, for what libconfuse does not say: which setting
 * stands in which line, twice or with an unknown name, and what is never
 * closed. It also keeps from libconfuse what would confuse it: comments (they
 * put its line numbers out), escapes it fails on, octets it skips without a
 * word, and the titles of blocks, which may be there or not.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include "base/arena.h"
#include "conf/errors.h"

struct scan_statement {
	struct slice name; /* view of the text */
	unsigned line;
	bool is_block;      /* NAME { } and not NAME = value */
	struct slice title; /* NAME TITLE { }: without quotes; or empty */
	size_t block; /* it stands in that statement, counted from 1; or 0 */
};

struct scan {
	char *text;
	size_t n;
	const char *file; /* for the messages */
	struct arena *arena;
	struct conf_errors *errors;
	/* Found: outside of all blocks, and right within one. */
	struct scan_statement *statements;
	size_t count;
};

/*
 * Looks at the text and blanks out its comments and the titles of blocks. Returns false when an error
 * was added: the text is then not for libconfuse.
 */
bool scan_run(struct scan *scan);

#endif
