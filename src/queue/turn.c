#include "queue/turn.h"

#include <stdio.h>

/* A tripwire only: what may gather is bounded in batch.h. */
enum { TURN_OCTETS = 1 << 30 };

void turn_init(struct turn *t, struct store *store,
	       const struct queue_settings *settings, int64_t now)
{
	*t = (struct turn){ .store = store, .settings = settings, .now = now };
	t->arena = arena_new(TURN_OCTETS);
	STAILQ_INIT(&t->notes);
	STAILQ_INIT(&t->reports);
}

void turn_done(struct turn *t)
{
	arena_free(&t->arena);
}

void turn_note(struct turn *t, const struct note *note)
{
	struct note *n = arena_alloc(t->arena, sizeof(*n));

	*n = *note;
	STAILQ_INSERT_TAIL(&t->notes, n, entry);
}

static void log_note(const struct note *n)
{
	char id[20], status[16];
	const struct outcome *o = n->outcome;
	struct log_ctx trace = { .key = "trace", .value = n->trace };
	struct log_ctx ctx = { .outer = &trace, .key = "queue_id" };
	struct log_fact facts[5];
	size_t count = 0;

	(void)snprintf(id, sizeof(id), "%016llx",
		       (unsigned long long)n->queue_id);
	ctx.value = slice_of(id);
	if (n->trace.n == 0)
		ctx.outer = NULL;
	if (n->recipient.n > 0)
		facts[count++] = log_text("recipient", n->recipient);
	if (n->count_of != NULL)
		facts[count++] = log_number(n->count_of, n->count);
	if (o != NULL && o->code != 0)
		facts[count++] = log_number("code", o->code);
	if (o != NULL && o->status[0] != 0) {
		(void)snprintf(status, sizeof(status), "%u.%u.%u", o->status[0],
			       o->status[1], o->status[2]);
		facts[count++] = log_string("status", status);
	}
	if (o != NULL && o->text.n > 0)
		facts[count++] = log_text("reason", o->text);
	log_event(n->level, n->queue_id != 0 ? &ctx : NULL, n->message, facts,
		  count);
}

void turn_log(const struct turn *t)
{
	const struct note *n;

	STAILQ_FOREACH(n, &t->notes, entry)
		log_note(n);
}
