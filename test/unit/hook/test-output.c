#include "hook/output.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct {
	const char *name;
	struct slice output;
	const char *want; /* NULL: no header */
} headers[] = {
	{ "nothing is a header", SLICE(""), "" },
	{ "one field", SLICE("X-A: b\n"), "X-A: b\r\n" },
	{ "two fields, one folded", SLICE("X-A: b\n\tc\n d\nX-E:f\n"),
	  "X-A: b\r\n\tc\r\n d\r\nX-E:f\r\n" },
	{ "CRLF", SLICE("X-A: b\r\nX-C: d\r\n"), "X-A: b\r\nX-C: d\r\n" },
	{ "a field without value", SLICE("X-A:\n"), "X-A:\r\n" },
	{ "a blank before the colon", SLICE("X-A : b\n"), "X-A : b\r\n" },
	{ "UTF-8", SLICE("X-A: \xc3\xa9\n"), "X-A: \xc3\xa9\r\n" },
	{ "what is not UTF-8", SLICE("X-A: \xe9\xc3\n"), "X-A: ??\r\n" },
	{ "a bare CR", SLICE("X-A: b\rX-Evil: c\n"), "X-A: b?X-Evil: c\r\n" },
	{ "two CRs", SLICE("X-A: b\r\r\n"), "X-A: b?\r\n" },
	{ "NUL and other controls", SLICE("X-A: \0\x1b\x7f\tb\n"),
	  "X-A: ???\tb\r\n" },
	{ "a line of blanks is left out", SLICE("X-A: b\n \t\n c\n"),
	  "X-A: b\r\n c\r\n" },
	{ "a lone line end", SLICE("\n"), NULL },
	{ "an empty line would end the header", SLICE("X-A: b\n\nX-C: d\n"),
	  NULL },
	{ "an empty line at the end", SLICE("X-A: b\n\n"), NULL },
	{ "an empty line with CR", SLICE("X-A: b\r\n\r\n"), NULL },
	{ "no line end", SLICE("X-A: b"), NULL },
	{ "no colon", SLICE("X-A: b\nhello\n"), NULL },
	{ "goes on from nothing", SLICE(" X-A: b\n"), NULL },
	{ "blanks first, then goes on", SLICE(" \n X-A: b\n"), NULL },
	{ "no name", SLICE(": b\n"), NULL },
	{ "a name of two words", SLICE("From me: b\n"), NULL },
	{ "a name beyond ASCII", SLICE("X-\xc3\xa9: b\n"), NULL },
	{ "a control in a name", SLICE("X-\x01: b\n"), NULL },
};

static void test_header(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct slice header = S("none");
		bool ok = output_header(headers[i].output, a, &header);

		if (ok != (headers[i].want != NULL) ||
		    (ok && !slice_equal(header, slice_of(headers[i].want))))
			fail_msg("%s: %.*s", headers[i].name, (int)header.n,
				 header.p);
	}
}

static void test_long_lines(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	char line[1000];
	struct slice header;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[1] = ':';
	line[998] = '\n';
	assert_true(output_header((struct slice){ line, 999 }, a, &header));
	line[998] = 'x';
	line[999] = '\n';
	assert_false(output_header((struct slice){ line, 1000 }, a, &header));
}

static const struct {
	const char *name;
	struct slice output;
	const char *want;
} lines[] = {
	{ "none", SLICE(""), "" },
	{ "one", SLICE("spam detected\n"), "spam detected" },
	{ "the last", SLICE("X-A: b\ngreylisted, wait\n"), "greylisted, wait" },
	{ "without line end", SLICE("a\nb"), "b" },
	{ "before empty ones", SLICE("a\n\n \r\n"), "a" },
	{ "CRLF and blanks", SLICE("  a b \t\r\n"), "a b" },
	{ "nothing that begins a line of SMTP",
	  SLICE("no\r250 yes\0\x1b[1m\xff\n"), "no?250 yes??[1m?" },
	{ "tabs", SLICE("a\tb\n"), "a b" },
};

static void test_last_line(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	char text[900];
	struct slice line;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		line = output_last_line(lines[i].output, a);
		if (!slice_equal(line, slice_of(lines[i].want)))
			fail_msg("%s: %.*s", lines[i].name, (int)line.n,
				 line.p);
	}
	/* Two octets each: none is parted. */
	text[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	line = output_last_line((struct slice){ text, 899 }, a);
	assert_int_equal(line.n, OUTPUT_TEXT_OCTETS - 1);
	assert_true(slice_is_utf8(line));
}

static const struct {
	int status;
	struct slice output;
	enum hook_result result;
	const char *header, *text;
	bool has_problem;
} verdicts[] = {
	{ 0, SLICE("X-A: b\n"), HOOK_ACCEPT, "X-A: b\r\n", "", false },
	{ 0, SLICE(""), HOOK_ACCEPT, "", "", false },
	{ 0, SLICE("hello\n"), HOOK_ACCEPT, "", "", true },
	{ 20, SLICE("X-A: b\nspam\n"), HOOK_REJECT, "", "spam", false },
	{ 20, SLICE(""), HOOK_REJECT, "", "", false },
	{ 75, SLICE("later\n"), HOOK_TRY_LATER, "", "later", false },
	{ 1, SLICE(""), HOOK_TRY_LATER, "", "", false },
	{ 127, SLICE("X-A: b\n"), HOOK_TRY_LATER, "", "X-A: b", false },
	{ 255, SLICE("x\n"), HOOK_TRY_LATER, "", "x", false },
};

static void test_verdicts(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		struct msg_post_data_result r = { .id = 7 };

		output_judge_post_data(verdicts[i].status, verdicts[i].output,
				       a, &r);
		assert_int_equal(r.id, 7);
		assert_int_equal(r.result, verdicts[i].result);
		assert_true(
			slice_equal(r.header, slice_of(verdicts[i].header)));
		assert_true(slice_equal(r.text, slice_of(verdicts[i].text)));
		assert_int_equal(r.problem.n > 0, verdicts[i].has_problem);
	}
}

static void test_targets(void **state)
{
	(void)state;
	assert_true(
		slice_equal(output_targets(S("\n a, b \r\n\n")), S("a, b")));
	assert_int_equal(output_targets(S(" \n")).n, 0);
	assert_int_equal(output_targets(S("")).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_last_line),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
