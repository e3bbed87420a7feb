/*
 * What becomes of a message whose content has all come: one function a step.
 * A step goes on to the next one; or sets s->op, and session_run() brings it
 * here again; or ends the transaction.
 */
#include "receive/session-private.h"

#include "base/clock.h"

static void enter(struct session *s, enum complete_step step)
{
	s->tx->step = step;
}

/* --- the end ------------------------------------------------------------------ */

static void refuse(struct session *s, const struct reply *r)
{
	session_refuse(s, r);
	session_end_transaction(s);
}

static void log_accepted(const struct session *s, const struct reply *r)
{
	const struct transaction *t = s->tx;
	struct log_fact facts[12] = {
		log_text("from", t->reverse_path),
		log_text("to", t->recipients[0].original),
		log_number("recipients", t->recipient_count),
		log_number("size", t->data.octets),
		log_text("tls", stream_tls_version(s->stream)),
		log_string("login", s->login),
		log_string("peer", s->peer_ip),
		log_number("ms", clock_monotonic_ms() - t->began_ms),
		log_text("reply", r->text),
	};
	size_t count = 9;

	if (t->hold.n > 0)
		facts[count++] = log_text("held", t->hold);
	log_event(LOG_INFO, &t->log, "accepted", facts, count);
}

static void on_reply(const struct reply *reply, void *arg)
{
	struct session *s = arg;

	s->tx->handover = NULL;
	session_op_done(s);
	if (reply_is_positive(reply)) {
		log_accepted(s, reply);
		session_reply(s, reply);
	} else {
		session_pass_refusal(s, reply);
	}
	session_end_transaction(s);
	session_run(s);
}

/* --- the steps ------------------------------------------------------------------ */

static void finish_content(struct session *s)
{
	switch (body_end(s)) {
	case CONTENT_WAITING:
		break; /* it calls */
	case CONTENT_OPEN:
		enter(s, COMPLETE_HANDOVER);
		break;
	case CONTENT_NO_ROOM:
		refuse(s, &REPLY_NO_ROOM);
		break;
	case CONTENT_BROKEN:
		refuse(s, &REPLY_INTERNAL);
		break;
	}
}

static void hand_over(struct session *s)
{
	struct transaction *t = s->tx;
	const struct handover_request request = {
		.trace = t->trace,
		.reverse_path = t->reverse_path,
		.mail = t->mail,
		.login = slice_of(s->login),
		.recipients = t->recipients,
		.recipient_count = t->recipient_count,
		.queue_only = t->is_from_sieve || t->hold.n > 0,
		.hold = t->hold,
	};

	s->op = OP_HANDOVER;
	t->handover = handover_start(s->server->handovers, &request,
				     &t->content, on_reply, s);
}

enum step complete_step(struct session *s)
{
	const struct reply *fault = body_fault(s->tx);

	if (fault != NULL) {
		refuse(s, fault);
		return STEP_NEXT;
	}
	switch (s->tx->step) {
	case COMPLETE_CONTENT:
		finish_content(s);
		break;
	case COMPLETE_HANDOVER:
		hand_over(s);
		break;
	}
	return STEP_NEXT;
}
