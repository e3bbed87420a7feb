/*
 * Clears the spool directory of what an earlier process left there: files that
 * were being received, and contents whose message is not, or no longer, in the
 * store. Works in small steps, so that a start does not wait for it.
 */
#ifndef QUEUE_SWEEP_H
#define QUEUE_SWEEP_H

#include "queue/spool.h"
#include "queue/store.h"

struct sweep;

/* NULL with errno when the directory cannot be read. */
struct sweep *sweep_new(struct store *store, struct spool *spool);
void sweep_free(struct sweep **sweep);
/* Looks at the next files, outside of a transaction. False at the end. */
bool sweep_step(struct sweep *sweep);
/* Files removed so far. */
uint64_t sweep_removed(const struct sweep *sweep);

#endif
