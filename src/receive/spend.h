/* The question to `queue` whether a login may send one more message today:
 * SPEND of proc/messages.def. */
#ifndef RECEIVE_SPEND_H
#define RECEIVE_SPEND_H

#include "proc/role.h"

struct spends; /* all of this process */
struct spend;

struct spends *spends_new(struct role_self *self);
void spends_free(struct spends **spends);
/* The role's on_message and on_peer_gone pass these on: SPENT; `queue` gone. */
void spends_on_message(struct spends *spends, const struct msg_spent *m);
void spends_on_queue_gone(struct spends *spends);

/* Called once, never from within spend_start(). `queue` away, or silent for too
 * long: error is not 0. */
typedef void spend_on_answer(const struct msg_spent *answer, void *arg);

/* message: all of it but the id. */
struct spend *spend_start(struct spends *spends,
			  const struct msg_spend *message,
			  spend_on_answer *on_answer, void *arg);
/* No callback follows; it may have been counted. */
void spend_cancel(struct spend **spend);

#endif
