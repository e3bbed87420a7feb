/*
 * Replies of a hostile server: bounded, clean, and the same in any pieces.
 * What was read can be sent on.
 *
 * Input: piece size, then what the server says.
 */
#include "smtp/reply_reader.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct reply reply;
	size_t left;
	int result;
};

static struct seen feed(struct reply_reader *reader, struct slice in,
			size_t piece)
{
	struct seen s = { .result = REPLY_READER_MORE };

	while (in.n > 0 && s.result == REPLY_READER_MORE) {
		struct slice part = slice_head(in, piece);
		size_t consumed = 0;

		s.result = reply_reader_feed(reader, part, &consumed, &s.reply);
		assert(consumed <= part.n);
		assert(s.result != REPLY_READER_MORE || consumed == part.n);
		in = slice_tail(in, consumed);
	}
	s.left = in.n;
	return s;
}

static void check_reply(const struct reply *r, struct arena *arena)
{
	struct slice sent = reply_format(r, arena), line;

	assert(r->code >= 200 && r->code < 600);
	assert(r->status[0] == 0 || r->status[0] == r->code / 100);
	assert(r->text.n <= REPLY_READER_REPLY_OCTETS);
	for (size_t i = 0; i < r->text.n; i++)
		assert(r->text.p[i] == '\n' ||
		       !slice_has_control(
			       slice_head(slice_tail(r->text, i), 1)));
	while (slice_cut(sent, '\n', &line, &sent)) {
		assert(line.n >= 4 && line.n <= 511);
		assert(line.p[line.n - 1] == '\r');
		line.n--;
		assert(!slice_has_control(line) && slice_is_utf8(line));
		assert((line.n > 3 && line.p[3] == '-') == (sent.n > 0));
	}
	assert(line.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_reader *whole, *pieces;
	struct arena *arena;
	struct slice in;
	struct seen a, b;

	if (size < 1)
		return 0;
	in = (struct slice){ .p = (const char *)data + 1, .n = size - 1 };
	whole = reply_reader_new();
	pieces = reply_reader_new();
	arena = arena_new(1 << 24);
	do {
		a = feed(whole, in, in.n);
		b = feed(pieces, in, (size_t)data[0] + 1);
		assert(a.result == b.result);
		if (a.result != REPLY_READER_DONE)
			break;
		assert(a.left == b.left && a.reply.code == b.reply.code);
		assert(memcmp(a.reply.status, b.reply.status, 3) == 0);
		assert(slice_equal(a.reply.text, b.reply.text));
		check_reply(&a.reply, arena);
		in = slice_tail(in, in.n - a.left);
	} while (in.n > 0);
	arena_free(&arena);
	reply_reader_free(&whole);
	reply_reader_free(&pieces);
	return 0;
}
