/* What the operator decides about messages in the queue. */
#ifndef QUEUE_CHANGE_H
#define QUEUE_CHANGE_H

#include "proc/message.h"
#include "queue/turn.h"

/* To the message queue_id; when that is 0, to those with this trace; when that
 * is empty, too, to all. Not all can be dropped. *ret_count: recipients. */
int change_apply(struct turn *t, enum queue_change what, uint64_t queue_id,
		 struct slice trace, uint64_t *ret_count);

#endif
