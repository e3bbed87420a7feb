#include "queue/op.h"

#include "base/mem.h"
#include "queue/selector.h"
#include "queue/tls_memory.h"
#include "queue/verdict.h"

#include <errno.h>
#include <string.h>

/* Above what a message between roles can hold, with its lists. */
enum { OP_OCTETS = 64 << 20 };

enum { PAGE = 64 };

struct op *op_new(enum op_kind kind, struct link *from, uint64_t id)
{
	struct op *op = mem_new(sizeof(*op));

	op->kind = kind;
	op->arena = arena_new(OP_OCTETS);
	op->from = from;
	op->id = id;
	if (kind == OP_ENQUEUE)
		op->enqueue.request.fd = -1;
	return op;
}

void op_free(struct op **op)
{
	if (*op == NULL)
		return;
	if ((*op)->kind == OP_ENQUEUE)
		fd_close(&(*op)->enqueue.request.fd);
	arena_free(&(*op)->arena);
	mem_free(op);
}

static void copy(struct op *op, struct slice *s)
{
	*s = arena_copy(op->arena, *s);
}

void op_copy_outcome(struct op *op, const struct outcome *o)
{
	op->outcome = outcome_copy(o, op->arena);
}

void op_copy_targets(struct op *op, struct targets targets)
{
	struct target *items =
		arena_array(op->arena, targets.count + 1, sizeof(*items));

	for (size_t i = 0; i < targets.count; i++)
		items[i] = target_copy(targets.items[i], op->arena);
	op->resolved.targets = (struct targets){ items, targets.count };
}

bool op_are_paths(struct targets targets)
{
	for (size_t i = 0; i < targets.count; i++)
		if (targets.items[i].address.n == 0 ||
		    targets.items[i].address.n > ENQUEUE_PATH_OCTETS ||
		    targets.items[i].via.n > ENQUEUE_PATH_OCTETS)
			return false;
	return true;
}

bool op_is_change(const struct msg_queue_change *m)
{
	return m->change <= QUEUE_CHANGE_BOUNCE &&
	       m->selector.trace.n <= ENQUEUE_TRACE_OCTETS &&
	       m->selector.from.n <= ENQUEUE_PATH_OCTETS &&
	       m->selector.to.n <= ENQUEUE_PATH_OCTETS &&
	       m->reason.n <= WIRE_TEXT_OCTETS;
}

void op_copy_rows(struct op *op, const uint64_t *rows, size_t count)
{
	op->hasten.rows = arena_array(op->arena, count + 1, sizeof(*rows));
	memcpy(op->hasten.rows, rows, count * sizeof(*rows));
	op->hasten.count = count;
}

void op_copy_change(struct op *op, const struct msg_queue_change *m)
{
	op->change.c = (struct change){
		.what = (enum queue_change)m->change,
		.selector = selector_copy(&m->selector, op->arena),
		.is_all = m->is_all,
		.reason = arena_copy(op->arena, m->reason),
	};
}

void op_copy_enqueue(struct op *op, const struct msg_enqueue *m)
{
	struct msg_enqueue *to = &op->enqueue.m;
	size_t count = m->recipients.count;
	struct recipient *items =
		arena_array(op->arena, count + 1, sizeof(*items));

	*to = *m;
	copy(op, &to->trace);
	copy(op, &to->reverse_path);
	copy(op, &to->envid);
	copy(op, &to->login);
	copy(op, &to->hold);
	for (size_t i = 0; i < count; i++) {
		items[i] = m->recipients.items[i];
		items[i].target = target_copy(items[i].target, op->arena);
		copy(op, &items[i].orcpt_type);
		copy(op, &items[i].orcpt);
		copy(op, &items[i].original);
		items[i].last = outcome_copy(&items[i].last, op->arena);
	}
	to->recipients = (struct recipients){ items, count };
	op->enqueue.request.m = to;
}

size_t op_octets(const struct op *op)
{
	return sizeof(*op) + arena_used(op->arena);
}

static int apply_enqueue(struct op *op, struct turn *t)
{
	op->error = enqueue_check(&op->enqueue.request);
	if (op->error < 0)
		return 0;
	return enqueue_apply(t, &op->enqueue.request, &op->enqueue.queue_id);
}

/*
 * The session's word counts as long as its hold lasts. When it comes later the
 * recipient is ours, and only the fact that it was delivered still counts.
 */
static int apply_settle(struct op *op, struct turn *t)
{
	struct store_entry *e = arena_alloc(t->arena, sizeof(*e));
	int r = store_load_place(t->store, op->settle.queue_id,
				 op->settle.place, t->arena, e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (e->recipient.holder == 0 && op->outcome.kind != OUTCOME_DELIVERED)
		return 0;
	return verdict_apply(t, e, &op->outcome);
}

static int apply_outcome(struct op *op, struct turn *t)
{
	struct store_entry *e = arena_alloc(t->arena, sizeof(*e));
	int r = store_load(t->store, op->row, t->arena, e);

	if (r == -ENOENT)
		return 0; /* settled meanwhile */
	if (r == 0 && op->outcome.kind == OUTCOME_DELIVERED &&
	    e->recipient.target.kind == TARGET_REMOTE && op->tls_reason.n > 0)
		r = tls_memory_keep(t, &e->recipient.target, op->tls_level,
				    op->tls_reason);
	if (r < 0)
		return r;
	return op->outcome.kind == OUTCOME_CANCELLED
		       ? verdict_postpone(t, e, &op->outcome, op->again_s)
		       : verdict_apply(t, e, &op->outcome);
}

/* One recipient of the message, wherever it stands in its list. */
static int find_target(struct turn *t, uint64_t queue_id, struct target target,
		       struct store_entry **ret_entry)
{
	struct store_page page = {
		.arena = t->arena,
		.entries =
			arena_array(t->arena, PAGE, sizeof(struct store_entry)),
		.max = PAGE,
	};
	uint64_t after = 0;

	do {
		int r = store_list(t->store, queue_id, after, &page);

		if (r < 0)
			return r;
		for (size_t i = 0; i < page.count; i++) {
			struct store_entry *e = &page.entries[i];

			after = e->recipient.row;
			if (!target_is_same(e->recipient.target, target))
				continue;
			*ret_entry = e;
			return 0;
		}
	} while (page.count == PAGE);
	return -ENOENT;
}

static int apply_before(struct op *op, struct turn *t)
{
	struct store_entry *e;
	int r;

	if (op->before.queue_id == 0)
		return 0;
	r = find_target(t, op->before.queue_id, op->before.target, &e);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* it was written down */
	return verdict_apply(t, e, &op->outcome);
}

static const struct outcome later = {
	.kind = OUTCOME_DEFERRED,
	.status = { 4, 4, 3 },
	.text = SLICE("the report's recipient cannot be looked up now"),
};

static int apply_resolved(struct op *op, struct turn *t)
{
	struct store_entry *e = arena_alloc(t->arena, sizeof(*e));
	int r = store_load(t->store, op->row, t->arena, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	switch (op->resolved.result) {
	case RESOLVE_TARGETS:
		if (op->resolved.targets.count == 0)
			return verdict_drop(t, e);
		return verdict_resolve(t, e, op->resolved.targets);
	case RESOLVE_NO_USER:
	case RESOLVE_NOT_LOCAL: /* an address literal */
		return verdict_drop(t, e);
	case RESOLVE_TRY_LATER:
		return verdict_apply(t, e, &later);
	}
	return 0;
}

static int apply_hasten(const struct op *op, struct turn *t)
{
	int r = 0;

	for (size_t i = 0; i < op->hasten.count && r == 0; i++)
		r = store_hasten(t->store, op->hasten.rows[i], t->now);
	return r;
}

int op_apply(struct op *op, struct turn *t)
{
	switch (op->kind) {
	case OP_ENQUEUE:
		return apply_enqueue(op, t);
	case OP_SETTLE:
		return apply_settle(op, t);
	case OP_OUTCOME:
		return apply_outcome(op, t);
	case OP_DELIVERED_BEFORE:
		return apply_before(op, t);
	case OP_RESOLVED:
		return apply_resolved(op, t);
	case OP_HASTEN:
		return apply_hasten(op, t);
	case OP_END_HOLDS:
		return store_end_holds(t->store, op->end_holds.holder,
				       op->end_holds.due);
	case OP_SPEND:
		return spending_apply(t, &op->spending);
	case OP_SENDER_TLS:
		return tls_memory_keep_sender(t, op->sender_domain,
					      op->tls_reason);
	case OP_CHANGE:
		return change_step(t, &op->change.c, &op->change.next);
	}
	return 0;
}
