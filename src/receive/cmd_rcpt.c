/* RCPT: RFC 5321 4.1.1.3. Dovecot is asked before it is answered. */
#include "receive/session-private.h"

static const struct reply *path_refusal(int error)
{
	return error == ADDRESS_DOMAIN ? &REPLY_BAD_RECIPIENT_DOMAIN
				       : &REPLY_BAD_RECIPIENT_SYNTAX;
}

/* RFC 5321 4.5.3.1.10. Who guesses names behind a good one is told the same:
 * a client with real recipients comes back for the rest. */
static bool is_full(const struct session *s)
{
	const struct conf *conf = s->server->conf;

	/* Those that cannot be looked up now are no errors of the client's, and
	 * yet each takes memory until the transaction ends. */
	return s->tx->recipient_count >= conf->recipient_limit ||
	       s->tx->asked_count >= 2 * conf->recipient_limit ||
	       s->errors >= conf->error_limit;
}

/* Reads args into t->asked and t->pending. Returns NULL or the refusal. */
static const struct reply *parse(struct session *s, struct slice args)
{
	struct transaction *t = s->tx;
	const struct reply *refusal;
	struct slice path, rest;
	int error;

	if (!command_strip_keyword(args, S("TO:"), &path))
		return &REPLY_SYNTAX;
	error = address_parse_path(path, t->arena, &t->asked, &rest);
	if (error != 0)
		return path_refusal(error);
	t->pending.original = address_format(&t->asked, t->arena);
	refusal = params_parse_rcpt(rest, t->arena, &t->pending.dsn);
	if (refusal != NULL)
		return refusal;
	if (address_is_null(&t->asked))
		return &REPLY_BAD_RECIPIENT_SYNTAX;
	if (address_is_literal(&t->asked))
		return &REPLY_NO_LITERALS;
	if (t->asked.is_utf8 && !t->mail.is_smtputf8)
		return &REPLY_NEEDS_SMTPUTF8;
	filters_keep_rcpt(s, slice_head(path, path.n - rest.n), rest);
	return NULL;
}

static const struct reply *take(struct session *s, struct targets targets)
{
	/* No mailbox of ours is told later that it cannot be. */
	if (!s->server->has_lmtp_smtputf8 && !transaction_is_ascii(targets))
		return &REPLY_NEEDS_ASCII_RECIPIENT;
	if (!transaction_add_recipient(s->tx, targets))
		return &REPLY_TOO_MANY_RECIPIENTS;
	return NULL;
}

static const struct reply *no_user(const struct session *s)
{
	/* Dovecot knows no such names because it takes none. */
	if (slice_has_high(s->tx->asked.local) && !s->server->has_lmtp_smtputf8)
		return &REPLY_NEEDS_ASCII_RECIPIENT;
	return session_is_local(s) ? &REPLY_NO_SUCH_USER_HERE
				   : &REPLY_NO_SUCH_USER;
}

/* Returns NULL if the recipient was taken, or the refusal. */
static const struct reply *verdict(struct session *s,
				   const struct resolve_answer *answer)
{
	switch (answer->result) {
	case RESOLVE_TARGETS:
		return take(s, answer->targets);
	case RESOLVE_NO_USER:
		return no_user(s);
	case RESOLVE_TRY_LATER:
		return &REPLY_LOOKUP_FAILED;
	case RESOLVE_NOT_LOCAL:
		return &REPLY_RELAY_DENIED;
	}
	return &REPLY_INTERNAL;
}

/* Filters were told that it is refused. */
static void after_refusal(struct session *s, const struct milter_verdict *v)
{
	const struct reply *refusal = s->tx->refusal;

	(void)v;
	s->tx->refusal = NULL;
	session_refuse(s, refusal);
}

static void after_filters(struct session *s, const struct milter_verdict *v)
{
	if (filters_refuse(s, v)) {
		transaction_drop_recipient(s->tx);
	} else {
		session_enter(s, ST_RCPT);
		session_reply(s, &REPLY_RECIPIENT_OK);
	}
}

static void on_answer(const struct resolve_answer *answer, void *arg)
{
	struct session *s = arg;

	s->tx->resolution = NULL;
	session_op_done(s);
	s->tx->refusal = verdict(s, answer);
	arena_clear(s->server->scratch);
	if (s->tx->refusal != NULL)
		filters_rcpt_refused(s, after_refusal);
	else
		filters_rcpt(s, after_filters);
	session_run(s);
}

static unsigned resolve_flags(const struct session *s)
{
	unsigned flags = RESOLVE_FOR_ALL;

	if (session_is_local(s))
		flags |= RESOLVE_FOR_HOST;
	if (session_may_relay(s))
		flags |= RESOLVE_MAY_RELAY;
	if (s->tx->reverse_path.n == 0)
		flags |= RESOLVE_NULL_SENDER;
	return flags;
}

static void resolve(struct session *s)
{
	struct reply room;
	const struct reply *refusal = origin_spf_refusal(s, &room);

	if (refusal != NULL) {
		session_refuse(s, refusal);
		return;
	}
	s->op = OP_RESOLVE;
	s->tx->resolution = resolve_start(s->server->resolver, &s->tx->asked,
					  resolve_flags(s), on_answer, s);
}

void cmd_rcpt(struct session *s, struct slice args)
{
	const struct reply *refusal;

	s->tx->pending = (struct handover_recipient){ .original = { .n = 0 } };
	refusal = is_full(s) ? &REPLY_TOO_MANY_RECIPIENTS : parse(s, args);
	s->tx->asked_count++;
	if (refusal != NULL)
		session_refuse(s, refusal);
	else if (origin_has_spf(s, resolve))
		resolve(s);
}
