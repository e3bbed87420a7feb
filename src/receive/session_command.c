#include "receive/session-private.h"

/* Transactions before their content. */
#define IN_TX    (IN(ST_MAIL) | IN(ST_RCPT))
#define IN_ALL   (IN(ST_GREETED) | IN(ST_READY) | IN_TX | IN(ST_CHUNKS))
#define IN_HELLO (IN(ST_READY) | IN_TX | IN(ST_CHUNKS))

enum {
	CMD_BEFORE_TLS = 1, /* on 587 too before STARTTLS: RFC 3207 4 */
	CMD_NO_ARGS = 2,
	CMD_WHOLE_LINE = 4, /* the verb is part of its arguments */
	/* Whom a filter refused at connect or hello hears that instead. BDAT
	 * and STARTTLS see to it themselves. */
	CMD_FOR_MAIL = 8,
};

/* RFC 5321 4.1.4: which verb when. A verb in another state gets
 * session_out_of_order(). */
static const struct rule {
	enum verb verb;
	session_verb *run;
	unsigned states;
	unsigned flags;
} rules[] = {
	{ VERB_HELO, cmd_helo, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_EHLO, cmd_ehlo, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_MAIL, cmd_mail, IN(ST_READY), CMD_FOR_MAIL },
	{ VERB_RCPT, cmd_rcpt, IN_TX, CMD_FOR_MAIL },
	{ VERB_DATA, cmd_data, IN(ST_RCPT), CMD_NO_ARGS | CMD_FOR_MAIL },
	/* A refused BDAT's chunk must be eaten: it looks at the state. */
	{ VERB_BDAT, cmd_bdat, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_RSET, cmd_rset, IN_ALL, CMD_BEFORE_TLS | CMD_NO_ARGS },
	{ VERB_NOOP, cmd_noop, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_VRFY, cmd_vrfy, IN_ALL, CMD_FOR_MAIL },
	{ VERB_EXPN, cmd_expn, IN_ALL, CMD_WHOLE_LINE | CMD_FOR_MAIL },
	{ VERB_HELP, cmd_help, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_QUIT, cmd_quit, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_STARTTLS, cmd_starttls, IN_HELLO, CMD_BEFORE_TLS | CMD_NO_ARGS },
	{ VERB_AUTH, cmd_auth, IN(ST_READY), CMD_BEFORE_TLS | CMD_FOR_MAIL },
	{ VERB_HTTP, cmd_http, IN_ALL, CMD_BEFORE_TLS },
	{ VERB_UNKNOWN, cmd_unknown, IN_ALL, CMD_BEFORE_TLS | CMD_WHOLE_LINE },
};

static const struct rule *find_rule(enum verb verb)
{
	const struct rule *r = rules;

	while (r->verb != verb)
		r++; /* every verb has a row */
	return r;
}

const struct reply *session_out_of_order(const struct session *s,
					 enum verb verb)
{
	if (s->state == ST_GREETED)
		return &REPLY_NEED_HELLO;
	if (s->tx != NULL && verb == VERB_AUTH)
		return &REPLY_AUTH_IN_TRANSACTION;
	if (s->state == ST_READY)
		return &REPLY_NEED_MAIL;
	if (s->state == ST_MAIL && (verb == VERB_DATA || verb == VERB_BDAT))
		return &REPLY_NEED_RECIPIENT;
	return &REPLY_BAD_SEQUENCE;
}

static bool must_have_tls(const struct session *s, const struct rule *rule)
{
	return session_is_submission(s) && !session_is_local(s) &&
	       !stream_is_tls(s->stream) && (rule->flags & CMD_BEFORE_TLS) == 0;
}

void session_command(struct session *s, struct slice line)
{
	const struct reply *standing = filters_standing(s);
	struct command c = command_parse(line);
	const struct rule *rule = find_rule(c.verb);

	s->verb = c.verb;
	if (standing != NULL && (rule->flags & CMD_FOR_MAIL) != 0)
		session_refuse(s, standing);
	else if (must_have_tls(s, rule))
		session_refuse(s, &REPLY_NEED_TLS);
	else if ((rule->states & IN(s->state)) == 0)
		session_refuse(s, session_out_of_order(s, c.verb));
	else if ((rule->flags & CMD_NO_ARGS) != 0 && c.args.n > 0)
		session_refuse(s, &REPLY_SYNTAX);
	else
		rule->run(s,
			  (rule->flags & CMD_WHOLE_LINE) != 0 ? line : c.args);
}
