/*
 * DMARC (RFC 9989): the record, who published it, and what it says of a
 * message. Pure: TXT records come by a callback, which may block.
 *
 * Who wrote a record for RFC 7489 (it has pct, ri or rf, and none of psd, np
 * and t) gets the organizational domains of that time, which the public suffix
 * list draws; so does a domain without a record, whose alignment matters to
 * ourselves alone. doc/decisions/dmarc.md says why.
 */
#ifndef MAIL_DMARC_H
#define MAIL_DMARC_H

#include "mail/authres.h"
#include "mail/dmarc_record.h"
#include "mail/from.h"

enum {
	DMARC_QUERIES = 8, /* a tree walk asks no more: RFC 9989 4.10 */
	DMARC_ARENA_OCTETS = 4 << 20, /* enough for dmarc_check() */
};

/* --- a message ------------------------------------------------------------------ */

enum dmarc_txt {
	DMARC_TXT_DATA,
	DMARC_TXT_NO_DATA, /* the name exists */
	DMARC_TXT_NO_NAME, /* NXDOMAIN: RFC 8020 */
	DMARC_TXT_FAILED,  /* SERVFAIL, bogus, nobody there */
};

/* Asks for the TXT records of name. The outputs, on DATA only, are copied. */
typedef enum dmarc_txt dmarc_ask(void *arg, struct slice name,
				 const struct slice **ret_texts,
				 size_t *ret_count);

/* What SPF or one DKIM signature gave, and for which domain (canonical). */
struct dmarc_identifier {
	struct slice domain;
	enum authres_result result;
};

struct dmarc_request {
	const struct from *from;
	/* SPF of MAIL FROM, or of HELO for the null sender (RFC 7208 2.4). */
	struct dmarc_identifier spf;
	const struct dmarc_identifier *signatures; /* DKIM */
	size_t signature_count;
	dmarc_ask *ask;
	void *ask_arg;
};

/* One author domain of a message. */
struct dmarc_author {
	struct slice domain;
	enum authres_result result; /* NONE: no record */
	enum dmarc_policy asked;    /* by the record, sp, np and t regarded */
	enum dmarc_policy policy;   /* the same if it failed, else NONE */
	struct slice record_domain; /* where the record was found, or empty */
	struct slice record;        /* its text */
	bool is_spf_aligned, is_dkim_aligned; /* and passed */
	/* Whether one of these is, by whatever domain: PASS; TEMPERROR: it
	 * might be; else FAIL. Relaxed, record or not. */
	enum authres_result alignment;
};

struct dmarc_verdict {
	/* Of several authors the worst counts. A From field that no reader can
	 * be sure of (repeated, unreadable, too many domains) is PERMERROR, and
	 * its policy REJECT: RFC 9989 11.5. */
	enum authres_result result;
	enum dmarc_policy policy;
	enum authres_result alignment;
	struct slice problem; /* in words, or empty */
	struct dmarc_author authors[FROM_DOMAINS_MAX];
	size_t author_count;
};

/* What it returns lives in arena or with request. */
void dmarc_check(const struct dmarc_request *request, struct arena *arena,
		 struct dmarc_verdict *ret_verdict);

/* The resinfo of one author: "dmarc=fail header.from=a.example
 * policy.dmarc=reject". */
struct slice dmarc_resinfo(const struct dmarc_author *author,
			   struct arena *arena);

#endif
