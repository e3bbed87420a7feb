/*
 * The names a local part of ours may stand for, in the order in which they
 * are tried: exact mailbox, exact alias, the mailbox and the alias without
 * detail and drop characters, catch-all.
 */
#ifndef RECEIVE_CANDIDATES_H
#define RECEIVE_CANDIDATES_H

#include "base/arena.h"
#include "base/slice.h"

enum candidate_kind {
	CANDIDATE_MAILBOX,
	CANDIDATE_ALIAS,
	CANDIDATE_ANSWER, /* an alias that the file has no second time: only
	                     hooks/alias-resolve is asked, for whole */
	CANDIDATE_CATCH_ALL,
};

struct candidate {
	enum candidate_kind kind;
	struct slice local; /* what to look for */
	struct slice whole; /* of a mailbox: what Dovecot is given, with the
	                       detail as it was written (it may name a folder);
	                       else what hooks/alias-resolve is asked for, at
	                       first with drop characters */
};

enum { CANDIDATES_MAX = 6 };

struct candidates {
	struct slice folded; /* the local part in its canonical form */
	struct candidate items[CANDIDATES_MAX];
	size_t count;
};

/*
 * local is unquoted. The detail begins at the first of the delimiters, as
 * Dovecot's LMTP cuts it, and what is in front of it is never empty. Returns 0
 * or NAME_* (smtp/name.h) when it cannot be a name of ours.
 */
int candidates_find(struct slice local, const char *delimiters,
		    const char *drop_characters, struct arena *arena,
		    struct candidates *ret_candidates);

#endif
