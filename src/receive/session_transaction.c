#include "receive/session-private.h"

#include "base/clock.h"

void session_begin_transaction(struct session *s)
{
	struct slice trace = arena_format(s->server->scratch, "%.*s.%u",
					  (int)sizeof(s->trace), s->trace,
					  ++s->transaction_count);

	s->tx = transaction_new(trace, clock_monotonic_ms());
}

void session_drop_transaction(struct session *s)
{
	if (s->tx == NULL)
		return;
	filters_abort(s);
	complete_cancel(s->tx);
	if (s->tx->reads_more)
		stream_set_input_limit(s->stream, SESSION_INPUT_OCTETS);
	transaction_free(&s->tx);
}

void session_forget_transaction(struct session *s)
{
	/* What is begun and left costs DNS as much as what is waited for. */
	if (s->tx != NULL && origin_is_asking(&s->tx->origin))
		s->errors++;
	session_drop_transaction(s);
	if (s->state != ST_GREETED)
		session_enter(s, ST_READY);
}

void session_end_transaction(struct session *s)
{
	session_drop_transaction(s);
	if (s->state == ST_CLOSING || s->state == ST_OVER)
		return;
	session_enter(s, ST_READY);
	if (s->errors >= s->server->conf->error_limit)
		session_reply(s, &REPLY_TOO_MANY_ERRORS);
}
