/* What `deliver` and `queue` say of a message, and what follows from it. */
#include "receive/handover-private.h"

#include <errno.h>

/* The answer for one target, or none will come. */
static void end_target(struct handover *h, struct handover_target *t,
		       const struct outcome *outcome)
{
	t->is_open = false;
	t->outcome = outcome_copy(outcome, h->arena);
	h->open_count--;
}

static void log_late_end(const struct handover *h,
			 const struct handover_target *t)
{
	LOG(LOG_INFO, &h->log, "delivery ended after the client was answered",
	    log_text("recipient", t->target.address),
	    log_number("delivered", t->outcome.kind == OUTCOME_DELIVERED),
	    log_number("code", t->outcome.code),
	    log_text("text", t->outcome.text));
}

/* Targets have ended: what follows from it. */
static void after_end(struct handover *h)
{
	switch (h->state) {
	case HANDOVER_DELIVERING:
		if (h->open_count == 0)
			handover_decide(h);
		break;
	case HANDOVER_QUEUEING:
	case HANDOVER_REPLYING:
		break; /* detach() settles it */
	case HANDOVER_DETACHED:
		handover_settle(h);
		if (h->open_count == 0)
			handover_free(&h);
		break;
	}
}

static void on_deliver_result(struct handovers *hs,
			      const struct msg_deliver_result *m)
{
	struct handover *h = handovers_find(hs, m->id);
	struct handover_target *t;

	if (h == NULL || m->index >= h->target_count)
		return;
	t = &h->targets[m->index];
	if (!t->is_open)
		return;
	end_target(h, t, &m->outcome);
	if (h->state != HANDOVER_DELIVERING)
		log_late_end(h, t);
	after_end(h);
}

static void on_enqueued(struct handovers *hs, const struct msg_enqueued *m)
{
	struct handover *h = handovers_find(hs, m->id);

	if (h == NULL || h->state != HANDOVER_QUEUEING)
		return;
	if (m->error != 0) {
		handover_refuse(h, (int)m->error);
		return;
	}
	h->queue_id = m->queue_id;
	handover_log(h, LOG_INFO, "message queued");
	handover_reply(h, handover_accepted(h, S("queued")));
}

void handovers_on_message(struct handovers *handovers, struct message *m)
{
	if (m->type == MESSAGE_DELIVER_RESULT)
		on_deliver_result(handovers, &m->deliver_result);
	else if (m->type == MESSAGE_ENQUEUED)
		on_enqueued(handovers, &m->enqueued);
}

void handovers_on_deliver_gone(struct handovers *handovers)
{
	static const struct outcome lost = {
		.kind = OUTCOME_UNCERTAIN,
		.text = SLICE("the delivery process ended"),
	};
	struct handover *h;
	struct handover *next;

	TAILQ_FOREACH_SAFE(h, &handovers->all, entry, next) {
		if (h->open_count == 0)
			continue;
		for (size_t i = 0; i < h->target_count; i++)
			if (h->targets[i].is_open)
				end_target(h, &h->targets[i], &lost);
		after_end(h);
	}
}

void handovers_on_queue_gone(struct handovers *handovers)
{
	struct handover *h;

	TAILQ_FOREACH(h, &handovers->all, entry)
		if (h->state == HANDOVER_QUEUEING)
			handover_refuse(h, ECONNRESET);
}
