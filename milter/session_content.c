#include "milter/session-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Folds as LF and their blank, whatever the filter; CRLF is misread. */
static struct slice wire_value(struct milter_session *s, struct slice value)
{
	char *p = arena_alloc(s->scratch, value.n + 1);
	size_t n = 0;

	if (milter_session_wants(s, MILTER_LEADSPC) && value.n > 0 &&
	    value.p[0] == ' ')
		value = slice_tail(value, 1);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\r' || i + 1 == value.n ||
		    value.p[i + 1] != '\n')
			p[n++] = value.p[i];
	return (struct slice){ p, n };
}

/* What a filter cannot be shown whole is not let past it. */
static void say_field(struct milter_session *s,
		      const struct milter_field *field)
{
	struct slice strings[2] = { field->name };
	int error;

	arena_clear(s->scratch);
	strings[1] = wire_value(s, field->value);
	error = milter_write_strings(milter_conn_writer(s->conn), MILTER_HEADER,
				     strings, 2);
	s->at = MILTER_HEADER;
	if (error == 0)
		milter_session_expect(s, MILTER_HEADER, MILTER_NR_HDR);
	else if (error == -EMSGSIZE)
		milter_session_refuse(s, 554,
				      S("5.6.0 A header field is longer than "
					"filters can take (65535 octets)"));
	else
		milter_session_refuse(s, 554,
				      S("5.6.0 A header field has a NUL"));
}

static void say_header(struct milter_session *s)
{
	const struct milter_message *m = s->ask->message;
	const struct milter_field *field = NULL;

	if (!milter_session_wants(s, MILTER_NOHDRS))
		s->content.field = milter_message_field_count(m);
	while (s->content.field < milter_message_field_count(m) &&
	       field == NULL) {
		field = milter_message_field(m, s->content.field++);
		if (field->is_hidden)
			field = NULL;
	}
	if (field != NULL)
		say_field(s, field);
	else
		s->content.part = MILTER_AT_HEADER_END;
}

static void say_header_end(struct milter_session *s)
{
	s->content.part = MILTER_IN_BODY;
	milter_session_say_macros(s, MILTER_AT_EOH);
	if (!milter_session_wants(s, MILTER_NOEOH))
		return;
	milter_write_bare(milter_conn_writer(s->conn), MILTER_EOH);
	milter_session_expect(s, MILTER_EOH, MILTER_NR_EOH);
}

/* An empty body is not said: an empty packet ends the connection. */
static void say_body(struct milter_session *s)
{
	struct milter_body body = milter_message_body(s->ask->message);
	uint64_t left = body.octets - s->content.sent;
	char octets[MILTER_DATA_OCTETS] __attribute__((uninitialized));
	ssize_t n;

	if (left == 0 || s->content.is_skipped ||
	    !milter_session_wants(s, MILTER_NOBODY)) {
		s->content.part = MILTER_AT_END;
		return;
	}
	n = pread(body.fd, octets,
		  left < sizeof(octets) ? (size_t)left : sizeof(octets),
		  (off_t)(body.offset + s->content.sent));
	if (n <= 0) {
		milter_session_fail(s, S("the content cannot be read"));
		return;
	}
	s->content.sent += (uint64_t)n;
	milter_write_body_head(milter_conn_writer(s->conn), (size_t)n);
	milter_conn_body(s->conn, (struct slice){ octets, (size_t)n });
	milter_session_expect(s, MILTER_BODY, MILTER_NR_BODY);
}

static void say_end(struct milter_session *s)
{
	milter_session_say_macros(s, MILTER_AT_EOM);
	milter_write_bare(milter_conn_writer(s->conn), MILTER_BODYEOB);
	milter_session_expect(s, MILTER_BODYEOB, 0);
}

void milter_session_say_content(struct milter_session *s)
{
	if (!s->has_recipient) {
		milter_session_fail(s, S("it was told of no recipient"));
		return;
	}
	switch (s->content.part) {
	case MILTER_IN_HEADER:
		say_header(s);
		break;
	case MILTER_AT_HEADER_END:
		say_header_end(s);
		break;
	case MILTER_IN_BODY:
		say_body(s);
		break;
	case MILTER_AT_END:
		say_end(s);
		break;
	}
}
