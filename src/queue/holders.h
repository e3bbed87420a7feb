/*
 * The processes that deliver in session, and by which id the store knows what
 * they hold (queue/store.h): a new one for each link, since whoever comes
 * after a crash knows nothing of what was held before.
 */
#ifndef QUEUE_HOLDERS_H
#define QUEUE_HOLDERS_H

#include "proc/link.h"

#include <stdbool.h>
#include <stdint.h>

struct holders;

struct holders *holders_new(void);
void holders_free(struct holders **holders);

/* Its id; a new one at first. */
uint64_t holders_id(struct holders *hs, const struct link *link);
/* The link is gone. Returns whether it had an id, and which. */
bool holders_forget(struct holders *hs, const struct link *link,
		    uint64_t *ret_id);

#endif
