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

/* Not tried, and to be tried after again_s at the soonest, or 0; outcome says
 * why, for who waits until his message's life is over. */
int verdict_postpone(struct turn *t, const struct store_entry *e,
		     const struct outcome *outcome, uint32_t again_s);

/* The operator gives it up. */
int verdict_give_up(struct turn *t, const struct store_entry *e);

/* A report's address was resolved: its targets take its place. */
int verdict_resolve(struct turn *t, const struct store_entry *e,
		    struct targets targets);
/* A report's address does not exist: nobody is left to tell. */
int verdict_drop(struct turn *t, const struct store_entry *e);

#endif
