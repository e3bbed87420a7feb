/*
 * What a filter says, read in one piece, octet by octet, and in pieces whose
 * sizes the first octet chooses: it has to be the same. Each input is in
 * memory of its own size.
 */
#include "base/mem.h"
#include "milter/wire.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct milter_reader *reader;
	uint64_t trail; /* all that was seen, folded into one number */
	bool is_broken;
	bool is_in_body;
};

static void note(struct run *r, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		r->trail = (r->trail ^ (unsigned char)s.p[i]) * 0x100000001b3u;
}

static void note_number(struct run *r, uint64_t number)
{
	note(r, (struct slice){ (const char *)&number, sizeof(number) });
}

static void check_text(const struct milter_reply *reply)
{
	struct slice rest = reply->text, line;
	size_t lines = 0;

	assert(reply->smtp_code >= 400 && reply->smtp_code <= 599);
	do {
		(void)slice_cut(rest, '\n', &line, &rest);
		assert(!slice_has_control(line) && line.n <= 512);
		lines++;
	} while (rest.n > 0);
	assert(lines <= 32);
}

static void see_reply(struct run *r, const struct milter_reply *reply)
{
	/* Pieces of one packet are one body. */
	if (reply->code == MILTER_REPLBODY) {
		if (reply->is_body_begin)
			note_number(r, 'b');
		else
			assert(r->is_in_body && reply->body.n > 0);
		r->is_in_body = milter_reader_is_inside(r->reader);
		note(r, reply->body);
		return;
	}
	assert(!r->is_in_body && !milter_reader_is_inside(r->reader));
	if (reply->code == MILTER_REPLYCODE)
		check_text(reply);
	note_number(r, reply->code);
	note_number(r, reply->smtp_code);
	note_number(r, reply->index);
	note(r, reply->text);
	note(r, reply->name);
	note(r, reply->value);
	note(r, reply->address);
	note(r, reply->params);
}

static void see_options(struct run *r, const struct milter_options *options)
{
	note_number(r, options->version);
	note_number(r, options->actions);
	note_number(r, options->steps);
	note_number(r, options->has_symbols);
	for (int i = 0; i < MILTER_STAGES; i++)
		note(r, options->symbols[i]);
}

static void feed(struct run *r, struct slice piece)
{
	AUTO(mem_free_string) char *copy = mem_array(piece.n, 1);
	struct slice in = { copy, piece.n };
	struct milter_options options;
	struct milter_reply reply;

	memcpy(copy, piece.p, piece.n);
	while (!r->is_broken) {
		switch (milter_reader_next(r->reader, &in, &reply, &options)) {
		case MILTER_READ_MORE:
			assert(in.n == 0);
			return;
		case MILTER_READ_REPLY:
			see_reply(r, &reply);
			break;
		case MILTER_READ_OPTIONS:
			see_options(r, &options);
			break;
		case MILTER_READ_BROKEN:
			assert(milter_reader_problem(r->reader).n > 0);
			note(r, milter_reader_problem(r->reader));
			r->is_broken = true;
			break;
		}
	}
}

/* step 0: sizes out of a generator that begins with seed. */
static uint64_t run(struct slice in, size_t step, uint32_t seed)
{
	struct run r = { .reader = milter_reader_new() };

	while (in.n > 0) {
		size_t n = step;

		seed = seed * 1664525 + 1013904223;
		if (step == 0)
			n = 1 + (seed >> 24) % 16;
		feed(&r, slice_head(in, n));
		in = slice_tail(in, n);
	}
	note_number(&r, milter_reader_is_inside(r.reader));
	milter_reader_free(&r.reader);
	return r.trail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	uint32_t seed = size > 0 ? data[0] : 0;
	uint64_t whole;

	in = slice_tail(in, 1);
	whole = run(in, SIZE_MAX, 0);
	assert(run(in, 1, 0) == whole);
	assert(run(in, 0, seed) == whole);
	return 0;
}
