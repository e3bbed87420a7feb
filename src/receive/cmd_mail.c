/* MAIL: RFC 5321 4.1.1.2, RFC 1870, RFC 6409 4, RFC 8689 4.1. */
#include "receive/sender.h"
#include "receive/session-private.h"

static const struct reply *path_refusal(int error)
{
	return error == ADDRESS_DOMAIN ? &REPLY_BAD_SENDER_DOMAIN
				       : &REPLY_BAD_SENDER_SYNTAX;
}

/* RFC 6409 4.2: users' domains are complete, or our own. */
static bool is_domain_complete(const struct session *s, const struct address *a)
{
	return !session_is_submission(s) || session_is_local(s) ||
	       address_is_null(a) || slice_find(a->domain, '.') < a->domain.n ||
	       domains_is_local(s->server->domains, a->domain);
}

static const struct reply *check_sender(const struct session *s,
					const struct address *a,
					const struct mail_params *mail)
{
	if (!address_is_null(a) && a->domain.n == 0)
		return &REPLY_BAD_SENDER_SYNTAX;
	if (!is_domain_complete(s, a))
		return &REPLY_BAD_SENDER_DOMAIN;
	if (a->is_utf8 && !mail->is_smtputf8)
		return &REPLY_NEEDS_SMTPUTF8;
	if (mail->requires_tls && !stream_is_tls(s->stream))
		return &REPLY_UNKNOWN_PARAMETER; /* it was not offered */
	if (mail->size > s->server->conf->message_size_limit)
		return &REPLY_TOO_BIG;
	if (!s->server->has_room)
		return &REPLY_NO_ROOM;
	return NULL;
}

/* Reads args into the transaction. Returns NULL or the refusal. */
static const struct reply *parse(struct session *s, struct slice args,
				 struct address *ret_sender)
{
	struct transaction *t = s->tx;
	const struct reply *refusal;
	struct slice path, rest;
	int error;

	if (!command_strip_keyword(args, S("FROM:"), &path))
		return &REPLY_SYNTAX;
	error = address_parse_path(path, t->arena, ret_sender, &rest);
	if (error != 0)
		return path_refusal(error);
	t->reverse_path = address_format(ret_sender, t->arena);
	refusal = params_parse_mail(rest, t->arena, &t->mail);
	if (refusal == NULL)
		refusal = check_sender(s, ret_sender, &t->mail);
	if (refusal == NULL)
		filters_keep_mail(s, slice_head(path, path.n - rest.n), rest);
	return refusal;
}

static void after_filters(struct session *s, const struct milter_verdict *v)
{
	if (filters_refuse(s, v))
		session_end_transaction(s);
	else
		session_reply(s, &REPLY_SENDER_OK);
}

static void after_ownership(struct session *s, enum sender_verdict verdict)
{
	const struct reply *refusal = sender_refusal(verdict);

	if (refusal != NULL) {
		session_refuse(s, refusal);
		session_end_transaction(s);
	} else {
		session_enter(s, ST_MAIL);
		origin_begin(s);
		filters_mail(s, after_filters);
	}
}

void cmd_mail(struct session *s, struct slice args)
{
	const struct reply *refusal;
	struct address sender;

	if (session_is_submission(s) && !session_may_relay(s)) {
		session_refuse(s, &REPLY_NEED_AUTH);
		return;
	}
	if (s->errors >= s->server->conf->error_limit) {
		session_reply(s, &REPLY_TOO_MANY_ERRORS);
		return;
	}
	filters_renew(s);
	session_begin_transaction(s);
	refusal = parse(s, args, &sender);
	if (refusal != NULL) {
		session_refuse(s, refusal);
		transaction_free(&s->tx);
	} else {
		sender_check(s, &sender, "MAIL FROM", after_ownership);
	}
}
