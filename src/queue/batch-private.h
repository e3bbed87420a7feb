/* Shared by batch.c (transactions, answers) and batch_gather.c (what others want
 * from one). */
#ifndef QUEUE_BATCH_PRIVATE_H
#define QUEUE_BATCH_PRIVATE_H

#include "queue/batch.h"
#include "queue/fresh.h"
#include "queue/op.h"

struct batch {
	struct store *store;
	struct spool *spool;
	const struct queue_settings *settings;
	const struct peers *peers;
	TAILQ_HEAD(, op) ops;
	size_t count;
	size_t octets;
	size_t enqueues;
	uint64_t content_octets;
	bool is_unfinished;     /* a change goes on in the next run */
	uint64_t complained_ms; /* when the last failure was logged */
	struct fresh fresh;
};

/* The batch's now. */
void batch_push(struct batch *b, struct op *op);

#endif
