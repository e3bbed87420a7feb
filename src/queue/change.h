/*
 * What the operator decides about recipients in the queue. All of a big queue
 * is changed in steps, each in its own turn, so that mail goes on meanwhile.
 */
#ifndef QUEUE_CHANGE_H
#define QUEUE_CHANGE_H

#include "proc/message.h"
#include "queue/turn.h"

/* How far it is. */
struct change_progress {
	uint64_t after; /* the last row looked at */
	uint64_t count; /* recipients changed */
	bool is_done;
};

struct change {
	enum queue_change what;
	struct selector selector;
	bool is_all;         /* meant, where the selector is empty */
	struct slice reason; /* of HOLD */
	int64_t begun; /* wall-clock seconds: what comes later is not meant */
	struct change_progress progress;
};

/*
 * Takes the next step within the turn's transaction. *ret_progress is what
 * c->progress is to become once that holds. A message is retried, held and
 * released with all its recipients.
 */
int change_step(struct turn *t, const struct change *c,
		struct change_progress *ret_progress);

#endif
