/*
 * Macros of SPF (RFC 7208 7). Pure.
 */
#ifndef VERIFY_SPF_MACRO_H
#define VERIFY_SPF_MACRO_H

#include "base/arena.h"
#include "base/slice.h"

#include <netinet/in.h>

enum {
	SPF_MACRO_OCTETS = 1024, /* of a text to be expanded */
	SPF_VALUE_OCTETS = 512,  /* of each fact */
};

/* What the letters stand for. */
struct spf_facts {
	struct slice local, sender_domain; /* l, o; s is both */
	struct slice domain;               /* d: the one whose record it is */
	struct slice helo;                 /* h */
	struct slice validated;            /* p */
	struct slice hostname;             /* r: ours */
	int family;                        /* AF_INET or AF_INET6 */
	struct in_addr ipv4;               /* i, c, v */
	struct in6_addr ipv6;
	int64_t now_s; /* t */
};

/* macro-string of RFC 7208 7.1; an explain-string, which may have spaces and
 * the letters c, r and t. */
bool spf_macro_is_valid(struct slice text);
bool spf_macro_is_explanation(struct slice text);
/* Valid, and ends as the name of a host may: domain-spec. */
bool spf_macro_is_domain(struct slice text);

/* Whether one of the letters (lower case) is used in a valid text. */
bool spf_macro_uses(struct slice text, const char *letters);

/* Of a valid text of at most SPF_MACRO_OCTETS; in arena. */
struct slice spf_macro_expand(struct slice text, const struct spf_facts *facts,
			      struct arena *arena);

#endif
