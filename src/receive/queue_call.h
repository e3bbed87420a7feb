/* Questions to `queue` that have an answer each: SPEND, whether a login may send
 * one more message today; SENDER_TLS_WANTED, whether a domain came by TLS. */
#ifndef RECEIVE_QUEUE_CALL_H
#define RECEIVE_QUEUE_CALL_H

#include "proc/role.h"

struct queue_calls; /* all of this process */
struct queue_call;

struct queue_calls *queue_calls_new(struct role_self *self);
void queue_calls_free(struct queue_calls **calls);
/* The role's on_message and on_peer_gone pass these on: SPENT, SENDER_TLS;
 * `queue` gone. */
void queue_calls_on_message(struct queue_calls *calls, const struct message *m);
void queue_calls_on_queue_gone(struct queue_calls *calls);

/* Called once, never from within the starter. `queue` away, or silent for too
 * long: error is not 0. */
typedef void queue_call_on_spent(const struct msg_spent *answer, void *arg);
typedef void queue_call_on_tls(const struct msg_sender_tls *answer, void *arg);

/* message: all of it but the id. */
struct queue_call *queue_call_spend(struct queue_calls *calls,
				    const struct msg_spend *message,
				    queue_call_on_spent *on_spent, void *arg);
/* domain: canonical. */
struct queue_call *queue_call_sender_tls(struct queue_calls *calls,
					 struct slice domain,
					 queue_call_on_tls *on_tls, void *arg);
/* No callback follows; what was asked for may have been done. NULL is
 * allowed. */
void queue_call_cancel(struct queue_call **call);

/* What DMARC made of a message: DMARC_SEEN, which has no answer. */
void queue_calls_dmarc_seen(struct queue_calls *calls,
			    const struct msg_dmarc_seen *seen);
/* Mail of that domain has come by TLS: SENDER_TLS_SEEN, which has no answer. */
void queue_calls_tls_seen(struct queue_calls *calls, struct slice domain,
			  struct slice reason);

#endif
