/* Who waits for a destination: remote.h. */
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/remote-private.h"

static const struct remote_end slow = {
	.outcome = { .kind = OUTCOME_CANCELLED,
		     .status = { 4, 4, 5 },
		     .text = SLICE("too many wait for the same destination") },
};

void line_enter(struct destination *d, struct remote_delivery *delivery)
{
	delivery->destination = d;
	delivery->since_ms = d->used_ms = clock_monotonic_ms();
	TAILQ_INSERT_TAIL(&d->waiting, delivery, entry);
	d->waiting_count++;
}

void line_return(struct destination *d, struct remote_delivery *delivery)
{
	delivery->is_begun = false;
	delivery->is_second_try = true;
	TAILQ_INSERT_HEAD(&d->waiting, delivery, entry);
	d->waiting_count++;
}

void line_leave(struct remote_delivery *delivery)
{
	TAILQ_REMOVE(&delivery->destination->waiting, delivery, entry);
	delivery->destination->waiting_count--;
}

void delivery_end(struct remote_delivery *delivery,
		  const struct remote_end *end)
{
	delivery->done(end, delivery->arg);
	mem_free(&delivery);
}

void line_free(struct remote_line *line)
{
	struct remote_delivery *delivery;

	while ((delivery = TAILQ_FIRST(line)) != NULL) {
		TAILQ_REMOVE(line, delivery, entry);
		mem_free(&delivery);
	}
}

/* --- groups ------------------------------------------------------------------------ */

static bool is_same_message(const struct remote_request *a,
			    const struct remote_request *b)
{
	return a->queue_id == b->queue_id &&
	       slice_equal(a->reverse_path, b->reverse_path);
}

size_t line_take_group(struct destination *d, struct remote_line *group)
{
	struct remote_delivery *first = TAILQ_FIRST(&d->waiting);
	struct remote_delivery *each = first, *next;
	size_t count = 0;

	while (each != NULL && count < REMOTE_GROUP_MAX) {
		next = TAILQ_NEXT(each, entry);
		if (is_same_message(&first->request, &each->request)) {
			line_leave(each);
			each->is_begun = true;
			TAILQ_INSERT_TAIL(group, each, entry);
			count++;
		}
		each = next;
	}
	return count;
}

unsigned line_messages(const struct destination *d, unsigned max)
{
	const struct remote_delivery *each, *before = NULL;
	unsigned count = 0;

	TAILQ_FOREACH(each, &d->waiting, entry) {
		if (count == max)
			break;
		if (before == NULL ||
		    !is_same_message(&before->request, &each->request))
			count++;
		before = each;
	}
	return count;
}

/* --- ends -------------------------------------------------------------------------- */

void line_end_all(struct destination *d, const struct outcome *outcome)
{
	const struct remote_end end = { .outcome = *outcome };
	struct remote_delivery *delivery;

	while ((delivery = TAILQ_FIRST(&d->waiting)) != NULL) {
		line_leave(delivery);
		delivery_end(delivery, &end);
	}
}

static unsigned most(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Who comes again is spread in time: it may be a whole queue. */
static unsigned next_again_s(struct destination *d)
{
	unsigned s = REMOTE_AGAIN_S + d->turned_away++ / REMOTE_AGAIN_RATE;

	return s < REMOTE_AGAIN_MAX_S ? s : REMOTE_AGAIN_MAX_S;
}

void line_shorten(struct destination *d, uint64_t now_ms)
{
	const struct remote_delivery *first = TAILQ_FIRST(&d->waiting);
	struct remote_end end = slow;

	d->is_slow = first != NULL &&
		     (d->is_slow || now_ms - first->since_ms >= REMOTE_SLOW_MS);
	while (d->is_slow &&
	       d->waiting_count > most(REMOTE_SLOW_LINE, d->allowed)) {
		struct remote_delivery *last =
			TAILQ_LAST(&d->waiting, remote_line);

		end.again_s = next_again_s(d);
		line_leave(last);
		delivery_end(last, &end);
	}
}

void line_tick(struct destination *d)
{
	d->turned_away = d->turned_away > REMOTE_AGAIN_RATE
				 ? d->turned_away - REMOTE_AGAIN_RATE
				 : 0;
}
