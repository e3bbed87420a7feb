#include "mail/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static const struct {
	const char *name;
	struct slice input;
	struct slice want;
	bool keeps_utf8;
} clean_cases[] = {
	{ "plain text", SLICE("a b"), SLICE("a b"), false },
	{ "line ends and tabs are blanks", SLICE("a\r\nb\tc"), SLICE("a  b c"),
	  false },
	{ "controls", SLICE("a\0b\x1b\x7f"), SLICE("a?b??"), false },
	{ "no UTF-8", SLICE("a\xff\xc3"), SLICE("a??"), true },
	{ "UTF-8 kept", SLICE("jürgen€😀"), SLICE("jürgen€😀"), true },
	{ "UTF-8 spelled", SLICE("jürgen€😀"),
	  SLICE("j\\x{FC}rgen\\x{20AC}\\x{1F600}"), false },
	{ "a control beyond ASCII",
	  SLICE("a\xc2\x85"
		"b"),
	  SLICE("a?b"), true },
};

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(clean_cases) / sizeof(clean_cases[0]);
	     i++) {
		struct writer w = { .keeps_utf8 = clean_cases[i].keeps_utf8 };

		print_message("  %s\n", clean_cases[i].name);
		writer_put_clean(&w, clean_cases[i].input);
		assert_true(slice_equal(writer_text(&w), clean_cases[i].want));
		writer_done(&w);
	}
}

static const struct {
	const char *name;
	struct slice input;
	struct slice want;
} folded_cases[] = {
	{ "short", SLICE("a  b\n\nc "), SLICE("Head: a b c") },
	{ "nothing", SLICE(" \n "), SLICE("Head: ") },
	{ "a fold", SLICE("a " X60 " 123456789"),
	  SLICE("Head: a " X60 "\r\n  123456789") },
	{ "no fold in a line of 76", SLICE("a " X60 " 1234567"),
	  SLICE("Head: a " X60 " 1234567") },
	{ "the first word stays", SLICE(X60 X10), SLICE("Head: " X60 X10) },
	{ "an endless word is parted", SLICE(X60 X60 X60 X10 X10 "y z"),
	  SLICE("Head: " X60 X60 X60 X10 X10 "\r\n  y z") },
};

static void test_folded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(folded_cases) / sizeof(folded_cases[0]);
	     i++) {
		struct writer w = { .keeps_utf8 = true };

		print_message("  %s\n", folded_cases[i].name);
		writer_put(&w, S("line\r\nHead: "));
		writer_put_folded(&w, folded_cases[i].input, 2);
		assert_true(slice_equal(slice_tail(writer_text(&w), 6),
					folded_cases[i].want));
		writer_done(&w);
	}
}

static void test_growth(void **state)
{
	static char big[100000];
	struct writer w = { .keeps_utf8 = true };

	(void)state;
	memset(big, 'a', sizeof(big));
	for (int i = 0; i < 10; i++)
		writer_put(&w, (struct slice){ big, sizeof(big) });
	assert_int_equal(writer_text(&w).n, 10 * sizeof(big));
	writer_done(&w);
	assert_int_equal(writer_text(&w).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
