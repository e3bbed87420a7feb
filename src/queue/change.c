#include "queue/change.h"

#include "queue/selector.h"
#include "queue/verdict.h"

enum {
	STEP_ROWS = 512,
	BOUNCE_ROWS = 64, /* each may have a report with 64 KiB */
};

static void note(struct turn *t, const char *message,
		 const struct store_entry *e, uint64_t count)
{
	if (count == 0)
		return;
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = message,
				     .trace = e->message.trace,
				     .queue_id = e->message.queue_id,
				     .count_of = "recipients",
				     .count = count });
}

static int drop(struct turn *t, const struct store_entry *e,
		uint64_t *ret_count)
{
	int r = store_remove(t->store, e->message.queue_id, e->recipient.row);

	if (r < 0)
		return r;
	turn_note(t,
		  &(struct note){ .level = LOG_INFO,
				  .message = "dropped by the operator",
				  .trace = e->message.trace,
				  .queue_id = e->message.queue_id,
				  .recipient = e->recipient.target.address });
	*ret_count = 1;
	return 0;
}

/* What a session delivers just now is the session's to say. */
static int bounce(struct turn *t, const struct store_entry *e,
		  uint64_t *ret_count)
{
	if (e->recipient.holder != 0)
		return 0;
	*ret_count = 1;
	return verdict_give_up(t, e);
}

static int change_entry(struct turn *t, const struct change *c,
			const struct store_entry *e, uint64_t *ret_count)
{
	uint64_t id = e->message.queue_id;
	int r = 0;

	switch (c->what) {
	case QUEUE_CHANGE_RETRY:
		return store_hurry(t->store, id, t->now, ret_count);
	case QUEUE_CHANGE_RELEASE:
		if (e->recipient.line == STORE_HELD)
			r = store_release(t->store, id, t->now, ret_count);
		note(t, "released by the operator", e, *ret_count);
		return r;
	case QUEUE_CHANGE_DROP:
		return drop(t, e, ret_count);
	case QUEUE_CHANGE_HOLD:
		r = store_hold(t->store, id, c->reason, ret_count);
		note(t, "held by the operator", e, *ret_count);
		return r;
	case QUEUE_CHANGE_BOUNCE:
		return bounce(t, e, ret_count);
	}
	return 0;
}

/* Mail that came meanwhile is not meant, and above all no report that a step
 * before has made. */
static bool is_meant(const struct change *c, const struct store_entry *e)
{
	const struct store_message *m = &e->message;

	if (m->arrived > c->begun)
		return false;
	if (c->what == QUEUE_CHANGE_BOUNCE && m->arrived == c->begun &&
	    m->reverse_path.n == 0)
		return false;
	return selector_fits(&c->selector, e, c->begun);
}

int change_step(struct turn *t, const struct change *c,
		struct change_progress *ret_progress)
{
	struct store_page page = {
		.arena = t->arena,
		.max = c->what == QUEUE_CHANGE_BOUNCE ? BOUNCE_ROWS : STEP_ROWS,
	};
	struct change_progress progress = c->progress;
	int r;

	progress.is_done = true;
	*ret_progress = progress;
	if (selector_is_empty(&c->selector) && !c->is_all)
		return 0;
	page.entries = arena_array(t->arena, page.max, sizeof(*page.entries));
	r = store_list(t->store, c->selector.queue_id, progress.after, &page);
	for (size_t i = 0; i < page.count && r == 0; i++) {
		const struct store_entry *e = &page.entries[i];
		uint64_t count = 0;

		if (is_meant(c, e))
			r = change_entry(t, c, e, &count);
		progress.count += count;
		progress.after = e->recipient.row;
	}
	progress.is_done = page.count < page.max;
	*ret_progress = progress;
	return r;
}
