#include "smtp/reply_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name;
	struct slice input;
	int result;
	size_t left;
	uint16_t code;
	uint8_t status[3];
	struct slice text;
} cases[] = {
	{ "one line",
	  SLICE("250 2.1.5 OK\r\n"),
	  0,
	  0,
	  250,
	  { 2, 1, 5 },
	  SLICE("OK") },
	{ "no enhanced code",
	  SLICE("220 mx ready\r\n"),
	  0,
	  0,
	  220,
	  { 0 },
	  SLICE("mx ready") },
	{ "no text", SLICE("250\r\n"), 0, 0, 250, { 0 }, SLICE("") },
	{ "an enhanced code alone",
	  SLICE("250 2.0.0\r\n"),
	  0,
	  0,
	  250,
	  { 2, 0, 0 },
	  SLICE("") },
	{ "many lines",
	  SLICE("550-5.1.1 No such\r\n550 5.1.10 user\r\n"),
	  0,
	  0,
	  550,
	  { 5, 1, 10 },
	  SLICE("No such\nuser") },
	{ "the next reply is left alone",
	  SLICE("250 a\r\n251 b\r\n"),
	  0,
	  7,
	  250,
	  { 0 },
	  SLICE("a") },
	{ "an enhanced code of another class is text",
	  SLICE("450 5.1.1 no\r\n"),
	  0,
	  0,
	  450,
	  { 0 },
	  SLICE("5.1.1 no") },
	{ "what only begins like an enhanced code is text",
	  SLICE("250 2.1.5x\r\n"),
	  0,
	  0,
	  250,
	  { 0 },
	  SLICE("2.1.5x") },
	{ "numbers out of range are text",
	  SLICE("250 2.1.999 x\r\n"),
	  0,
	  0,
	  250,
	  { 0 },
	  SLICE("2.1.999 x") },
	{ "control octets are shown as ?",
	  SLICE("250 a\tb\0c\x1b[0m\r\n"),
	  0,
	  0,
	  250,
	  { 0 },
	  SLICE("a?b?c?[0m") },
	{ "a bare LF is understood",
	  SLICE("250 a\n"),
	  0,
	  0,
	  250,
	  { 0 },
	  SLICE("a") },
	{ "half a line",
	  SLICE("250 a\r"),
	  REPLY_READER_MORE,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "half a reply",
	  SLICE("250-a\r\n"),
	  REPLY_READER_MORE,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "a bare CR",
	  SLICE("250 a\rb\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "no digits",
	  SLICE("hello\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "an empty line",
	  SLICE("\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "two digits",
	  SLICE("25 a\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "four digits",
	  SLICE("2500 a\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "a class that is none",
	  SLICE("650 a\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
	{ "codes that differ",
	  SLICE("250-a\r\n550 b\r\n"),
	  REPLY_READER_MALFORMED,
	  0,
	  0,
	  { 0 },
	  SLICE("") },
};

/* Feeds in pieces of step octets. */
static int feed(struct reply_reader *reader, struct slice in, size_t step,
		size_t *ret_left, struct reply *ret_reply)
{
	int result = REPLY_READER_MORE;

	while (in.n > 0 && result == REPLY_READER_MORE) {
		size_t consumed = 0;

		result = reply_reader_feed(reader, slice_head(in, step),
					   &consumed, ret_reply);
		in = slice_tail(in, consumed);
	}
	*ret_left = in.n;
	return result;
}

static void test_feed(void **state)
{
	struct reply_reader *reader;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name);
		for (size_t step = 1; step < 100; step++) {
			struct reply r;
			size_t left;

			reader = reply_reader_new();
			assert_int_equal(
				feed(reader, cases[i].input, step, &left, &r),
				cases[i].result);
			if (cases[i].result == REPLY_READER_DONE) {
				assert_int_equal(left, cases[i].left);
				assert_int_equal(r.code, cases[i].code);
				assert_memory_equal(r.status, cases[i].status,
						    3);
				assert_true(slice_equal(r.text, cases[i].text));
			}
			reply_reader_free(&reader);
		}
	}
}

static void test_two_replies(void **state)
{
	struct reply_reader *reader = reply_reader_new();
	struct slice in = S("250-a\r\n250 b\r\n451 4.3.0 c\r\n");
	struct reply r;
	size_t left;

	(void)state;
	assert_int_equal(feed(reader, in, 100, &left, &r), 0);
	assert_true(slice_equal(r.text, S("a\nb")));
	in = slice_tail(in, in.n - left);
	assert_int_equal(feed(reader, in, 3, &left, &r), 0);
	assert_int_equal(r.code, 451);
	assert_true(slice_equal(r.text, S("c")));
	reply_reader_free(&reader);
	assert_null(reader);
	reply_reader_free(&reader);
}

static void test_bounds(void **state)
{
	struct reply_reader *reader = reply_reader_new();
	char line[REPLY_READER_LINE_OCTETS + 1];
	struct slice in = { .p = line, .n = REPLY_READER_LINE_OCTETS };
	struct reply r;
	size_t left;

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "250-", 4);
	memcpy(line + in.n - 2, "\r\n", 2);
	/* The text is kept up to its bound; what is more is read and lost. */
	for (int i = 0; i < REPLY_READER_LINES - 1; i++)
		assert_int_equal(feed(reader, in, 999, &left, &r),
				 REPLY_READER_MORE);
	assert_int_equal(feed(reader, S("250 b\r\n"), 999, &left, &r), 0);
	assert_int_equal(r.text.n, REPLY_READER_REPLY_OCTETS);
	for (int i = 0; i < REPLY_READER_LINES; i++)
		assert_int_equal(feed(reader, in, 999, &left, &r),
				 REPLY_READER_MORE);
	assert_int_equal(feed(reader, S("250 b\r\n"), 999, &left, &r),
			 REPLY_READER_MALFORMED);
	reply_reader_free(&reader);
	reader = reply_reader_new();
	memset(line + 4, 'a', sizeof(line) - 4);
	in.n = sizeof(line);
	assert_int_equal(feed(reader, in, 999, &left, &r),
			 REPLY_READER_MALFORMED);
	reply_reader_free(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feed),
		cmocka_unit_test(test_two_replies),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
