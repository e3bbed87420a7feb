/* One request in a batch: a copy of what was asked, and who waits for it. */
#ifndef QUEUE_OP_H
#define QUEUE_OP_H

#include "base/list.h"
#include "queue/allowance.h"
#include "queue/change.h"
#include "queue/enqueue.h"
#include "queue/spool.h"

enum op_kind {
	OP_ENQUEUE,
	OP_SETTLE,
	OP_DELIVERED_BEFORE,
	OP_OUTCOME,
	OP_RESOLVED,
	OP_HASTEN,
	OP_END_HOLDS,
	OP_CHANGE,
	OP_SPEND,
	OP_SENDER_TLS,
};

struct op {
	TAILQ_ENTRY(op) entry;
	enum op_kind kind;
	struct arena *arena; /* owns every slice and list here */
	struct link *from;   /* who is answered; NULL: nobody */
	uint64_t id;         /* of the request */
	uint64_t row;        /* OUTCOME, RESOLVED: taken from the store */
	int error;           /* 0, or the negative errno of this op alone */
	union {
		struct {
			struct msg_enqueue m;
			struct enqueue request;
			char spool_file[SPOOL_NAME_OCTETS];
			uint64_t queue_id; /* the result */
		} enqueue;
		struct {
			uint64_t queue_id;
			uint32_t place;
		} settle;
		struct {
			uint64_t queue_id;
			struct target target;
		} before;
		struct {
			enum resolve_result result;
			struct targets targets;
		} resolved;
		struct {
			uint64_t *rows;
			size_t count;
		} hasten;
		struct {
			uint64_t holder;
			int64_t due;
		} end_holds;
		struct {
			struct change c;
			struct change_progress next; /* the result */
		} change;
		struct spending spending; /* in arena */
		struct slice sender_domain;
	};
	struct outcome outcome; /* SETTLE, OUTCOME, DELIVERED_BEFORE */
	uint32_t again_s; /* OUTCOME: of ATTEMPT_RESULT, as the next two */
	enum tls_level tls_level;
	struct slice tls_reason; /* SENDER_TLS, too */
};

struct op *op_new(enum op_kind kind, struct link *from, uint64_t id);
/* Closes its descriptor, too. */
void op_free(struct op **op);

/* Deep copies into op's arena. */
void op_copy_enqueue(struct op *op, const struct msg_enqueue *m);
void op_copy_outcome(struct op *op, const struct outcome *o);
void op_copy_targets(struct op *op, struct targets targets);
void op_copy_rows(struct op *op, const uint64_t *rows, size_t count);
void op_copy_change(struct op *op, const struct msg_queue_change *m);
/* Whether all of it is of a size that can be kept. */
bool op_are_paths(struct targets targets);
bool op_is_change(const struct msg_queue_change *m);
/* About how many octets it holds. */
size_t op_octets(const struct op *op);

/* Does what was asked within the turn's transaction. A request that is itself
 * wrong gets op->error and 0 is returned; a negative errno fails the turn. */
int op_apply(struct op *op, struct turn *t);

#endif
