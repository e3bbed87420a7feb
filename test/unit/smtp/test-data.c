#include "smtp/data.h"

#include "base/mem.h"
#include "data-reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct gathered {
	char bytes[1 << 17];
	size_t n;
	unsigned calls;
};

static void gather(struct slice run, void *arg)
{
	struct gathered *g = arg;

	assert_true(run.n > 0 && g->n + run.n <= sizeof(g->bytes));
	memcpy(g->bytes + g->n, run.p, run.n);
	g->n += run.n;
	g->calls++;
}

/* Feeds in pieces of step octets; stops at DATA_END. */
static bool feed(struct data_reader *r, struct slice in, size_t step,
		 struct gathered *g, size_t *ret_consumed)
{
	enum data_progress p = DATA_MORE;
	size_t at = 0, consumed = 0;

	g->n = 0;
	g->calls = 0;
	while (at < in.n && p == DATA_MORE) {
		struct slice piece = slice_head(slice_tail(in, at), step);

		p = data_reader_feed(r, piece, gather, g, &consumed);
		assert_true(p == DATA_END || consumed == piece.n);
		at += consumed;
	}
	*ret_consumed = at;
	return p == DATA_END;
}

static struct gathered gathered;

static const struct {
	const char *name;
	struct slice input;
	struct slice want;
	enum data_fault fault;
	bool ends;
	size_t left; /* octets after the end */
} dot_cases[] = {
	{ "an empty message", SLICE(".\r\n"), SLICE(""), 0, true, 0 },
	{ "one line", SLICE("a\r\n.\r\n"), SLICE("a\r\n"), 0, true, 0 },
	{ "what follows the end is left alone", SLICE("a\r\n.\r\nQUIT\r\n"),
	  SLICE("a\r\n"), 0, true, 6 },
	{ "a stuffed dot", SLICE("..\r\n..a\r\n.\r\n"), SLICE(".\r\n.a\r\n"), 0,
	  true, 0 },
	{ "a dot before text goes too", SLICE(".a\r\n.\r\n"), SLICE("a\r\n"), 0,
	  true, 0 },
	{ "dots inside of a line stay", SLICE("a..b.\r\n.\r\n"),
	  SLICE("a..b.\r\n"), 0, true, 0 },
	{ "empty lines", SLICE("\r\n\r\n.\r\n"), SLICE("\r\n\r\n"), 0, true,
	  0 },
	{ "a bare LF ends nothing", SLICE("a\nb\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_BARE_NEWLINE, true, 0 },
	{ "a bare CR ends nothing", SLICE("a\rb\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_BARE_NEWLINE, true, 0 },
	{ "two CR before an LF", SLICE("a\r\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_BARE_NEWLINE, true, 0 },
	{ "LF . LF", SLICE("a\n.\nMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "LF . CRLF", SLICE("a\n.\r\nMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CRLF . LF", SLICE("a\r\n.\nMAIL\r\n.\r\n"), SLICE("a\r\n"),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CRLF . CR", SLICE("a\r\n.\rMAIL\r\n.\r\n"), SLICE("a\r\n"),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CRLF . CR CRLF", SLICE("a\r\n.\r\r\nMAIL\r\n.\r\n"), SLICE("a\r\n"),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CR . CR", SLICE("a\r.\rMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CR . CRLF", SLICE("a\r.\r\nMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "CR . LF", SLICE("a\r.\nMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "LF . CR", SLICE("a\n.\rMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "a dot and LF first", SLICE(".\nMAIL\r\n.\r\n"), SLICE(""),
	  DATA_FAULT_SMUGGLING, true, 0 },
	{ "smuggling wins over an earlier fault", SLICE("a\0\r\n.\nb\r\n.\r\n"),
	  SLICE(""), DATA_FAULT_SMUGGLING, true, 0 },
	{ "a stuffed dot before a bare LF is no smuggling",
	  SLICE("a\r\n..\nb\r\n.\r\n"), SLICE("a\r\n"), DATA_FAULT_BARE_NEWLINE,
	  true, 0 },
	{ "a NUL", SLICE("a\0b\r\n.\r\n"), SLICE(""), DATA_FAULT_NUL, true, 0 },
	{ "no end yet", SLICE("a\r\n.\r"), SLICE("a\r\n"), 0, false, 0 },
	{ "8-bit octets are content", SLICE("\xff\x80\r\n.\r\n"),
	  SLICE("\xff\x80\r\n"), 0, true, 0 },
};

static void test_dot(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dot_cases) / sizeof(dot_cases[0]); i++) {
		struct data_reader r;
		size_t consumed;
		struct slice got;

		print_message("  %s\n", dot_cases[i].name);
		data_reader_init_dot(&r, 1000);
		assert_int_equal(feed(&r, dot_cases[i].input, 1000, &gathered,
				      &consumed),
				 dot_cases[i].ends);
		assert_int_equal(r.fault, dot_cases[i].fault);
		assert_int_equal(consumed,
				 dot_cases[i].input.n - dot_cases[i].left);
		if (r.fault == DATA_FAULT_NONE) {
			got = (struct slice){ gathered.bytes, gathered.n };
			assert_true(slice_equal(got, dot_cases[i].want));
			assert_int_equal(r.octets, got.n);
		}
	}
}

/* in, in pieces of step octets, against the plain reference. */
static void compare(struct slice in, size_t step, bool is_chunked,
		    uint64_t limit)
{
	char content[64];
	struct reference ref = { .content = content };
	struct data_reader r;
	size_t consumed;
	bool ended;

	reference_run(in, is_chunked, limit, &ref);
	if (is_chunked) {
		data_reader_init_chunked(&r, limit);
		data_reader_begin_chunk(&r, in.n + 1);
	} else {
		data_reader_init_dot(&r, limit);
	}
	ended = feed(&r, in, step, &gathered, &consumed);
	assert_int_equal(ended, ref.ended);
	assert_int_equal(consumed, ref.consumed);
	assert_int_equal(r.fault, ref.fault);
	if (ref.fault != DATA_FAULT_NONE || !ended)
		return;
	assert_int_equal(r.octets, ref.octets);
	assert_int_equal(gathered.n, ref.octets);
	assert_memory_equal(gathered.bytes, content, ref.octets);
}

/* Every string of up to seven octets over what matters, in every piece size:
 * no split changes anything. */
static void test_all_short_inputs(void **state)
{
	static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };
	char text[7];

	(void)state;
	for (size_t n = 1, all = 5; n <= sizeof(text); n++, all *= 5) {
		for (size_t word = 0; word < all; word++) {
			size_t rest = word;

			for (size_t i = 0; i < n; i++, rest /= 5)
				text[i] = alphabet[rest % 5];
			for (size_t step = 1; step <= n; step++) {
				compare((struct slice){ text, n }, step, false,
					3);
				compare((struct slice){ text, n }, step, true,
					100);
			}
		}
	}
}

static void test_limits(void **state)
{
	AUTO(mem_free_string) char *line = mem_new(DATA_LINE_OCTETS + 16);
	struct data_reader r;
	size_t consumed;
	struct slice in = { .p = line };

	(void)state;
	memset(line, 'a', DATA_LINE_OCTETS);
	memcpy(line + DATA_LINE_OCTETS - 2, "\r\n.\r\n", 5);
	in.n = DATA_LINE_OCTETS + 3;
	for (size_t step = 1; step < 100000; step = step * 7 + 1) {
		data_reader_init_dot(&r, 1 << 20);
		assert_true(feed(&r, in, step, &gathered, &consumed));
		assert_int_equal(r.fault, DATA_FAULT_NONE);
		assert_int_equal(gathered.n, DATA_LINE_OCTETS);
		data_reader_init_dot(&r, DATA_LINE_OCTETS - 1);
		assert_true(feed(&r, in, step, &gathered, &consumed));
		assert_int_equal(r.fault, DATA_FAULT_TOO_BIG);
	}
	memcpy(line + DATA_LINE_OCTETS - 2, "a\r\n.\r\n", 6);
	in.n = DATA_LINE_OCTETS + 4;
	for (size_t step = 1; step < 100000; step = step * 7 + 1) {
		data_reader_init_dot(&r, 1 << 20);
		assert_true(feed(&r, in, step, &gathered, &consumed));
		assert_int_equal(r.fault, DATA_FAULT_LINE_TOO_LONG);
		assert_int_equal(r.octets, DATA_LINE_OCTETS + 1);
	}
}

static void test_few_runs(void **state)
{
	struct data_reader r;
	char text[4096];
	size_t consumed;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 64) {
		memset(text + i, 'a', 62);
		memcpy(text + i + 62, "\r\n", 2);
	}
	memcpy(text + sizeof(text) - 3, ".\r\n", 3);
	memcpy(text + sizeof(text) - 5, "\r\n", 2);
	data_reader_init_dot(&r, 1 << 20);
	assert_true(feed(&r, (struct slice){ text, sizeof(text) }, 4096,
			 &gathered, &consumed));
	assert_int_equal(gathered.n, sizeof(text) - 3);
	assert_int_equal(gathered.calls, 1);
}

static void test_chunks(void **state)
{
	struct data_reader r;
	size_t consumed;

	(void)state;
	data_reader_init_chunked(&r, 1000);
	data_reader_begin_chunk(&r, 8);
	/* The dots are content and CRLF may lie in two chunks. */
	assert_true(
		feed(&r, S("a\r\n..\r\n\rBDAT"), 100, &gathered, &consumed));
	assert_int_equal(consumed, 8);
	assert_memory_equal(gathered.bytes, "a\r\n..\r\n\r", 8);
	data_reader_begin_chunk(&r, 6);
	assert_true(feed(&r, S("\n.\r\nab"), 2, &gathered, &consumed));
	assert_int_equal(consumed, 6);
	data_reader_begin_chunk(&r, 0);
	assert_int_equal(
		data_reader_feed(&r, S("RSET"), gather, &gathered, &consumed),
		DATA_END);
	assert_int_equal(consumed, 0);
	data_reader_finish_chunks(&r);
	assert_int_equal(r.fault, DATA_FAULT_NONE);
	assert_int_equal(r.octets, 14);
	assert_true(r.is_open_line);
}

static void test_chunks_end(void **state)
{
	static const struct {
		const char *name;
		struct slice input;
		enum data_fault fault;
		bool is_open_line;
	} cases[] = {
		{ "CRLF at the end", SLICE("a\r\n"), 0, false },
		{ "nothing at all", SLICE(""), 0, false },
		{ "no line end", SLICE("a"), 0, true },
		{ "a lone dot at the end", SLICE("a\r\n."), 0, true },
		{ "a CR at the end", SLICE("a\r"), DATA_FAULT_BARE_NEWLINE,
		  true },
		{ "a dot and CR at the end", SLICE("a\r\n.\r"),
		  DATA_FAULT_BARE_NEWLINE, true },
		{ "a bare LF at the end", SLICE("a\n"), DATA_FAULT_BARE_NEWLINE,
		  true },
		{ "LF . LF in a chunk", SLICE("a\n.\nb\r\n"),
		  DATA_FAULT_SMUGGLING, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct data_reader r;
		size_t consumed;

		print_message("  %s\n", cases[i].name);
		data_reader_init_chunked(&r, 1000);
		data_reader_begin_chunk(&r, cases[i].input.n);
		(void)feed(&r, cases[i].input, 1000, &gathered, &consumed);
		data_reader_finish_chunks(&r);
		assert_int_equal(r.fault, cases[i].fault);
		assert_int_equal(r.is_open_line, cases[i].is_open_line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dot),
		cmocka_unit_test(test_all_short_inputs),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_few_runs),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_chunks_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
