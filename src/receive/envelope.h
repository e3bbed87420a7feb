/*
 * What filters did to the envelope, done to a transaction whose content is
 * complete: in their order, added recipients through the resolver like those
 * of RCPT.
 *
 * An edit that cannot be done is logged and left out: an address that is none,
 * that does not exist here, that was added already, or one outside, as nothing
 * is sent there yet. No more are added than a client may give.
 *
 * Recipients are deleted by their address as it was given at RCPT or added: the
 * local part exactly, the domain in any case, however they are quoted.
 * Parameters that are understood: NOTIFY and ORCPT, RET and ENVID.
 */
#ifndef RECEIVE_ENVELOPE_H
#define RECEIVE_ENVELOPE_H

#include "milter/message.h"
#include "receive/server.h"
#include "receive/transaction.h"

struct envelope;

enum envelope_result {
	ENVELOPE_DONE,
	ENVELOPE_EMPTY,     /* nobody is left: 250, and nothing is delivered */
	ENVELOPE_TRY_LATER, /* an added one cannot be looked up now: 451 */
};

/* Called once, never from within envelope_start(); the envelope is gone
 * then. */
typedef void envelope_on_done(enum envelope_result result, void *arg);

/* All of them outlive it; the transaction is changed as it runs. */
struct envelope *envelope_start(const struct server *server,
				struct transaction *transaction,
				const struct milter_message *message,
				envelope_on_done *on_done, void *arg);
/* Nobody waits any more. NULL is fine. */
void envelope_cancel(struct envelope **envelope);

#endif
