#include "mail/dkim_canon.h"

#include <string.h>

static const char line_ends[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
				"\r\n\r\n\r\n\r\n\r\n";

const char *dkim_canon_word(enum dkim_canon canon)
{
	return canon == DKIM_SIMPLE ? "simple" : "relaxed";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* --- fields ----------------------------------------------------------------------- */

static void put_lower(struct writer *out, struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		writer_put(out, (struct slice){ &c, 1 });
	}
}

static bool is_line_end(struct slice s, size_t at)
{
	return s.n - at >= 2 && s.p[at] == '\r' && s.p[at + 1] == '\n';
}

/* The next run of text in text from *at on, blanks and line ends before it
 * passed over. */
static struct slice next_run(struct slice text, size_t *at)
{
	size_t begin;

	while (*at < text.n &&
	       (is_blank(text.p[*at]) || is_line_end(text, *at)))
		*at += is_blank(text.p[*at]) ? 1 : 2;
	begin = *at;
	while (*at < text.n && !is_blank(text.p[*at]) &&
	       !is_line_end(text, *at))
		(*at)++;
	return slice_tail(slice_head(text, *at), begin);
}

static void put_relaxed(const struct field *f, struct writer *out)
{
	struct slice run;
	bool is_first = true;
	size_t at = 0;

	put_lower(out, f->name);
	writer_put(out, S(":"));
	while ((run = next_run(f->value, &at)).n > 0) {
		if (!is_first)
			writer_put(out, S(" "));
		writer_put(out, run);
		is_first = false;
	}
	writer_put(out, S("\r\n"));
}

void dkim_canon_field(enum dkim_canon canon, const struct field *f,
		      struct writer *out)
{
	if (canon == DKIM_SIMPLE)
		writer_put(out, f->whole);
	else
		put_relaxed(f, out);
}

/* --- body ------------------------------------------------------------------------- */

void dkim_canon_body_init(struct dkim_canon_body *b, enum dkim_canon canon,
			  void (*sink)(struct slice octets, void *arg),
			  void *arg)
{
	b->canon = canon;
	b->sink = sink;
	b->arg = arg;
	b->line_ends = 0;
	b->has_cr = false;
	b->has_blank = false;
	b->has_text = false;
	b->n = 0;
}

static void flush(struct dkim_canon_body *b)
{
	if (b->n > 0)
		b->sink((struct slice){ b->buffer, b->n }, b->arg);
	b->n = 0;
}

static void put(struct dkim_canon_body *b, struct slice octets)
{
	if (octets.n > sizeof(b->buffer) - b->n)
		flush(b);
	if (octets.n > sizeof(b->buffer)) {
		b->sink(octets, b->arg);
	} else if (octets.n > 0) {
		memcpy(b->buffer + b->n, octets.p, octets.n);
		b->n = (uint16_t)(b->n + octets.n);
	}
}

/* What waited for something to follow it. */
static void put_waiting(struct dkim_canon_body *b)
{
	while (b->line_ends > 0) {
		uint64_t n = (sizeof(line_ends) - 1) / 2;

		if (n > b->line_ends)
			n = b->line_ends;
		put(b, (struct slice){ line_ends, (size_t)n * 2 });
		b->line_ends -= n;
	}
	if (b->has_blank)
		put(b, S(" "));
	b->has_blank = false;
}

static void put_text(struct dkim_canon_body *b, struct slice text)
{
	put_waiting(b);
	put(b, text);
	b->has_text = true;
}

static void end_line(struct dkim_canon_body *b)
{
	b->has_blank = false;
	b->line_ends++;
}

/* Octets from at on that go out as they are. */
static size_t text_octets(const struct dkim_canon_body *b, struct slice in)
{
	size_t n = 0;

	if (b->canon == DKIM_SIMPLE)
		return slice_find(in, '\r');
	while (n < in.n && in.p[n] != '\r' && !is_blank(in.p[n]))
		n++;
	return n;
}

/* A CR came last: is it a line end's? */
static size_t after_cr(struct dkim_canon_body *b, struct slice in)
{
	b->has_cr = false;
	if (in.p[0] == '\n') {
		end_line(b);
		return 1;
	}
	put_text(b, S("\r"));
	return 0;
}

/* Takes some octets; returns how many. */
static size_t step(struct dkim_canon_body *b, struct slice in)
{
	size_t n;

	if (b->has_cr)
		return after_cr(b, in);
	if (in.p[0] == '\r') {
		b->has_cr = true;
		return 1;
	}
	if (b->canon == DKIM_RELAXED && is_blank(in.p[0])) {
		b->has_blank = true;
		return 1;
	}
	n = text_octets(b, in);
	put_text(b, slice_head(in, n));
	return n;
}

void dkim_canon_body_feed(struct dkim_canon_body *b, struct slice octets)
{
	while (octets.n > 0)
		octets = slice_tail(octets, step(b, octets));
}

void dkim_canon_body_end(struct dkim_canon_body *b)
{
	if (b->has_cr)
		put_text(b, S("\r"));
	b->has_cr = false;
	if (b->has_text || b->canon == DKIM_SIMPLE)
		put(b, S("\r\n"));
	flush(b);
}
