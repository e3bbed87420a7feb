#include "receive/session-private.h"

#include "base/clock.h"

#include <string.h>

/* A line of AUTH may be longer than others: RFC 4954 4. */
static size_t line_limit(struct session *s, struct evbuffer *in)
{
	char verb[5];

	if (s->state == ST_AUTH)
		return COMMAND_AUTH_LINE_OCTETS;
	if (evbuffer_get_length(in) <= COMMAND_LINE_OCTETS ||
	    !session_is_submission(s))
		return COMMAND_LINE_OCTETS;
	if (evbuffer_copyout(in, verb, sizeof(verb)) == sizeof(verb) &&
	    slice_equal_nocase((struct slice){ verb, sizeof(verb) },
			       S("AUTH ")))
		return COMMAND_AUTH_LINE_OCTETS;
	return COMMAND_LINE_OCTETS;
}

/* Octets of a line that is too long, and may go on. Two stay: they may be its
 * CRLF. */
static enum line drop(struct session *s, struct evbuffer *in, size_t n)
{
	bool is_new = !s->is_dropping;

	s->is_dropping = true;
	(void)evbuffer_drain(in, n - 2);
	return is_new ? LINE_TOO_LONG : LINE_SKIPPED;
}

static enum line wait_for_more(struct session *s, size_t octets)
{
	if (octets > 0 && s->line_ms == 0)
		s->line_ms = clock_monotonic_ms();
	return LINE_WAIT;
}

/* Octets of line, which ends with LF. */
static enum line judge(struct session *s, struct slice line,
		       struct slice *ret_line)
{
	bool is_whole = line.n >= 2 && line.p[line.n - 2] == '\r';
	bool is_bad = !is_whole || s->is_after_bare_lf;

	s->line_ms = 0;
	if (s->is_dropping) {
		s->is_dropping = !is_whole;
		return LINE_SKIPPED;
	}
	/* A client that takes LF for a line's end hears of each of its lines,
	 * and none is executed: no second reading of what came. */
	s->is_after_bare_lf = !is_whole;
	line = slice_head(line, line.n - (is_whole ? 2 : 1));
	if (is_bad || slice_find(line, '\r') < line.n ||
	    slice_find(line, '\0') < line.n)
		return LINE_BAD_OCTET;
	*ret_line = line;
	return LINE_READY;
}

enum line session_line(struct session *s, struct slice *ret_line)
{
	struct evbuffer *in = stream_input(s->stream);
	size_t limit = line_limit(s, in);
	struct evbuffer_ptr lf = evbuffer_search(in, "\n", 1, NULL);
	size_t have = evbuffer_get_length(in);
	size_t n = lf.pos >= 0 ? (size_t)lf.pos + 1 : have;
	char *line = s->server->line;

	if (n > limit || (lf.pos < 0 && n >= limit))
		return drop(s, in, n);
	if (lf.pos < 0)
		return wait_for_more(s, have);
	(void)evbuffer_remove(in, line, n);
	return judge(s, (struct slice){ line, n }, ret_line);
}
