/*
 * One domain's aliases, chasquid's syntax: "user: target, target", or
 * "user: | command arguments"; "*" as catch-all on the left and as "the user
 * asked for" on the right, "target via host/host" (conf/via.h), comments,
 * UTF-8. A later duplicate wins (a warning names both lines). Left sides lose drop characters and are folded
 * (smtp/name.h).
 */
#ifndef CONF_ALIASES_H
#define CONF_ALIASES_H

#include "base/slice.h"
#include "conf/errors.h"
#include "smtp/address.h"

struct aliases;

struct alias_target {
	struct address address; /* complete: a bare user got the file's domain;
	                           of a local domain the local part is folded */
	bool is_same_user;      /* "*@domain" or "*": local part as asked for */
	struct slice via;       /* "host/host", then it is outside, whatever its
	                     domain; else empty */
};

struct alias {
	struct slice user; /* canonical; "*" for the catch-all */
	unsigned line;
	const struct alias_target *targets;
	size_t count;
	struct slice command; /* what stands after the bar, commas and all; not
	                         empty if count is 0, else empty */
};

/*
 * Parses text, which need not outlive the call. file is for the messages.
 * Every wrong line is one error. Returns NULL when there was one.
 */
struct aliases *aliases_parse(struct slice text, const char *file,
			      struct slice domain, const char *drop_characters,
			      struct conf_errors *errors);
void aliases_free(struct aliases **aliases);

/*
 * Parses the right side of an alias of domain that has no left side, such as
 * hooks/alias-resolve prints; blanks and line ends around it do not count.
 * user and line stay as they are in *ret_alias, the rest lives in arena. All
 * of it may be empty: then there are no targets and no command. Returns false
 * with an error in errors, or true.
 */
bool aliases_parse_targets(struct slice text, struct slice domain,
			   struct arena *arena, struct conf_errors *errors,
			   struct alias *ret_alias);

/* The alias of a canonical local part; "*" gives the catch-all. NULL: none. */
const struct alias *aliases_find(const struct aliases *aliases,
				 struct slice user);
size_t aliases_count(const struct aliases *aliases);

#endif
