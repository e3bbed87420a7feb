#include "queue/batch-private.h"

#include "base/clock.h"
#include "base/mem.h"

void batch_push(struct batch *b, struct op *op)
{
	TAILQ_INSERT_TAIL(&b->ops, op, entry);
	b->count++;
	b->octets += op_octets(op);
	if (op->kind != OP_ENQUEUE)
		return;
	b->enqueues++;
	b->content_octets += op->enqueue.m.content_octets;
}

void batch_enqueue(struct batch *b, struct link *from, uint64_t holder,
		   struct message *m)
{
	struct op *op = op_new(OP_ENQUEUE, from, m->enqueue.id);
	struct enqueue *e = &op->enqueue.request;
	uint64_t spool_id = m->enqueue.spool_id;

	op_copy_enqueue(op, &m->enqueue);
	e->fd = message_take_fd(m);
	e->holder = holder;
	if (spool_id != 0 && spool_is_of(b->spool, from, spool_id)) {
		int64_t size = spool_octets(b->spool, spool_id);

		spool_name(spool_id, op->enqueue.spool_file);
		e->spool_file = op->enqueue.spool_file;
		e->spool_octets = size >= 0 ? (uint64_t)size : UINT64_MAX;
	} else if (spool_id != 0) {
		fd_close(&e->fd); /* without content it will not pass */
	}
	batch_push(b, op);
}

void batch_settle(struct batch *b, const struct msg_settle *m)
{
	struct op *op;

	/* What is forgotten here is tried when its hold ends. */
	if (b->count >= BATCH_KEPT_COUNT)
		return;
	op = op_new(OP_SETTLE, NULL, 0);
	op->settle.queue_id = m->queue_id;
	op->settle.place = m->index;
	op_copy_outcome(op, &m->outcome);
	batch_push(b, op);
}

void batch_attempted(struct batch *b, uint64_t row,
		     const struct msg_attempt_result *m)
{
	struct op *op = op_new(OP_OUTCOME, NULL, 0);

	op->row = row;
	op->again_s = m->again_s;
	if (m->tls_level <= TLS_LEVEL_VERIFIED)
		op->tls_level = (enum tls_level)m->tls_level;
	op->tls_reason = arena_copy(
		op->arena, slice_head(m->tls_reason, WIRE_TEXT_OCTETS));
	op_copy_outcome(op, &m->outcome);
	batch_push(b, op);
}

void batch_outcome(struct batch *b, uint64_t row, const struct outcome *o)
{
	const struct msg_attempt_result m = { .outcome = *o };

	batch_attempted(b, row, &m);
}

void batch_resolved(struct batch *b, uint64_t row, const struct msg_resolved *m)
{
	struct op *op = op_new(OP_RESOLVED, NULL, 0);

	op->row = row;
	op->resolved.result = RESOLVE_TRY_LATER;
	if (m->result <= RESOLVE_NOT_LOCAL && op_are_paths(m->targets)) {
		op->resolved.result = (enum resolve_result)m->result;
		op_copy_targets(op, m->targets);
	}
	batch_push(b, op);
}

void batch_hasten(struct batch *b, const uint64_t *rows, size_t count)
{
	struct op *op;

	if (b->count >= BATCH_KEPT_COUNT)
		return; /* they come when they are due */
	op = op_new(OP_HASTEN, NULL, 0);
	op_copy_rows(op, rows, count);
	batch_push(b, op);
}

void batch_end_holds(struct batch *b, uint64_t holder, int64_t due)
{
	struct op *op = op_new(OP_END_HOLDS, NULL, 0);

	op->end_holds.holder = holder;
	op->end_holds.due = due;
	batch_push(b, op);
}

void batch_change(struct batch *b, struct link *from,
		  const struct msg_queue_change *m)
{
	struct op *op;

	if (b->count >= BATCH_KEPT_COUNT || !op_is_change(m))
		return;
	op = op_new(OP_CHANGE, from, m->id);
	op_copy_change(op, m);
	op->change.c.begun = clock_wall_s();
	batch_push(b, op);
}

void batch_spend(struct batch *b, struct allowances *allowances,
		 struct link *from, const struct msg_spend *m)
{
	struct message answer = { .type = MESSAGE_SPENT };
	struct op *op = op_new(OP_SPEND, NULL, 0);

	/* While the disk refuses it, not all is remembered. */
	if (allowances_spend(allowances, m, op->arena, &answer.spent,
			     &op->spending) &&
	    b->count < BATCH_KEPT_COUNT)
		batch_push(b, op);
	else
		op_free(&op);
	peers_send(b->peers, from, &answer, -1);
}

void batch_sender_tls(struct batch *b, const struct msg_sender_tls_seen *m)
{
	struct op *op;

	if (b->count >= BATCH_KEPT_COUNT)
		return;
	op = op_new(OP_SENDER_TLS, NULL, 0);
	op->sender_domain = arena_copy(op->arena, m->domain);
	op->tls_reason = arena_copy(op->arena, m->reason);
	batch_push(b, op);
}

void batch_delivered_before(struct batch *b,
			    const struct msg_delivered_before *m)
{
	const struct targets target = { .items = &m->target, .count = 1 };
	struct op *op;

	if (b->count >= BATCH_KEPT_COUNT || !op_are_paths(target) ||
	    m->outcome.kind != OUTCOME_DELIVERED)
		return;
	op = op_new(OP_DELIVERED_BEFORE, NULL, 0);
	op->before.queue_id = m->queue_id;
	op->before.target = target_copy(m->target, op->arena);
	op_copy_outcome(op, &m->outcome);
	batch_push(b, op);
}
