/*
 * Who a message says it is from: From of RFC 5322 3.6.2, with the groups of
 * RFC 6854 and the UTF-8 of RFC 6532; or any other field with addresses, such
 * as Sender. Comments, quoted strings, encoded words and obsolete syntax are
 * read as recipients.h reads them; nothing recurses.
 *
 * A reader shows one author. What could make two readers show different ones
 * is told apart here, so that nobody has to guess: it has no author.
 */
#ifndef MAIL_FROM_H
#define MAIL_FROM_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	FROM_ADDRESSES_MAX = 100,
	FROM_DOMAINS_MAX = 4,        /* in one From field */
	FROM_OCTETS = 65536,         /* of the value */
	FROM_ARENA_OCTETS = 1 << 20, /* enough for one field */
};

enum from_state {
	FROM_OK,             /* one field with at least one domain */
	FROM_MISSING,        /* no such field */
	FROM_REPEATED,       /* several fields */
	FROM_UNREADABLE,     /* not a list of addresses, or no such domain */
	FROM_WITHOUT_DOMAIN, /* no address has one: "undisclosed:;", "<>" */
	FROM_TOO_MANY,       /* addresses or domains */
};

struct from {
	enum from_state state;
	/* Of FROM_OK only. addresses: "local@domain" as written, without
	 * comments and blanks; those without domain are left out. */
	const struct slice *addresses;
	size_t address_count;
	/* Each once; canonical (smtp/name.h), or a literal with its brackets,
	 * which is no domain and has no records. */
	const struct slice *domains;
	size_t domain_count;
};

/* Reads the one field of that name in a header section (an empty line may
 * follow it). What it returns lives in arena. */
void from_read(struct slice section, struct slice name, struct arena *arena,
	       struct from *ret_from);

/* The same for the value of one field. */
void from_parse(struct slice value, struct arena *arena, struct from *ret_from);

/* "two From fields"; "" for FROM_OK. For logs and replies. */
const char *from_words(enum from_state state);

#endif
