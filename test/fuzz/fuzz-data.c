/*
 * Message data by DATA and by BDAT, against the plain reference, in whatever
 * pieces and chunks: a split changes nothing.
 *
 * Input: mode, piece size, limit, then the data.
 */
#include "smtp/data.h"

#include "base/mem.h"
#include "test/unit/smtp/data-reference.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct gathered {
	char *bytes;
	size_t n;
};

static void gather(struct slice run, void *arg)
{
	struct gathered *g = arg;

	assert(run.n > 0);
	memcpy(g->bytes + g->n, run.p, run.n);
	g->n += run.n;
}

/* Feeds in in pieces; returns what was consumed. */
static size_t feed(struct data_reader *r, struct slice in, size_t piece,
		   struct gathered *g, bool *ret_ended)
{
	size_t total = 0;
	bool ended = false;

	while (total < in.n && !ended) {
		struct slice part = slice_head(slice_tail(in, total), piece);
		size_t consumed;

		if (r->is_chunked && r->chunk_left == 0)
			data_reader_begin_chunk(r, piece * 2 + 1);
		ended = data_reader_feed(r, part, gather, g, &consumed) ==
			DATA_END;
		assert(consumed == part.n || ended);
		ended = ended && !r->is_chunked; /* a chunk's end is none */
		total += consumed;
	}
	*ret_ended = ended;
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(mem_free_string) char *content = mem_new(size + 1);
	AUTO(mem_free_string) char *wanted = mem_new(size + 1);
	struct reference ref = { .content = wanted };
	struct gathered g = { .bytes = content };
	struct slice in;
	struct data_reader r;
	uint64_t limit;
	size_t consumed, piece;
	bool ended, is_chunked;

	if (size < 3)
		return 0;
	is_chunked = (data[0] & 1) != 0;
	piece = (size_t)data[1] + 1;
	limit = data[2] < 128 ? data[2] : 1 << 20;
	in = (struct slice){ .p = (const char *)data + 3, .n = size - 3 };
	reference_run(in, is_chunked, limit, &ref);
	if (is_chunked)
		data_reader_init_chunked(&r, limit);
	else
		data_reader_init_dot(&r, limit);
	consumed = feed(&r, in, piece, &g, &ended);
	assert(r.fault == ref.fault);
	assert(ended == ref.ended && consumed == ref.consumed);
	if (r.fault != DATA_FAULT_NONE)
		return 0;
	assert(r.octets == g.n && g.n == ref.octets);
	assert(memcmp(content, wanted, g.n) == 0);
	return 0;
}
