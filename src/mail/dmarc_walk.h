/*
 * Where the records are: the tree walk of RFC 9989 4.10, and the list of
 * public suffixes (libpsl, which has it built in) where that is asked.
 */
#ifndef MAIL_DMARC_WALK_H
#define MAIL_DMARC_WALK_H

#include "mail/dmarc.h"

/* Answers to what was asked for one message: walks meet at their upper ends. */
struct dmarc_lookups;

struct dmarc_lookups *dmarc_lookups_new(dmarc_ask *ask, void *ask_arg,
					struct arena *arena);

struct dmarc_found {
	struct slice domain;
	struct slice text;
	struct dmarc_record record;
	bool is_unusable;
};

/*
 * The record of that very domain. Several are none (4.10, step 2). Returns
 * DATA, NO_DATA (NO_NAME too), or FAILED.
 */
enum dmarc_txt dmarc_record_of(struct dmarc_lookups *l, struct slice domain,
			       struct dmarc_found *ret_found);

/* Whether domain exists: not known is yes. */
bool dmarc_domain_exists(struct dmarc_lookups *l, struct slice domain);

struct dmarc_walk {
	/* From the longest domain on; a record with psd=y or n is the last. */
	struct dmarc_found found[DMARC_QUERIES];
	size_t count;
	struct slice organization; /* the Organizational Domain: 4.10.2 */
};

/* Walks up from domain. Returns false if an answer failed. */
bool dmarc_walk(struct dmarc_lookups *l, struct slice domain,
		struct dmarc_walk *ret_walk);

/* The record for domain that the walk found (4.10.1), or NULL. */
const struct dmarc_found *dmarc_walk_policy(const struct dmarc_walk *walk,
					    struct slice domain);

/* The organizational domain as RFC 7489 3.2 had it. */
struct slice dmarc_listed_organization(struct slice domain,
				       struct arena *arena);

#endif
