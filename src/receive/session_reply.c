#include "receive/session-private.h"

void session_send(struct session *s, struct slice octets)
{
	stream_send(s->stream, octets);
}

void session_reply(struct session *s, const struct reply *r)
{
	session_send(s, reply_format(r, s->server->scratch));
	if (!r->close)
		return;
	/* A client that asked for it will send no more. */
	s->must_linger = s->verb != VERB_QUIT;
	session_enter(s, ST_CLOSING);
}

struct facts {
	struct log_fact items[8];
	size_t count;
};

static void add_fact(struct facts *f, const char *key, struct slice text)
{
	if (text.n > 0)
		f->items[f->count++] = log_text(key, text);
}

static void log_refusal(const struct session *s, const struct reply *r)
{
	const struct transaction *t = s->tx;
	struct facts f = { .count = 0 };

	add_fact(&f, "command", slice_of(verb_name(s->verb)));
	f.items[f.count++] = log_number("code", r->code);
	add_fact(&f, "text", r->text);
	add_fact(&f, "peer", slice_of(s->peer_ip));
	add_fact(&f, "login", slice_of(s->login));
	if (session_is_local(s))
		f.items[f.count++] = log_number("uid", s->peer.user.uid);
	if (t != NULL) {
		add_fact(&f, "from", t->reverse_path);
		add_fact(&f, "to", t->pending.original);
	}
	log_event(LOG_INFO, t != NULL ? &t->log : &s->log, "refused", f.items,
		  f.count);
}

/*
 * The client has made all errors we take. One whose transaction has a good
 * recipient may bring it to its end; how far that goes is bounded too.
 */
static bool is_spared(const struct session *s)
{
	return s->tx != NULL && s->tx->recipient_count > 0 &&
	       s->errors < 10 * s->server->conf->error_limit;
}

void session_refuse(struct session *s, const struct reply *r)
{
	session_pass_refusal(s, r);
	if (!reply_is_permanent(r))
		return;
	s->errors++;
	if (s->errors >= s->server->conf->error_limit && !r->close &&
	    !is_spared(s))
		session_reply(s, &REPLY_TOO_MANY_ERRORS);
}

void session_pass_refusal(struct session *s, const struct reply *r)
{
	log_refusal(s, r);
	session_reply(s, r);
}
