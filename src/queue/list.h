/* The queue as `control` shows it: a page of recipients a request. */
#ifndef QUEUE_LIST_H
#define QUEUE_LIST_H

#include "queue/peers.h"
#include "queue/store.h"

enum { LIST_PAGE = 256 };

/* Answers QUEUE_LIST with QUEUE_ENTRYs and QUEUE_LIST_END: LIST_PAGE recipients
 * are looked at. now: wall-clock seconds. Returns 0, or -errno when the store
 * failed; the end was sent even so. */
int list_answer(struct store *store, const struct peers *peers,
		struct link *from, const struct msg_queue_list *m, int64_t now);

#endif
