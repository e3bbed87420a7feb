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
	if (d->asked > 0)
		d->asked--;
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

static void join(struct remote_delivery *delivery, struct remote_line *group)
{
	line_leave(delivery);
	delivery->is_begun = true;
	TAILQ_INSERT_TAIL(group, delivery, entry);
}

size_t line_take_group(struct destination *d, struct remote_line *group)
{
	struct remote_delivery *first = TAILQ_FIRST(&d->waiting);
	struct remote_delivery *each = first, *next;
	size_t count = 0;

	for (; each != NULL && count < REMOTE_GROUP_MAX; each = next) {
		next = TAILQ_NEXT(each, entry);
		if (!is_same_message(&first->request, &each->request))
			continue;
		join(each, group);
		count++;
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

/* A second. */
static unsigned rate(const struct destination *d)
{
	return most(d->rate / 1000, d->served);
}

/* So many come again each second: it may be a whole queue. More than it was
 * seen to serve, as it may do better when it has more to do. */
static unsigned again_rate(const struct destination *d)
{
	return most(REMOTE_AGAIN_RATE, 2 * rate(d));
}

/* Work for two seconds, as who comes again does so on the second. */
static unsigned slow_line(const struct destination *d)
{
	unsigned line = most(most(REMOTE_SLOW_LINE, d->allowed), 2 * rate(d));

	return line < REMOTE_SLOW_LINE_MAX ? line : REMOTE_SLOW_LINE_MAX;
}

static unsigned next_again_s(struct destination *d)
{
	unsigned s = REMOTE_AGAIN_S + d->turned_away++ / again_rate(d);

	d->away++;

	return s < REMOTE_AGAIN_MAX_S ? s : REMOTE_AGAIN_MAX_S;
}

void line_shorten(struct destination *d, uint64_t now_ms)
{
	const struct remote_delivery *first = TAILQ_FIRST(&d->waiting);
	struct remote_end end = slow;

	d->is_slow = first != NULL &&
		     (d->is_slow || now_ms - first->since_ms >= REMOTE_SLOW_MS);
	while (d->is_slow && d->waiting_count > slow_line(d)) {
		struct remote_delivery *last =
			TAILQ_LAST(&d->waiting, remote_line);

		end.again_s = next_again_s(d);
		end.destination = d->number;
		line_leave(last);
		delivery_end(last, &end);
	}
}

/* In time: when only half of the line is left. */
void line_refill(struct destination *d)
{
	struct message m = { .type = MESSAGE_ATTEMPTS_WANTED };
	unsigned room = slow_line(d);
	unsigned here = d->waiting_count + d->asked;
	unsigned count;

	if (d->away == 0 || here > room / 2 || d->remote->queue == NULL)
		return;
	count = room - here < d->away ? room - here : d->away;
	d->away -= count;
	d->asked += count;
	m.attempts_wanted =
		(struct msg_attempts_wanted){ .destination = d->number,
					      .count = count };
	link_send(d->remote->queue, &m, -1);
}

void line_tick(struct destination *d)
{
	unsigned back = again_rate(d);

	d->turned_away = d->turned_away > back ? d->turned_away - back : 0;
	if (d->served * 1000 > d->rate)
		d->rate = (d->rate + d->served * 1000) / 2;
	else if (d->waiting_count > 0) /* else it had nothing to do */
		d->rate = (d->rate * 3 + d->served * 1000) / 4;
	d->served = 0;
	d->asked = 0; /* who is not here by now will not come so soon */
}
