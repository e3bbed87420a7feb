#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct header_case {
	const char *name;
	struct slice input;
	size_t octets; /* of the header section */
	uint32_t fields;
	uint32_t received;
	bool has_date, has_message_id, has_from;
	bool is_over;
};

static const struct header_case cases[] = {
	{ "an empty line ends the section", SLICE("From: a\r\n\r\nDate: b"), 9,
	  1, 0, false, false, true, true },
	{ "names are told without case",
	  SLICE("FROM: a\r\ndate:b\r\nMessage-Id: c\r\nreceived: d\r\n\r\n"),
	  45, 4, 1, true, true, true, true },
	{ "a folded line is no field",
	  SLICE("Received: a\r\n Date: b\r\n\tFrom: c\r\n\r\n"), 33, 1, 1,
	  false, false, false, true },
	{ "a body without empty line", SLICE("From: a\r\nhello world\r\n"), 9,
	  1, 0, false, false, true, true },
	{ "a body alone", SLICE("hello\r\n"), 0, 0, 0, false, false, false,
	  true },
	{ "an empty line alone", SLICE("\r\nFrom: a\r\n"), 0, 0, 0, false,
	  false, false, true },
	{ "a folded line first is no header", SLICE(" a\r\nFrom: b\r\n"), 0, 0,
	  0, false, false, false, true },
	{ "blanks before the colon", SLICE("From \t: a\r\nDate : b\r\n\r\n"),
	  21, 2, 0, true, false, true, true },
	{ "two words before the colon", SLICE("From a: b\r\n\r\n"), 0, 0, 0,
	  false, false, false, true },
	{ "a colon first", SLICE(": b\r\n\r\n"), 0, 0, 0, false, false, false,
	  true },
	{ "UTF-8 in a name", SLICE("Fr\xc3\xbcm: b\r\n\r\n"), 0, 0, 0, false,
	  false, false, true },
	{ "names that only begin alike",
	  SLICE("Received-SPF: a\r\nFro: b\r\nDates: c\r\n\r\n"), 35, 3, 0,
	  false, false, false, true },
	{ "a name of many octets",
	  SLICE("Message-Idxxxxxxxxxxxxxxxxxxxxxxxxxxxx: a\r\n\r\n"), 43, 1, 0,
	  false, false, false, true },
	{ "no end yet", SLICE("From: a\r\nDate"), 13, 1, 0, false, false, true,
	  false },
	{ "an empty value", SLICE("From:\r\n\r\n"), 7, 1, 0, false, false, true,
	  true },
};

static void check(const struct header_case *c, size_t step)
{
	struct header_watch w;
	struct slice rest = c->input;
	size_t sum = 0;

	header_watch_init(&w);
	while (rest.n > 0) {
		struct slice piece = slice_head(rest, step);

		sum += header_watch_feed(&w, piece);
		rest = slice_tail(rest, piece.n);
	}
	assert_int_equal(w.octets, c->octets);
	assert_int_equal(w.fields, c->fields);
	assert_int_equal(w.received, c->received);
	assert_int_equal(w.has_date, c->has_date);
	assert_int_equal(w.has_message_id, c->has_message_id);
	assert_int_equal(w.has_from, c->has_from);
	assert_int_equal(w.is_over, c->is_over);
	if (step >= c->input.n)
		assert_int_equal(sum, c->octets);
	assert_false(header_watch_is_too_big(&w));
	assert_false(header_watch_is_loop(&w));
}

static void test_feed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name);
		for (size_t step = 1; step <= cases[i].input.n; step++)
			check(&cases[i], step);
	}
}

static void feed_times(struct header_watch *w, struct slice field, unsigned n)
{
	header_watch_init(w);
	while (n-- > 0)
		assert_int_equal(header_watch_feed(w, field), field.n);
}

static void test_limits(void **state)
{
	static char line[HEADER_OCTETS + 1];
	struct header_watch w;

	(void)state;
	feed_times(&w, S("Received: a\r\n"), HEADER_RECEIVED - 1);
	assert_false(header_watch_is_loop(&w));
	feed_times(&w, S("Received: a\r\n"), HEADER_RECEIVED);
	assert_true(header_watch_is_loop(&w));
	feed_times(&w, S("a:\r\n"), HEADER_FIELDS);
	assert_false(header_watch_is_too_big(&w));
	feed_times(&w, S("a:\r\n"), HEADER_FIELDS + 1);
	assert_true(header_watch_is_too_big(&w));
	memset(line, 'a', sizeof(line));
	line[1] = ':';
	feed_times(&w, (struct slice){ line, HEADER_OCTETS }, 1);
	assert_false(header_watch_is_too_big(&w));
	feed_times(&w, (struct slice){ line, sizeof(line) }, 1);
	assert_true(header_watch_is_too_big(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feed),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
