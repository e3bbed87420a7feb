#include "queue/batch-private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/report.h"

#include <errno.h>
#include <string.h>

enum { COMPLAIN_MS = 60000, TRIES = 3 };

struct batch *batch_new(struct store *store, struct spool *spool,
			const struct queue_settings *settings,
			const struct peers *peers)
{
	struct batch *b = mem_new(sizeof(*b));

	b->store = store;
	b->spool = spool;
	b->settings = settings;
	b->peers = peers;
	TAILQ_INIT(&b->ops);
	return b;
}

static void pop(struct batch *b, struct op *op)
{
	TAILQ_REMOVE(&b->ops, op, entry);
	b->count--;
	b->octets -= op_octets(op);
	if (op->kind == OP_ENQUEUE) {
		b->enqueues--;
		b->content_octets -= op->enqueue.m.content_octets;
	}
	op_free(&op);
}

void batch_free(struct batch **batch)
{
	if (*batch == NULL)
		return;
	while (!TAILQ_EMPTY(&(*batch)->ops))
		pop(*batch, TAILQ_FIRST(&(*batch)->ops));
	fresh_clear(&(*batch)->fresh);
	mem_free(batch);
}

void batch_forget(struct batch *b, const struct link *link)
{
	struct op *op, *next;

	TAILQ_FOREACH_SAFE(op, &b->ops, entry, next) {
		if (op->from != link)
			continue;
		if (op->kind == OP_ENQUEUE)
			pop(b, op);
		else
			op->from = NULL;
	}
}

bool batch_is_empty(const struct batch *b)
{
	return b->count == 0;
}

bool batch_is_full(const struct batch *b)
{
	return b->count >= BATCH_COUNT || b->octets >= BATCH_OCTETS;
}

int batch_take_content(struct batch *b, uint64_t queue_id)
{
	return fresh_take(&b->fresh, queue_id);
}

void batch_drop_contents(struct batch *b)
{
	fresh_clear(&b->fresh);
}

uint64_t batch_content_octets(const struct batch *b)
{
	return b->content_octets;
}

/* --- ends of ops ----------------------------------------------------------------- */

static void answer_enqueue(struct batch *b, struct op *op)
{
	struct message m = { .type = MESSAGE_ENQUEUED };

	m.enqueued = (struct msg_enqueued){ .id = op->id,
					    .error = (uint32_t)-op->error };
	if (op->error == 0)
		m.enqueued.queue_id = op->enqueue.queue_id;
	if (op->error == -EBADMSG)
		LOG(LOG_ERROR, NULL, "receive misbehaved: bad content",
		    log_text("trace", op->enqueue.m.trace));
	peers_send(b->peers, op->from, &m, -1);
}

static void answer_change(struct batch *b, const struct op *op)
{
	struct message m = { .type = MESSAGE_QUEUE_CHANGED };

	m.queue_changed =
		(struct msg_queue_changed){ .id = op->id,
					    .count = op->change.next.count };
	peers_send(b->peers, op->from, &m, -1);
}

/* False: its next step comes last in the next run. */
static bool finish_change(struct batch *b, struct op *op)
{
	op->change.c.progress = op->change.next;
	/* Who is gone may have thought better of it. */
	if (!op->change.next.is_done && op->from != NULL) {
		TAILQ_REMOVE(&b->ops, op, entry);
		TAILQ_INSERT_TAIL(&b->ops, op, entry);
		b->is_unfinished = true;
		return false;
	}
	if (op->from != NULL)
		answer_change(b, op);
	return true;
}

/* The file of an ENQUEUE is in its place, or of no use any more. */
static void end_spool_file(struct batch *b, const struct op *op)
{
	uint64_t id = op->enqueue.m.spool_id;

	if (op->enqueue.request.spool_file == NULL)
		return;
	if (op->error == 0)
		spool_forget(b->spool, id);
	else
		spool_drop(b->spool, id);
}

static void keep_content(struct batch *b, struct op *op)
{
	struct enqueue *e = &op->enqueue.request;

	if (op->error != 0 || e->fd < 0 || e->spool_file != NULL)
		return;
	fresh_add(&b->fresh, op->enqueue.queue_id, e->fd);
	e->fd = -1;
}

static void finish(struct batch *b, struct op *op)
{
	switch (op->kind) {
	case OP_ENQUEUE:
		end_spool_file(b, op);
		keep_content(b, op);
		answer_enqueue(b, op);
		break;
	case OP_OUTCOME:
	case OP_RESOLVED:
		store_give_back(b->store, op->row);
		break;
	case OP_CHANGE:
		if (!finish_change(b, op))
			return;
		break;
	case OP_SETTLE:
	case OP_HASTEN:
	case OP_DELIVERED_BEFORE:
	case OP_END_HOLDS:
	case OP_SPEND:
	case OP_SENDER_TLS:
		break;
	}
	pop(b, op);
}

/* The ops of the transaction that has just held. */
static void finish_first(struct batch *b, size_t count)
{
	while (count-- > 0)
		finish(b, TAILQ_FIRST(&b->ops));
}

static void fail_enqueues(struct batch *b, int error)
{
	struct op *op, *next;

	TAILQ_FOREACH_SAFE(op, &b->ops, entry, next) {
		if (op->kind != OP_ENQUEUE)
			continue;
		op->error = error;
		finish(b, op);
	}
}

/* --- the transaction ---------------------------------------------------------------- */

/* Applies as many ops as a transaction may have. */
static int apply_first(struct batch *b, struct turn *t, size_t *ret_count)
{
	struct op *op;

	*ret_count = 0;
	TAILQ_FOREACH(op, &b->ops, entry) {
		int r;

		if (*ret_count == BATCH_COUNT)
			break;
		r = op_apply(op, t);
		if (r < 0)
			return r;
		++*ret_count;
	}
	return reports_write(t);
}

static void complain(struct batch *b, int error)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (b->complained_ms != 0 && now_ms - b->complained_ms < COMPLAIN_MS)
		return;
	b->complained_ms = now_ms;
	LOG(LOG_ERROR, NULL,
	    error == -EUCLEAN ? "the queue's database is damaged"
			      : "cannot write to the queue",
	    log_string("error", strerror(-error)),
	    log_string("database", store_problem(b->store)));
}

static int run_once(struct batch *b)
{
	struct turn t;
	size_t count = 0;
	int r = store_begin(b->store);

	turn_init(&t, b->store, b->settings, clock_wall_s());
	if (r == 0)
		r = apply_first(b, &t, &count);
	if (r == 0)
		r = store_commit(b->store);
	if (r == 0) {
		turn_log(&t);
		finish_first(b, count);
		b->complained_ms = 0;
	} else {
		/* Before the rollback, which has its own words. */
		if (r != -EAGAIN)
			complain(b, r);
		store_rollback(b->store);
	}
	turn_done(&t);
	return r;
}

/* Another node may have been in the way. */
static int run_again(struct batch *b)
{
	int r = run_once(b);

	for (int i = 1; r == -EAGAIN && i < TRIES; i++)
		r = run_once(b);
	if (r == -EAGAIN)
		complain(b, r);
	return r;
}

int batch_run(struct batch *b, int *ret_error)
{
	*ret_error = 0;
	b->is_unfinished = false;
	while (b->count > 0 && !b->is_unfinished) {
		int r = run_again(b);

		if (r == 0)
			continue;
		if (b->enqueues == 0)
			return r;
		*ret_error = r;
		fail_enqueues(b, r);
		/* What makes room may pass where a new message did not. */
		if (r == -ENOSPC)
			store_settle(b->store);
	}
	return 0;
}
