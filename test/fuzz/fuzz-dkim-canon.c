/*
 * Canonicalisation against a slow reading of RFC 6376 3.4, which takes the
 * whole text once for each of its rules.
 *
 * Input: piece size, then a field or a body.
 */
#include "mail/dkim_canon.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char *p;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_line_end(const struct text *t, size_t at)
{
	return at + 1 < t->n && t->p[at] == '\r' && t->p[at + 1] == '\n';
}

static struct text copy_of(struct slice s)
{
	/* Room for a line end at the end. */
	struct text t = { mem_new(s.n + 2), s.n };

	if (s.n > 0)
		memcpy(t.p, s.p, s.n);
	return t;
}

static void cut(struct text *t, size_t at, size_t n)
{
	memmove(t->p + at, t->p + at + n, t->n - at - n);
	t->n -= n;
}

static void append_line_end(struct text *t)
{
	memcpy(t->p + t->n, "\r\n", 2);
	t->n += 2;
}

static void reduce_blanks(struct text *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (is_blank(t->p[i]))
			t->p[i] = ' ';
		while (i + 1 < t->n && is_blank(t->p[i]) &&
		       is_blank(t->p[i + 1]))
			cut(t, i + 1, 1);
	}
}

static void drop_blanks_at_line_ends(struct text *t)
{
	for (size_t i = t->n; i > 0; i--)
		if (is_blank(t->p[i - 1]) && (i == t->n || is_line_end(t, i)))
			cut(t, i - 1, 1);
}

static void drop_empty_lines(struct text *t)
{
	while (t->n >= 4 && is_line_end(t, t->n - 4) &&
	       is_line_end(t, t->n - 2))
		t->n -= 2;
	if (t->n == 2 && is_line_end(t, 0))
		t->n = 0;
}

static struct text slow_body(enum dkim_canon canon, struct slice in)
{
	struct text t = copy_of(in);

	if (canon == DKIM_RELAXED) {
		reduce_blanks(&t);
		drop_blanks_at_line_ends(&t);
	}
	drop_empty_lines(&t);
	if ((t.n > 0 || canon == DKIM_SIMPLE) &&
	    (t.n < 2 || !is_line_end(&t, t.n - 2)))
		append_line_end(&t);
	return t;
}

static void add(struct slice octets, void *arg)
{
	writer_put(arg, octets);
}

static void check_body(enum dkim_canon canon, struct slice in, size_t step)
{
	struct text want = slow_body(canon, in);
	struct writer out = { .n = 0 };
	struct dkim_canon_body b;

	dkim_canon_body_init(&b, canon, add, &out);
	for (; in.n > 0; in = slice_tail(in, step))
		dkim_canon_body_feed(&b, slice_head(in, step));
	dkim_canon_body_end(&b);
	assert(slice_equal(writer_text(&out),
			   (struct slice){ want.p, want.n }));
	writer_done(&out);
	mem_free(&want.p);
}

static void check_field(struct slice in)
{
	struct slice got;
	struct writer out = { .n = 0 };
	struct field f;
	struct text value;

	if (!field_next(&in, &f))
		return;
	value = copy_of(f.value);
	for (size_t i = 0; i < value.n; i++)
		while (is_line_end(&value, i))
			cut(&value, i, 2);
	reduce_blanks(&value);
	drop_blanks_at_line_ends(&value);
	if (value.n > 0 && value.p[0] == ' ')
		cut(&value, 0, 1);
	append_line_end(&value);
	dkim_canon_field(DKIM_RELAXED, &f, &out);
	got = writer_text(&out);
	assert(got.n == f.name.n + 1 + value.n);
	assert(slice_equal_nocase(slice_head(got, f.name.n), f.name));
	assert(slice_equal(slice_tail(got, f.name.n + 1),
			   (struct slice){ value.p, value.n }));
	writer_done(&out);
	mem_free(&value.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data + 1, size - 1 };

	if (size < 1 || size > 20000)
		return 0;
	for (int canon = DKIM_SIMPLE; canon <= DKIM_RELAXED; canon++) {
		check_body(canon, in, in.n + 1);
		check_body(canon, in, data[0] + 1U);
	}
	check_field(in);
	return 0;
}
