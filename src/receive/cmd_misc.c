/* The verbs that move no mail. */
#include "receive/session-private.h"

void cmd_rset(struct session *s, struct slice args)
{
	(void)args;
	session_forget_transaction(s);
	session_reply(s, &REPLY_FLUSHED);
}

void cmd_noop(struct session *s, struct slice args)
{
	(void)args;
	session_reply(s, &REPLY_OK);
}

/* RFC 5321 3.5.3, 7.3: it tells nobody who exists. */
void cmd_vrfy(struct session *s, struct slice args)
{
	if (args.n == 0)
		session_refuse(s, &REPLY_SYNTAX);
	else
		session_reply(s, &REPLY_VRFY);
}

/* A filter may ask for patience; a 5xx is said in our own words. */
static void after_filters(struct session *s, const struct milter_verdict *v)
{
	bool is_ours = v->kind == MILTER_REFUSE && v->code >= 500;

	if (!is_ours && filters_refuse(s, v))
		return;
	session_refuse(s, s->verb == VERB_UNKNOWN ? &REPLY_UNKNOWN_COMMAND
						  : &REPLY_NOT_IMPLEMENTED);
}

void cmd_expn(struct session *s, struct slice line)
{
	filters_unknown(s, line, after_filters);
}

void cmd_help(struct session *s, struct slice args)
{
	(void)args;
	session_reply(s, &REPLY_HELP);
}

void cmd_quit(struct session *s, struct slice args)
{
	(void)args;
	session_reply(s, &REPLY_BYE);
}

/* A browser that was talked into it (ALPACA, form posts) gets no second line. */
void cmd_http(struct session *s, struct slice args)
{
	(void)args;
	session_refuse(s, &REPLY_NOT_SMTP);
}

void cmd_unknown(struct session *s, struct slice line)
{
	filters_unknown(s, line, after_filters);
}
