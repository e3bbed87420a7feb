#include "mail/header.h"

#include <string.h>

enum header_state {
	AT_LINE_START,
	AT_NAME,  /* inside of a field's name */
	AT_BLANK, /* between name and colon: RFC 5322 4.5 */
	AT_VALUE, /* until the line ends */
};

/* One call of header_watch_feed(). */
struct scan {
	struct header_watch *w;
	struct slice in;
	size_t at;
	size_t line; /* where the line began, if in this input */
	bool has_line_start;
};

void header_watch_init(struct header_watch *w)
{
	*w = (struct header_watch){ .state = AT_LINE_START };
}

static bool is_name_octet(char c)
{
	return c > ' ' && c < 127 && c != ':';
}

static void add_to_name(struct header_watch *w, char c)
{
	if (w->name_octets < sizeof(w->name))
		w->name[w->name_octets] = c;
	if (w->name_octets < UINT8_MAX)
		w->name_octets++;
}

static bool is_named(const struct header_watch *w, struct slice name)
{
	struct slice seen = { .p = w->name, .n = w->name_octets };

	return seen.n <= sizeof(w->name) && slice_equal_nocase(seen, name);
}

static void note_field(struct header_watch *w)
{
	w->fields++;
	if (is_named(w, S("received")))
		w->received++;
	w->has_date = w->has_date || is_named(w, S("date"));
	w->has_message_id = w->has_message_id || is_named(w, S("message-id"));
	w->has_from = w->has_from || is_named(w, S("from"));
	w->has_authres =
		w->has_authres || is_named(w, S("authentication-results"));
}

/* The line at hand is not of the header section. */
static void end_section(struct scan *s)
{
	s->w->is_over = true;
	s->w->octets -= s->w->line_octets;
	s->at = s->has_line_start ? s->line : 0;
}

static void step_line_start(struct scan *s)
{
	struct header_watch *w = s->w;
	char c = s->in.p[s->at];

	s->line = s->at;
	s->has_line_start = true;
	w->line_octets = 0;
	w->name_octets = 0;
	if ((c == ' ' || c == '\t') && w->fields > 0)
		w->state = AT_VALUE; /* folded */
	else if (is_name_octet(c))
		w->state = AT_NAME;
	else
		end_section(s);
}

static void take(struct scan *s, size_t n)
{
	s->at += n;
	s->w->octets += (uint32_t)n;
	s->w->line_octets += (uint32_t)n;
}

static void step_name(struct scan *s)
{
	struct header_watch *w = s->w;
	char c = s->in.p[s->at];

	if (c == ':') {
		note_field(w);
		w->state = AT_VALUE;
	} else if (c == ' ' || c == '\t') {
		w->state = AT_BLANK;
	} else if (is_name_octet(c) && w->state == AT_NAME) {
		add_to_name(w, c);
	} else {
		end_section(s);
		return;
	}
	take(s, 1);
}

static void step_value(struct scan *s)
{
	struct slice rest = slice_tail(s->in, s->at);
	size_t lf = slice_find(rest, '\n');

	if (lf < rest.n)
		s->w->state = AT_LINE_START;
	take(s, lf < rest.n ? lf + 1 : lf);
}

size_t header_watch_feed(struct header_watch *w, struct slice in)
{
	struct scan s = { .w = w, .in = in };

	while (s.at < in.n && !w->is_over) {
		switch ((enum header_state)w->state) {
		case AT_LINE_START:
			step_line_start(&s);
			break;
		case AT_NAME:
		case AT_BLANK:
			step_name(&s);
			break;
		case AT_VALUE:
			step_value(&s);
			break;
		}
	}
	return s.at;
}

bool header_watch_is_too_big(const struct header_watch *w)
{
	return w->octets > HEADER_OCTETS || w->fields > HEADER_FIELDS;
}

bool header_watch_is_loop(const struct header_watch *w)
{
	return w->received >= HEADER_RECEIVED;
}
