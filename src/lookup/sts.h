/*
 * The policy of MTA-STS that holds for a domain now: RFC 8461 3. `queue` keeps
 * policies; here is decided whether the one that is kept is still the domain's,
 * by the id in DNS, and a new one is fetched when it is not. A policy that was
 * good stays in force until its time is over, whatever becomes of the record
 * and of the server meanwhile: who can suppress these must not gain by it.
 */
#ifndef LOOKUP_STS_H
#define LOOKUP_STS_H

#include "lookup/fetch.h"
#include "lookup/sts_known.h"
#include "mail/tlsrpt.h"

struct sts_desk;
struct sts_question;

enum {
	STS_FETCH_MS = 60000, /* RFC 8461 3.3 */
	/* After a failure the same policy is not fetched for so long (there,
	 * too), by at most so many at once. */
	STS_REST_MS = 300000,
	STS_RESTS_MAX = 1000,
};

struct sts_desk *sts_desk_new(struct dns *dns, struct fetcher *fetcher,
			      struct sts_known *known);
/* port: of the servers of policies. */
void sts_desk_configure(struct sts_desk *desk, unsigned port);
/* No question may be open; what is fetched anew is given up. */
void sts_desk_free(struct sts_desk **desk);

struct sts_answer {
	/* What is kept cannot be had, or DNS is forged: mail must wait. */
	bool is_try_later;
	struct sts sts;             /* its id is empty: there is none */
	bool is_fresh;              /* it was fetched for this question */
	enum tlsrpt_result failure; /* of the last try to, or SUCCESS */
	struct slice problem;       /* the same in words; partly hostile */
};

/* The answer lives during the call; the question ends with it. Never called
 * from within sts_ask(). */
typedef void sts_done(const struct sts_answer *answer, void *arg);

/* domain: canonical. */
struct sts_question *sts_ask(struct sts_desk *desk, struct slice domain,
			     sts_done *done, void *arg);
/* NULL is allowed. */
void sts_cancel(struct sts_question **question);

/* STS_STALE: fetches it anew. */
void sts_refresh(struct sts_desk *desk, const struct msg_sts_stale *m);

#endif
