/*
 * What DMARC made of one message, as it is counted for aggregate reports (RFC
 * 9990): a line of words that are the same for the same thing.
 *
 *   source=192.0.2.1 policy=reject,none,none,r,s,n disposition=reject
 *   dkim=fail spf=fail from=a.example envelope=b.example
 *   auth_spf=b.example/mfrom/pass auth_dkim=c.example/sel/pass
 *
 * policy: p, sp, np, adkim, aspf, t as they are in effect. auth_dkim comes once
 * for each signature. Nothing here has a blank or a control octet.
 */
#ifndef MAIL_DMARC_FACT_H
#define MAIL_DMARC_FACT_H

#include "mail/authres.h"
#include "mail/dmarc_record.h"

enum { DMARC_FACT_OCTETS = 2000 };

struct dmarc_fact {
	struct slice source; /* the client's address */
	const struct dmarc_record *record;
	enum dmarc_policy disposition; /* what was done */
	bool is_dkim_aligned, is_spf_aligned;
	struct slice from;     /* the author's domain */
	struct slice envelope; /* of MAIL FROM, or empty */
	bool is_helo;          /* SPF is of HELO */
	struct slice spf_domain;
	enum authres_result spf;
	/* "DOMAIN SELECTOR RESULT" each */
	const struct slice *signatures;
	size_t signature_count;
};

/* In arena, at most DMARC_FACT_OCTETS: what is longer is cut between two
 * words. */
struct slice dmarc_fact_write(const struct dmarc_fact *f, struct arena *arena);

/* The same without what tells one client from another: for when there are too
 * many of them. */
struct slice dmarc_fact_outline(const struct dmarc_fact *f,
				struct arena *arena);

#endif
