#include "milter/session-private.h"

bool milter_session_wants(const struct milter_session *s, uint32_t no_step)
{
	return (milter_conn_options(s->conn)->steps & no_step) == 0;
}

static unsigned patience_ms(const struct milter_session *s)
{
	const struct milter_filter_config *config = &s->filter->config;

	return s->ask->kind == MILTER_ASK_CONTENT ? config->content_ms
						  : config->command_ms;
}

void milter_session_expect(struct milter_session *s,
			   enum milter_command command, uint32_t no_reply)
{
	s->at = command;
	if (milter_session_wants(s, no_reply)) {
		s->is_owed = true;
		milter_conn_expect(s->conn, patience_ms(s));
	} else if (milter_conn_unsent(s->conn) > MILTER_CONN_LOW) {
		milter_conn_flush(s->conn);
	}
}

static void say_strings(struct milter_session *s, enum milter_command command,
			const struct slice *strings, size_t count,
			uint32_t no_reply)
{
	s->at = command;
	if (milter_write_strings(milter_conn_writer(s->conn), command, strings,
				 count) == 0)
		milter_session_expect(s, command, no_reply);
	else if (command != MILTER_UNKNOWN)
		milter_session_fail(s, S("a command that no packet holds"));
}

void milter_session_say_connect(struct milter_session *s)
{
	const struct milter_client *client = &s->scene->client;

	s->state = MILTER_IS_CONNECTED;
	milter_session_say_macros(s, MILTER_AT_CONNECT);
	if (!milter_session_wants(s, MILTER_NOCONNECT))
		return;
	milter_write_connect(milter_conn_writer(s->conn), client->hostname,
			     client->family, client->port, client->address);
	milter_session_expect(s, MILTER_CONNECT, MILTER_NR_CONN);
}

void milter_session_say_hello(struct milter_session *s)
{
	s->is_hello_due = false;
	milter_session_say_macros(s, MILTER_AT_HELO);
	if (milter_session_wants(s, MILTER_NOHELO))
		say_strings(s, MILTER_HELO, &s->scene->hello, 1,
			    MILTER_NR_HELO);
}

static void say_mail(struct milter_session *s)
{
	s->state = MILTER_IN_MESSAGE;
	milter_session_say_macros(s, MILTER_AT_MAIL);
	if (milter_session_wants(s, MILTER_NOMAIL))
		say_strings(s, MILTER_MAIL, s->ask->strings, s->ask->count,
			    MILTER_NR_MAIL);
}

static void say_recipient(struct milter_session *s)
{
	s->has_recipient = true;
	milter_session_say_macros(s, MILTER_AT_RCPT);
	if (milter_session_wants(s, MILTER_NORCPT))
		say_strings(s, MILTER_RCPT, s->ask->strings, s->ask->count,
			    MILTER_NR_RCPT);
}

/* A libmilter answers neither this nor what follows when it knows of no
 * recipient. */
static void say_data(struct milter_session *s)
{
	if (!s->has_recipient)
		return;
	milter_session_say_macros(s, MILTER_AT_DATA);
	if (!milter_session_wants(s, MILTER_NODATA))
		return;
	milter_write_bare(milter_conn_writer(s->conn), MILTER_DATA);
	milter_session_expect(s, MILTER_DATA, MILTER_NR_DATA);
}

/* Between RCPT and the header a libmilter that gets no DATA loses its way
 * after this one, and answers nothing any more. */
static void say_unknown(struct milter_session *s)
{
	bool is_lost = s->state == MILTER_IN_MESSAGE && s->has_recipient &&
		       !milter_session_wants(s, MILTER_NODATA);

	if (!is_lost && milter_session_wants(s, MILTER_NOUNKNOWN))
		say_strings(s, MILTER_UNKNOWN, s->ask->strings, 1,
			    MILTER_NR_UNKN);
}

/* Called again when what was said is answered. */
void milter_session_say_event(struct milter_session *s)
{
	if (s->is_said && s->ask->kind != MILTER_ASK_CONTENT) {
		s->answer = MILTER_GOES_ON;
		return;
	}
	s->is_said = true;
	switch (s->ask->kind) {
	case MILTER_ASK_CONNECT:
	case MILTER_ASK_HELLO:
		break; /* said before anything else */
	case MILTER_ASK_MAIL:
		say_mail(s);
		break;
	case MILTER_ASK_RCPT:
	case MILTER_ASK_RCPT_REFUSED:
		say_recipient(s);
		break;
	case MILTER_ASK_DATA:
		say_data(s);
		break;
	case MILTER_ASK_UNKNOWN:
		say_unknown(s);
		break;
	case MILTER_ASK_CONTENT:
		milter_session_say_content(s);
		break;
	}
}

void milter_session_say_abort(struct milter_session *s)
{
	milter_write_bare(milter_conn_writer(s->conn), MILTER_ABORT);
	milter_conn_flush(s->conn);
}
