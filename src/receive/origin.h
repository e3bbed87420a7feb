/*
 * Who sent this? SPF, DKIM and DMARC of a transaction from outside, asked of
 * `verify`, and what follows: a refusal, or fields that say what was found.
 *
 * What SPF knows by name may not come without TLS once it came with it
 * (tls_memory): asked of `queue` before the first RCPT is answered.
 *
 * Nothing is asked for logins, users of this machine and trusted_networks. SPF
 * is asked for at MAIL and waited for at the first RCPT; DKIM and DMARC when
 * the content is complete, before filters see it.
 */
#ifndef RECEIVE_ORIGIN_H
#define RECEIVE_ORIGIN_H

#include "mail/authres.h"
#include "proc/message.h"
#include "smtp/reply.h"

struct session;
struct verify_call;
struct queue_call;

typedef void origin_on_spf(struct session *s);
/* refusal: or NULL. fields: whole lines to be put before the message. Both
 * live during the call. */
typedef void origin_on_verdict(struct session *s, const struct reply *refusal,
			       struct slice fields);

/* A transaction's; the rest lives in its arena. */
struct origin {
	bool is_asked; /* it is from outside */
	bool has_spf;
	/* Once has_spf: */
	enum authres_result spf;
	bool is_helo; /* the null sender: HELO was checked in its place */
	struct slice spf_domain, spf_explanation;
	enum { TLS_OF_NO_MATTER, TLS_WANTED, TLS_UNKNOWN } tls;

	struct verify_call *call;
	struct queue_call *tls_call;
	origin_on_spf *on_spf; /* somebody waits */
	origin_on_verdict *on_verdict;
};

/* MAIL was taken. */
void origin_begin(struct session *s);
/* Returns false if SPF's answer is not there: s->op is set, and on_spf() comes
 * before session_run(). */
bool origin_has_spf(struct session *s, origin_on_spf *on_spf);
/* Why no recipient is taken, or NULL; its text is in the scratch arena. */
const struct reply *origin_spf_refusal(const struct session *s,
				       struct reply *room);
/* The content is complete. s->op is set; on_verdict() comes before
 * session_run(). */
void origin_verify(struct session *s, origin_on_verdict *on_verdict);
/* The message was taken. */
void origin_accepted(const struct session *s);
/* Whether an answer is still to come. */
bool origin_is_asking(const struct origin *o);
/* Nobody waits any more. */
void origin_cancel(struct origin *o);

#endif
