/*
 * The batch loop (design section 4): requests gather during one turn of the
 * event loop, are applied in one transaction, and are answered after its one
 * fsync. When it fails nothing of it is stored: new messages are answered with
 * the error, everything else is kept for the next turn.
 */
#ifndef QUEUE_BATCH_H
#define QUEUE_BATCH_H

#include "proc/message.h"
#include "queue/allowance.h"
#include "queue/peers.h"
#include "queue/spool.h"
#include "queue/turn.h"

enum {
	BATCH_COUNT = 256,        /* of a transaction; then run it */
	BATCH_OCTETS = 8 << 20,   /* so, too: of requests, without content */
	BATCH_KEPT_COUNT = 16384, /* SETTLEs kept while the disk refuses them */
};

struct batch;

/* All of it outlives the batch. */
struct batch *batch_new(struct store *store, struct spool *spool,
			const struct queue_settings *settings,
			const struct peers *peers);
void batch_free(struct batch **batch);

/* ENQUEUE from a link, its descriptor included; answered with ENQUEUED. holder
 * stands for the link in the store. */
void batch_enqueue(struct batch *b, struct link *from, uint64_t holder,
		   struct message *m);
void batch_settle(struct batch *b, const struct msg_settle *m);
/* What became of a row that was taken from the store; it is given back after
 * the commit. */
void batch_outcome(struct batch *b, uint64_t row, const struct outcome *o);
/* The same, as `deliver` says it. */
void batch_attempted(struct batch *b, uint64_t row,
		     const struct msg_attempt_result *m);
/* The same for a report's address. */
void batch_resolved(struct batch *b, uint64_t row,
		    const struct msg_resolved *m);
/* Rows that were sent back, and may come now. */
void batch_hasten(struct batch *b, const uint64_t *rows, size_t count);
/* What `deliver` has told the queue before us, or could not tell it. */
void batch_delivered_before(struct batch *b,
			    const struct msg_delivered_before *m);
/* A holder is gone, or all are: 0. Its recipients are due then. */
void batch_end_holds(struct batch *b, uint64_t holder, int64_t due);
/* QUEUE_CHANGE, answered with QUEUE_CHANGED; it may take several runs. */
void batch_change(struct batch *b, struct link *from,
		  const struct msg_queue_change *m);

/* SPEND, answered at once with SPENT. */
void batch_spend(struct batch *b, struct allowances *allowances,
		 struct link *from, const struct msg_spend *m);

/* SENDER_TLS_SEEN. */
void batch_sender_tls(struct batch *b, const struct msg_sender_tls_seen *m);

/* The link is gone: its new messages are dropped, nobody is answered. */
void batch_forget(struct batch *b, const struct link *link);

/* The content of a message that one of the last runs has stored: a descriptor
 * that is the caller's, or -1: ask the store. */
int batch_take_content(struct batch *b, uint64_t queue_id);
/* Forgets those contents. */
void batch_drop_contents(struct batch *b);

bool batch_is_empty(const struct batch *b);
bool batch_is_full(const struct batch *b);
/* Octets of content that wait for the next run. */
uint64_t batch_content_octets(const struct batch *b);

/*
 * Runs the batch. Returns 0 when it is empty now, or what is left takes several
 * runs; else a negative errno, when something is kept: try again in a while.
 * *ret_error is 0, or what went wrong though nothing is kept.
 */
int batch_run(struct batch *b, int *ret_error);

#endif
