#include "queue/verdict.h"

#include "queue/report.h"

/* Until it is due again: at least, and at most. */
enum { CANCELLED_S = 5, POSTPONED_S = 3600 };

static void note(struct turn *t, const struct store_entry *e,
		 const char *message, const struct outcome *outcome)
{
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = message,
				     .trace = e->message.trace,
				     .queue_id = e->message.queue_id,
				     .recipient = e->recipient.target.address,
				     .outcome = outcome });
}

static int remove_entry(struct turn *t, const struct store_entry *e)
{
	return store_remove(t->store, e->message.queue_id, e->recipient.row);
}

/* Done with, for good or bad: reports what is due and removes. */
static int finish(struct turn *t, const struct store_entry *e,
		  enum dsn_action action, const struct outcome *outcome)
{
	int r = 0;

	if (report_is_due(e, action))
		r = report_add(t, e, action, outcome);
	return r < 0 ? r : remove_entry(t, e);
}

static int fail(struct turn *t, const struct store_entry *e,
		const struct outcome *outcome, bool is_expired)
{
	bool reports = report_is_due(e, DSN_FAILED);

	if (is_expired)
		note(t, e, reports ? "expired" : "expired, dropped", outcome);
	else
		note(t, e, reports ? "bounced" : "refused, dropped", outcome);
	return finish(t, e, DSN_FAILED, outcome);
}

/* A report that does not arrive soon is of no use any more. */
static struct schedule schedule_of(const struct turn *t,
				   const struct store_message *m)
{
	struct schedule s = t->settings->schedule;

	if (m->reverse_path.n == 0 &&
	    s.lifetime_s > t->settings->report_lifetime_s)
		s.lifetime_s = t->settings->report_lifetime_s;
	return s;
}

/* The first try after the time for a warning has failed: that is once, also
 * when we were away meanwhile. */
static bool is_late_now(const struct turn *t, const struct store_entry *e)
{
	int64_t from = e->message.since + (int64_t)t->settings->warn_after_s;

	return t->settings->warn_after_s > 0 && t->now >= from &&
	       e->recipient.last_try < from;
}

static int warn(struct turn *t, const struct store_entry *e,
		const struct outcome *outcome)
{
	if (!is_late_now(t, e) || !report_is_due(e, DSN_DELAYED))
		return 0;
	return report_add(t, e, DSN_DELAYED, outcome);
}

static int defer(struct turn *t, const struct store_entry *e,
		 const struct outcome *outcome)
{
	const struct schedule s = schedule_of(t, &e->message);
	uint32_t attempts = e->recipient.attempts + 1;
	int64_t due;
	int r;

	if (schedule_is_over(&s, e->message.since, t->now))
		return fail(t, e, outcome, true);
	r = warn(t, e, outcome);
	if (r < 0)
		return r;
	due = schedule_next(&s, e->message.since, attempts, t->now,
			    schedule_random());
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = "deferred",
				     .trace = e->message.trace,
				     .queue_id = e->message.queue_id,
				     .recipient = e->recipient.target.address,
				     .outcome = outcome,
				     .count_of = "next_try_s",
				     .count = (uint64_t)(due - t->now) });
	return store_defer(t->store, e->recipient.row, due, t->now, outcome);
}

int verdict_postpone(struct turn *t, const struct store_entry *e,
		     const struct outcome *outcome, uint32_t again_s)
{
	const struct schedule s = schedule_of(t, &e->message);
	const struct outcome *why =
		e->recipient.attempts > 0 ? &e->recipient.last : outcome;
	int64_t wait = again_s < CANCELLED_S ? CANCELLED_S : again_s;

	if (why->text.n > 0 && schedule_is_over(&s, e->message.since, t->now))
		return fail(t, e, why, true);
	if (wait > POSTPONED_S)
		wait = POSTPONED_S;
	return store_postpone(t->store, e->recipient.row, t->now + wait);
}

/* RFC 3461 5.2: what the next server has agreed to tell is not told twice; what
 * it has not, ends here. */
static int deliver(struct turn *t, const struct store_entry *e,
		   const struct outcome *outcome)
{
	note(t, e, "delivered from the queue", outcome);
	if (e->recipient.target.kind != TARGET_REMOTE)
		return finish(t, e, DSN_DELIVERED, outcome);
	if (outcome->is_dsn_taken_over)
		return remove_entry(t, e);
	return finish(t, e, DSN_RELAYED, outcome);
}

int verdict_apply(struct turn *t, const struct store_entry *e,
		  const struct outcome *outcome)
{
	switch (outcome->kind) {
	case OUTCOME_DELIVERED:
		return deliver(t, e, outcome);
	case OUTCOME_REFUSED:
		return fail(t, e, outcome, false);
	case OUTCOME_DEFERRED:
	case OUTCOME_UNCERTAIN:
		return defer(t, e, outcome);
	case OUTCOME_CANCELLED:
		return verdict_postpone(t, e, outcome, 0);
	}
	return 0;
}

int verdict_give_up(struct turn *t, const struct store_entry *e)
{
	static const struct outcome given_up = {
		.kind = OUTCOME_REFUSED,
		.status = { 5, 4, 7 },
		.text = SLICE("the postmaster has given up delivery"),
	};
	bool was_tried = e->recipient.attempts > 0;

	return fail(t, e, was_tried ? &e->recipient.last : &given_up,
		    was_tried);
}

int verdict_resolve(struct turn *t, const struct store_entry *e,
		    struct targets targets)
{
	struct store_recipient to = e->recipient;

	to.line = STORE_NEW;
	to.due = t->now;
	for (size_t i = 0; i < targets.count; i++) {
		int r;

		to.place++; /* its own stays as it was */
		to.target = targets.items[i];
		r = store_add_recipient(t->store, &to);
		if (r < 0)
			return r;
	}
	return remove_entry(t, e);
}

int verdict_drop(struct turn *t, const struct store_entry *e)
{
	note(t, e, "report removed: its recipient does not exist", NULL);
	return remove_entry(t, e);
}
