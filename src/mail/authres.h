/*
 * Authentication-Results (RFC 8601): what checks of a message's origin gave,
 * as we write it, and whether a field that came claims to be ours.
 */
#ifndef MAIL_AUTHRES_H
#define MAIL_AUTHRES_H

#include "base/arena.h"
#include "base/slice.h"

/* One set for SPF, DKIM and DMARC: each gives some of them (2.7). */
enum authres_result {
	AUTHRES_NONE, /* nothing there to check */
	AUTHRES_PASS,
	AUTHRES_FAIL,
	AUTHRES_SOFTFAIL, /* SPF */
	AUTHRES_NEUTRAL,
	AUTHRES_POLICY, /* DKIM: good, but not good enough for us */
	AUTHRES_TEMPERROR,
	AUTHRES_PERMERROR,
	AUTHRES_COUNT,
};

/* "pass"; "?" for what is none. */
const char *authres_word(enum authres_result result);

/* One property, "header.d=example.com" (2.2, 2.3). */
struct authres_property {
	struct slice name;  /* "header.d": ours */
	struct slice value; /* anybody's; quoted where it must be. Empty: left
	                       out */
};

struct authres_info {
	struct slice method; /* "dkim": ours */
	enum authres_result result;
	struct slice comment; /* anybody's; empty: none */
	const struct authres_property *properties;
	size_t property_count;
};

/*
 * A resinfo without its semicolon: "dkim=pass (2048 bit) header.d=a.example".
 * No octet of a value can end a line, a comment or a string.
 */
struct slice authres_resinfo(const struct authres_info *info,
			     struct arena *arena);

/* Text as a value: a token or "local@domain" as it is, else in quotes, or
 * always so. No octet of it can end a line or a string. */
struct slice authres_value(struct slice text, struct arena *arena);
struct slice authres_quoted(struct slice text, struct arena *arena);

/*
 * The whole field with its line ends, folded before each result. id: the
 * authserv-id. results: resinfos, whoever wrote them; none says "none".
 */
struct slice authres_format(struct slice id, const struct slice *results,
			    size_t count, struct arena *arena);

/*
 * Whether the value of an Authentication-Results field bears this authserv-id
 * (2.5, 5): whatever comments, folds, quotes, escapes, case, version or last
 * dot it is written with, and whatever follows it. A domain in U-labels is the
 * same as in A-labels. What cannot be read could be read as ours by others, and
 * so it claims.
 */
bool authres_claims(struct slice value, struct slice id);

#endif
