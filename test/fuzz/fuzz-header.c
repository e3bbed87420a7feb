/*
 * The header watch against a plain reading of the whole input, line by line,
 * and in pieces.
 *
 * Input: piece size, then the message.
 */
#include "mail/header.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_name_octet(char c)
{
	return c > ' ' && c < 127 && c != ':';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The name of the field in line; false if it is none (yet). */
static bool field_name(struct slice line, struct slice *ret_name,
		       bool *ret_is_cut)
{
	size_t n = 0, after;

	while (n < line.n && is_name_octet(line.p[n]))
		n++;
	after = n;
	while (after < line.n && is_blank(line.p[after]))
		after++;
	*ret_is_cut = after == line.n && n > 0;
	*ret_name = slice_head(line, n);
	return n > 0 && after < line.n && line.p[after] == ':';
}

static struct header_watch plain(struct slice in)
{
	struct header_watch w = { .octets = 0 };

	while (in.n > 0 && !w.is_over) {
		size_t lf = slice_find(in, '\n');
		struct slice line = slice_head(in, lf + 1), name;
		bool is_cut = false;

		if (is_blank(line.p[0]) && w.fields > 0) {
			/* folded */
		} else if (field_name(line, &name, &is_cut)) {
			w.fields++;
			w.received += slice_equal_nocase(name, S("received"));
			w.has_date |= slice_equal_nocase(name, S("date"));
			w.has_message_id |=
				slice_equal_nocase(name, S("message-id"));
			w.has_from |= slice_equal_nocase(name, S("from"));
		} else if (!is_cut) {
			w.is_over = true;
			break;
		}
		w.octets += (uint32_t)line.n;
		in = slice_tail(in, line.n);
	}
	return w;
}

static void check(const struct header_watch *w, const struct header_watch *want)
{
	assert(w->octets == want->octets && w->fields == want->fields);
	assert(w->received == want->received && w->is_over == want->is_over);
	assert(w->has_date == want->has_date && w->has_from == want->has_from);
	assert(w->has_message_id == want->has_message_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header_watch w, want;
	struct slice in, rest;

	if (size < 1)
		return 0;
	in = (struct slice){ .p = (const char *)data + 1, .n = size - 1 };
	want = plain(in);
	header_watch_init(&w);
	assert(header_watch_feed(&w, in) == want.octets);
	check(&w, &want);
	header_watch_init(&w);
	for (rest = in; rest.n > 0;) {
		struct slice part = slice_head(rest, (size_t)data[0] + 1);

		assert(header_watch_feed(&w, part) <= part.n);
		rest = slice_tail(rest, part.n);
	}
	check(&w, &want);
	return 0;
}
