/*
 * What becomes of a recipient in the store after an attempt, ours or that of
 * the session that brought it: gone, reported, or tried again.
 */
#ifndef QUEUE_VERDICT_H
#define QUEUE_VERDICT_H

#include "queue/turn.h"

/* Entry and outcome live as long as the turn. Returns 0 or -errno. */
int verdict_apply(struct turn *t, const struct store_entry *e,
		  const struct outcome *outcome);

/* A report's address was resolved: its targets take its place. */
int verdict_resolve(struct turn *t, const struct store_entry *e,
		    struct targets targets);
/* A report's address does not exist: nobody is left to tell. */
int verdict_drop(struct turn *t, const struct store_entry *e);

#endif
