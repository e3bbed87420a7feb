/* Verdicts of filters as replies. */
#include "receive/filters-private.h"

#include "base/mem.h"

#include <string.h>

/* One number of an enhanced status code, and the octet behind it. */
static bool take_number(struct slice *in, char end, uint8_t *ret_number)
{
	struct slice digits, rest;
	uint64_t n;

	if (!slice_cut(*in, end, &digits, &rest) || digits.n > 3 ||
	    !slice_to_u64(digits, UINT8_MAX, &n))
		return false;
	*in = rest;
	*ret_number = (uint8_t)n;
	return true;
}

/* Takes "5.7.1 " off a line. Returns false, and changes nothing, when it does
 * not begin so, or with another class than the code's. */
static bool take_status(struct slice *line, uint16_t code,
			uint8_t ret_status[3])
{
	struct slice rest = *line;
	uint8_t status[3];

	if (!take_number(&rest, '.', &status[0]) ||
	    !take_number(&rest, '.', &status[1]) ||
	    !take_number(&rest, ' ', &status[2]) || status[0] != code / 100)
		return false;
	memcpy(ret_status, status, sizeof(status));
	*line = rest;
	return true;
}

/* RFC 6531 3.7.4.1: only who asked for UTF-8 hears it. */
static size_t put_line(char *out, struct slice line, bool is_utf8)
{
	for (size_t i = 0; i < line.n; i++) {
		bool is_high = (unsigned char)line.p[i] > 127;

		out[i] = line.p[i];
		if (is_high && !is_utf8)
			out[i] = '?';
	}
	return line.n;
}

static bool takes_utf8(const struct session *s)
{
	return s->tx != NULL && s->tx->mail.is_smtputf8;
}

/* What a filter says by a code alone. */
static struct slice text_of(const struct milter_verdict *v)
{
	if (v->text.n > 0)
		return v->text;
	return v->code < 500 ? S("4.7.1 Service unavailable - try again later")
			     : S("5.7.1 Command rejected");
}

/* The status stands before the first line, often before the others too;
 * reply_format() writes it before each. */
struct reply filter_reply(const struct session *s,
			  const struct milter_verdict *v)
{
	struct reply r = {
		.code = v->code,
		.close = v->kind == MILTER_CLOSE || v->code == 421,
	};
	struct slice line, rest = text_of(v);
	char *text = arena_alloc(s->server->scratch, rest.n + 1);
	bool has_status = take_status(&rest, r.code, r.status);
	bool more = true;
	size_t n = 0;

	while (more) {
		uint8_t same[3];

		more = slice_cut(rest, '\n', &line, &rest);
		if (has_status && n > 0)
			(void)take_status(&line, r.code, same);
		n += put_line(text + n, line, takes_utf8(s));
		if (more)
			text[n++] = '\n';
	}
	r.text = (struct slice){ text, n };
	return r;
}

bool filters_refuse(struct session *s, const struct milter_verdict *v)
{
	struct reply r;

	if (v->kind != MILTER_REFUSE && v->kind != MILTER_CLOSE)
		return false;
	r = filter_reply(s, v);
	session_pass_refusal(s, &r);
	return true;
}

static void stand(struct session *s, struct reply r)
{
	struct filters *f = s->filters;

	f->is_refused = true;
	f->standing_text = mem_string(arena_string(s->server->scratch, r.text));
	f->standing = r;
	f->standing.text = slice_of(f->standing_text);
}

bool filters_refuse_client(struct session *s, const struct milter_verdict *v)
{
	struct reply r;

	if (v->kind != MILTER_REFUSE && v->kind != MILTER_CLOSE)
		return false;
	r = filter_reply(s, v);
	if (r.close) {
		session_reply(s, &r);
		return true;
	}
	/* A filter that could not be asked is asked again at MAIL. */
	if (!v->is_failure)
		stand(s, r);
	return false;
}

const struct reply *filters_standing(const struct session *s)
{
	return s->filters != NULL && s->filters->is_refused
		       ? &s->filters->standing
		       : NULL;
}
