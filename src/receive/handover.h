/*
 * The end of a message: into Dovecot before the client is answered, or into
 * the queue, or some of each (design section 4).
 *
 * In-session: all delivered: 250. All refused: Dovecot's text as our 5xx. A
 * 4xx, the time-out, no `deliver`, or mixed answers: what is left is queued,
 * then 250; the refused of a mixed answer are queued as refused, so that
 * `queue` reports them, unless the sender is null. When the time-out comes
 * while transactions are open, they are queued as is_in_delivery and SETTLEd
 * when they end. A message with a target outside is queued as a whole. A queue that is full: 452; that fails: 451.
 */
#ifndef RECEIVE_HANDOVER_H
#define RECEIVE_HANDOVER_H

#include "proc/role.h"
#include "receive/content.h"
#include "smtp/params.h"
#include "smtp/reply.h"

struct handovers; /* all of this process */
struct handover;

struct handovers *handovers_new(struct role_self *self);
void handovers_free(struct handovers **handovers);
/* The role's on_message and on_peer_gone pass these on: DELIVER_RESULT,
 * ENQUEUED; `deliver` gone, `queue` gone. */
void handovers_on_message(struct handovers *handovers, struct message *m);
void handovers_on_deliver_gone(struct handovers *handovers);
void handovers_on_queue_gone(struct handovers *handovers);
/* Handovers whose client waits, and deliveries that outlived theirs: drained
 * when both are 0. */
size_t handovers_waiting(const struct handovers *handovers);
size_t handovers_detached(const struct handovers *handovers);

struct handover_recipient {
	struct slice original; /* as given at RCPT */
	struct rcpt_params dsn;
	struct targets targets;
};

struct handover_request {
	struct slice trace;
	struct slice reverse_path; /* "" for the null sender */
	struct mail_params mail;
	struct slice login; /* empty for none */
	const struct handover_recipient *recipients;
	size_t recipient_count;
	bool queue_only; /* never in-session */
	bool is_from_us; /* the sender's domain is: no alias rewrites it */
	enum tls_demand tls_demand;
	struct slice hold; /* why `queue` is to hold it; empty: it is not */
};

/* Called once, never from within handover_start(); the handover is gone then.
 * reply is valid during the call: 250 "2.0.0 OK: delivered as TRACE" or
 * "... queued as TRACE", or a refusal. */
typedef void handover_on_reply(const struct reply *reply, void *arg);

/* Takes content over and copies the request. A target that two recipients
 * lead to gets one copy. */
struct handover *handover_start(struct handovers *handovers,
				const struct handover_request *request,
				struct content **content,
				handover_on_reply *on_reply, void *arg);
/* The client is gone: no reply, but what was begun goes on: not yet begun
 * deliveries are taken back, nothing new is queued. */
void handover_abandon(struct handover **handover);

#endif
