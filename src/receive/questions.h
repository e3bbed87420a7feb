/* Where an address leads, asked by other roles: EXPLAIN of `control`, RESOLVE
 * of `queue`. */
#ifndef RECEIVE_QUESTIONS_H
#define RECEIVE_QUESTIONS_H

#include "proc/role.h"
#include "receive/resolve.h"

struct questions;

struct questions *questions_new(struct role_self *self,
				struct resolver *resolver);
/* Cancels all. */
void questions_free(struct questions **questions);

/* m is EXPLAIN or RESOLVE. */
void questions_ask(struct questions *questions, struct link *from,
		   const struct message *m);
/* Nobody waits for these answers any more. */
void questions_on_peer_gone(struct questions *questions,
			    const struct link *peer);

#endif
