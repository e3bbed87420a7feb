/* The last step of a message: it is handed over, and the client hears what
 * became of it. */
#include "receive/session-private.h"

#include "base/clock.h"

static void log_accepted(const struct session *s, const struct reply *r)
{
	const struct transaction *t = s->tx;
	struct slice missing = filters_missing(s, s->server->scratch);
	struct log_fact facts[13] = {
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

	if (session_is_local(s))
		facts[count++] = log_number("uid", s->peer.user.uid);
	if (t->hold.n > 0)
		facts[count++] = log_text("held", t->hold);
	if (filters_edit_count(s) > 0)
		facts[count++] = log_number("edits", filters_edit_count(s));
	if (missing.n > 0)
		facts[count++] = log_text("unfiltered", missing);
	log_event(LOG_INFO, &t->log, "accepted", facts, count);
}

static void on_reply(const struct reply *reply, void *arg)
{
	struct session *s = arg;

	s->tx->handover = NULL;
	session_op_done(s);
	if (reply_is_positive(reply)) {
		log_accepted(s, reply);
		origin_accepted(s);
		session_reply(s, reply);
	} else {
		session_pass_refusal(s, reply);
	}
	session_end_transaction(s);
	session_run(s);
}

/* RFC 8689 4.1, 5: REQUIRETLS counts more than the field, which counts where we
 * know whose word it is: what a Sieve script sends on is a stranger's. */
static enum tls_demand tls_demand(const struct session *s)
{
	const struct transaction *t = s->tx;

	if (t->mail.requires_tls)
		return TLS_DEMAND_REQUIRED;
	return t->tls_required.is_no && !t->is_from_sieve &&
			       session_may_relay(s)
		       ? TLS_DEMAND_NONE
		       : TLS_DEMAND_USUAL;
}

void complete_hand_over(struct session *s)
{
	struct transaction *t = s->tx;
	const struct handover_request request = {
		.trace = t->trace,
		.reverse_path = t->reverse_path,
		.mail = t->mail,
		.login = slice_of(s->login),
		.recipients = t->recipients,
		.recipient_count = t->recipient_count,
		/* A local program may be Dovecot's, which LMTP waits for. */
		.queue_only = t->is_from_sieve || t->hold.n > 0 ||
			      session_is_local(s),
		.is_from_us = resolver_is_ours(s->server->resolver,
					       transaction_sender_domain(t)),
		.tls_demand = tls_demand(s),
		.hold = t->hold,
	};

	s->op = OP_HANDOVER;
	t->handover = handover_start(s->server->handovers, &request,
				     &t->content, on_reply, s);
}
