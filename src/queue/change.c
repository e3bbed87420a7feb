#include "queue/change.h"

/* A message and its reports; more share no trace. */
enum { SAME_TRACE_MAX = 64 };

static void note(struct turn *t, const char *message, uint64_t queue_id,
		 uint64_t count)
{
	if (count == 0)
		return;
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = message,
				     .queue_id = queue_id,
				     .count_of = "recipients",
				     .count = count });
}

/* queue_id: 0 for all. */
static int change(struct turn *t, enum queue_change what, uint64_t queue_id,
		  uint64_t *ret_count)
{
	int r = 0;

	*ret_count = 0;
	switch (what) {
	case QUEUE_CHANGE_RETRY:
		return store_hurry(t->store, queue_id, t->now, ret_count);
	case QUEUE_CHANGE_RELEASE:
		r = store_release(t->store, queue_id, t->now, ret_count);
		note(t, "released by the operator", queue_id, *ret_count);
		break;
	case QUEUE_CHANGE_DROP:
		if (queue_id != 0)
			r = store_drop(t->store, queue_id, ret_count);
		note(t, "dropped by the operator", queue_id, *ret_count);
		break;
	}
	return r;
}

int change_apply(struct turn *t, enum queue_change what, uint64_t queue_id,
		 struct slice trace, uint64_t *ret_count)
{
	uint64_t ids[SAME_TRACE_MAX];
	uint64_t total = 0;
	size_t count = 0;
	int r;

	if (queue_id != 0 || trace.n == 0)
		return change(t, what, queue_id, ret_count);
	r = store_find_trace(t->store, trace, SAME_TRACE_MAX, ids, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		uint64_t recipients;

		r = change(t, what, ids[i], &recipients);
		total += recipients;
	}
	if (r == 0)
		*ret_count = total;
	return r;
}
