/*
 * Reports on TLS (RFC 8460): what sessions with the servers of a domain met in
 * a day, counted, and as the JSON of 4.4. Pure; tlsrpt_mail.h makes mail of it.
 *
 * All that comes from others (names, policies) is cut and cleaned to printable
 * ASCII on its way in here.
 */
#ifndef MAIL_TLSRPT_H
#define MAIL_TLSRPT_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

enum {
	TLSRPT_DAY_S = 86400,
	TLSRPT_NAME_OCTETS = 253,
	TLSRPT_ADDRESS_OCTETS = 45,
	TLSRPT_REASON_OCTETS = 200,
	TLSRPT_POLICY_OCTETS = 1000,
	TLSRPT_FACT_OCTETS = 3000, /* more than any of it together */
	TLSRPT_FACTS_MAX = 200,    /* of a report; more are left out */
};

/* What the domain has published (4.4, policy-type). */
enum tlsrpt_policy {
	TLSRPT_NO_POLICY,
	TLSRPT_TLSA,
	TLSRPT_STS,
	TLSRPT_POLICIES,
};

/* 4.3 */
enum tlsrpt_result {
	TLSRPT_SUCCESS,
	TLSRPT_STARTTLS_NOT_SUPPORTED,
	TLSRPT_CERTIFICATE_HOST_MISMATCH,
	TLSRPT_CERTIFICATE_EXPIRED,
	TLSRPT_CERTIFICATE_NOT_TRUSTED,
	TLSRPT_VALIDATION_FAILURE,
	TLSRPT_TLSA_INVALID,
	TLSRPT_DNSSEC_INVALID,
	TLSRPT_DANE_REQUIRED,
	TLSRPT_STS_POLICY_FETCH_ERROR,
	TLSRPT_STS_POLICY_INVALID,
	TLSRPT_STS_WEBPKI_INVALID,
	TLSRPT_RESULTS,
};

/* What a session met. Slices are empty where nothing is known; those of lines
 * have LF between them. */
struct tlsrpt_fact {
	enum tlsrpt_policy policy;
	struct slice policy_lines; /* the policy's lines or TLSA records */
	struct slice mx_patterns;  /* lines: of an STS policy */
	enum tlsrpt_result result;
	/* Of failures only: */
	struct slice mx;          /* the host's name */
	struct slice address;     /* its address */
	struct slice own_address; /* from which we asked */
	struct slice reason;      /* in words */
};

/* "certificate-expired"; "success". */
const char *tlsrpt_result_name(enum tlsrpt_result result);
/* "sts" */
const char *tlsrpt_policy_name(enum tlsrpt_policy policy);

/* One line of text for a database, the same for the same fact; in arena. */
struct slice tlsrpt_fact_write(const struct tlsrpt_fact *fact,
			       struct arena *arena);
/* The same without what sets sessions with one result apart: there are few
 * such facts, whatever others do. */
struct tlsrpt_fact tlsrpt_fact_outline(const struct tlsrpt_fact *fact);
/* Reads it back; slices are views of text. False if it is none. */
bool tlsrpt_fact_read(struct slice text, struct tlsrpt_fact *ret_fact);

struct tlsrpt_count {
	struct tlsrpt_fact fact;
	uint64_t sessions;
};

struct tlsrpt_report {
	struct slice organization; /* who makes the report */
	struct slice contact;      /* his address */
	struct slice submitter;    /* his domain */
	struct slice domain;       /* that it is about; A-labels */
	struct slice id;           /* "left@right" of a message id */
	int64_t begin;             /* the day's first second */
	const struct tlsrpt_count *counts;
	size_t count;
};

/* The JSON of 4.4, in arena. */
struct slice tlsrpt_json(const struct tlsrpt_report *report,
			 struct arena *arena);

#endif
