/*
 * Checks all DKIM signatures of one message: RFC 6376 6.1, RFC 8601 2.7.1.
 *
 *   v = dkim_verifier_new(&fields, now_s);
 *   if (dkim_verifier_wants_body(v)) feed the body in chunks;
 *   dkim_verifier_end_body(v);
 *   for each i < dkim_verifier_count(v):
 *       name = dkim_verifier_key_name(v, i);
 *       if (name.n > 0) ask for TXT there, dkim_verifier_key(v, i, ...);
 *       dkim_verifier_result(v, i);
 *
 * Keys may be asked for before, during or after the body. No call blocks, but
 * each costs CPU: a hash of the body for each kind of canonicalisation, and up
 * to DKIM_RECORDS_MAX public key operations a signature.
 */
#ifndef MAIL_DKIM_VERIFIER_H
#define MAIL_DKIM_VERIFIER_H

#include "mail/authres.h"
#include "mail/dkim.h"
#include "mail/fields.h"

#include <stdint.h>

enum {
	DKIM_SIGNATURES_MAX = 8, /* the topmost ones; others are only counted */
	DKIM_RECORDS_MAX = 4,    /* TXT records of one name that are tried */
	DKIM_CLOCK_S = 86400,    /* so far in the future a t= is believed */
	DKIM_HEAD_CHARS = 8,     /* RFC 6008 */
};

enum dkim_lookup {
	DKIM_LOOKUP_FOUND,
	DKIM_LOOKUP_NONE,   /* no such name, or no TXT there */
	DKIM_LOOKUP_FAILED, /* no answer, or a bogus one: try later */
};

struct dkim_result {
	enum authres_result result; /* NONE, PASS, FAIL, NEUTRAL, POLICY,
	                               TEMPERROR or PERMERROR */
	const char *reason;    /* in our words: lower case, no quotes; "" where
	                       there is nothing to say */
	struct slice domain;   /* d= in A-labels; all four may be empty */
	struct slice selector; /* s= in A-labels */
	struct slice identity; /* i=, UTF-8 without controls; else "@" d= */
	const char *algorithm; /* a=: "rsa-sha256", "unknown" */
	struct slice head;     /* the first DKIM_HEAD_CHARS of b= */
	uint64_t unsigned_octets; /* of the canonical body, after l= */
	unsigned key_bits;        /* 0: not known */
	bool is_testing;          /* the key says t=y: RFC 6376 3.6.1 */
};

struct dkim_verifier;

/* fields and what they are views of outlive the verifier. now: wall-clock
 * seconds. */
struct dkim_verifier *dkim_verifier_new(const struct fields *fields,
					int64_t now);
void dkim_verifier_free(struct dkim_verifier **verifier);

/* Signatures looked at, in the message's order, and those beyond. */
size_t dkim_verifier_count(const struct dkim_verifier *v);
size_t dkim_verifier_ignored(const struct dkim_verifier *v);

/* False if no signature is left for which it would matter: then the body need
 * not be fed. */
bool dkim_verifier_wants_body(const struct dkim_verifier *v);
/* The next octets of the body, after the empty line; any split. */
void dkim_verifier_feed(struct dkim_verifier *v, struct slice octets);
/* Once, also if nothing was fed. */
void dkim_verifier_end_body(struct dkim_verifier *v);

/* Whose TXT records are needed, or empty if the signature is decided without
 * them. Lives as long as v. */
struct slice dkim_verifier_key_name(const struct dkim_verifier *v, size_t i);
/* What DNS said: each record's strings put together, in DNS' order; count is 0
 * unless FOUND. Once for each name above. The text is not kept. */
void dkim_verifier_key(struct dkim_verifier *v, size_t i,
		       enum dkim_lookup lookup, const struct slice *records,
		       size_t count);

/* After end_body() and key(). Lives as long as v. A key that was never told of
 * is one whose lookup failed. */
const struct dkim_result *dkim_verifier_result(struct dkim_verifier *v,
					       size_t i);

#endif
