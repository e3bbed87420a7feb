/*
 * Records of SPF, "v=spf1 ..." (RFC 7208 12). Pure: the whole of a record is
 * good, or none of it is (4.6).
 */
#ifndef VERIFY_SPF_RECORD_H
#define VERIFY_SPF_RECORD_H

#include "base/arena.h"
#include "base/slice.h"

#include <netinet/in.h>

enum spf_mechanism {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
};

struct spf_term {
	enum spf_mechanism mechanism;
	char qualifier;      /* "+", "-", "~" or "?" */
	struct slice domain; /* domain-spec, with macros; or empty */
	unsigned cidr4, cidr6;
	struct in_addr ipv4; /* of SPF_IP4 */
	struct in6_addr ipv6;
};

struct spf_record {
	const struct spf_term *terms;
	size_t count;
	struct slice redirect, explanation; /* domain-spec, or empty */
};

/* Whether a TXT record is one of SPF, good or not (4.5). */
bool spf_record_is(struct slice text);

/* Parses what spf_record_is(). Views of text, lists in arena. Returns NULL, or
 * the term that is wrong, in *ret_wrong, and why (a literal). */
const char *spf_record_parse(struct slice text, struct arena *arena,
			     struct spf_record *ret_record,
			     struct slice *ret_wrong);

#endif
