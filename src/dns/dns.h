/*
 * Questions to DNS. An answer is what the configured resolvers say, validated
 * here (RFC 4035); what does not validate is an answer to nobody.
 *
 * Some resolvers do not pass signatures on, so that the root's keys cannot be
 * validated. Then those that the configuration has in their place are tried, one
 * after the other; and if none of them does, the first that answers else is
 * asked and nothing is validated (dns_mode): mail goes on without DANE, and the
 * log says so. That is decided before the first answer, and tried again from
 * time to time. Once it was found that they do pass signatures, what is bogus
 * stays bogus. While a chosen resolver does not answer at all, nobody is asked
 * in its place: it may know names that others do not.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "base/slice.h"

#include <event2/event.h>

struct dns;
struct dns_query;

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
};

enum dns_result {
	DNS_DATA,
	DNS_NO_DATA, /* the name exists, but not with this type */
	DNS_NO_NAME, /* nor does anything below it: RFC 8020 */
	DNS_FAILED,  /* nobody answered, or only with SERVFAIL and the like */
	DNS_BOGUS,   /* it was to be validated and could not be */
};

enum { DNS_RECORDS_MAX = 100 };

struct dns_answer {
	enum dns_result result;
	bool is_secure; /* validated, aliases on the way too */
	/* RDATA of that type, at most DNS_RECORDS_MAX; names in it are not
	 * compressed. Hostile. */
	const struct slice *records;
	size_t count;
	/* The name at the end of the aliases, as text, with its last dot;
	 * empty when there were none. Hostile. */
	struct slice canonical;
	bool is_silence;      /* FAILED: nobody said anything in time */
	struct slice problem; /* FAILED and BOGUS, in words */
};

enum dns_mode {
	DNS_UNTRIED,
	DNS_VALIDATES,
	DNS_UNVALIDATED, /* anchors missing, or resolvers without signatures */
};

/* Bytes are copied. resolvers and anchors: unbound.h. */
struct dns_config {
	const char *const *resolvers;
	size_t resolver_count;
	/* In place of resolvers that pass no signatures on, or that there are
	 * none of: "local" (a resolver on this machine), addresses, "recursion"
	 * (the servers of DNS themselves). One of all these there must be. */
	const char *const *fallbacks;
	size_t fallback_count;
	struct slice anchors;
	unsigned timeout_ms; /* of a question; then it is DNS_FAILED */
	unsigned recheck_ms; /* when those are tried again that came before */
};

struct dns *dns_new(struct event_base *base, const struct dns_config *config);
/* Open questions are asked again under the new configuration. When nothing has
 * changed, what is known is kept. */
void dns_configure(struct dns *dns, const struct dns_config *config);
/* No question may be open. */
void dns_free(struct dns **dns);
enum dns_mode dns_mode(const struct dns *dns);

/* The answer lives during the call; the query ends with it. Never called from
 * within dns_ask(). */
typedef void dns_done(const struct dns_answer *answer, void *arg);

/* name: canonical (smtp/name.h), or with labels that begin with "_". */
struct dns_query *dns_ask(struct dns *dns, struct slice name,
			  enum dns_type type, dns_done *done, void *arg);
/* NULL is allowed. */
void dns_cancel(struct dns_query **query);

#endif
