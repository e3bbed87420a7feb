#include "mail/fields.h"

#include "mail/dkim.h"
#include "mail/header.h"
#include "smtp/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(16 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static const struct {
	const char *name, *in;
	size_t count;
	const char *section, *body;
} messages[] = {
	{ "two fields and a body", "A: b\r\nC: d\r\n\r\nx\r\n", 2,
	  "A: b\r\nC: d\r\n", "x\r\n" },
	{ "a folded one", "A: b\r\n c\r\n\td\r\n\r\n", 1,
	  "A: b\r\n c\r\n\td\r\n", "" },
	{ "no body", "A: b\r\n", 1, "A: b\r\n", "" },
	{ "no header", "\r\nA: b\r\n", 0, "", "A: b\r\n" },
	{ "nothing", "", 0, "", "" },
	{ "a line that is no field ends it", "A: b\r\nhello\r\n", 1, "A: b\r\n",
	  "hello\r\n" },
	{ "the body begins with an empty line", "A: b\r\n\r\n\r\nx", 1,
	  "A: b\r\n", "\r\nx" },
	{ "blanks before the colon", "A \t: b\r\n\r\n", 1, "A \t: b\r\n", "" },
};

static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct fields f;

		print_message("%s\n", messages[i].name);
		assert_true(fields_split(slice_of(messages[i].in), a, &f));
		assert_int_equal(f.count, messages[i].count);
		assert_true(
			slice_equal(f.section, slice_of(messages[i].section)));
		assert_true(slice_equal(f.body, slice_of(messages[i].body)));
	}
}

static void test_too_many(void **state)
{
	char *text = arena_alloc(a, 4 * (HEADER_FIELDS + 1) + 1);
	struct slice in = { text, 4 * (size_t)HEADER_FIELDS };
	struct fields f;

	(void)state;
	for (size_t i = 0; i <= HEADER_FIELDS; i++)
		memcpy(text + 4 * i, "A:\r\n", 4);
	assert_true(fields_split(in, a, &f));
	assert_int_equal(f.count, HEADER_FIELDS);
	in.n += 4;
	assert_false(fields_split(in, a, &f));
}

static void test_names_of_keys(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: none */
	} selectors[] = {
		{ "2026A", "2026a" },      { "a.b-c_d", "a.b-c_d" },
		{ "\xc3\xbc", "xn--tda" }, { "", NULL },
		{ "a..b", NULL },          { "a/b", NULL },
		{ "a b", NULL },
	};
	struct slice got;

	(void)state;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		int no = dkim_selector(slice_of(selectors[i].in), a, &got);

		print_message("%s\n", selectors[i].in);
		assert_int_equal(no == 0, selectors[i].want != NULL);
		if (no == 0)
			assert_true(
				slice_equal(got, slice_of(selectors[i].want)));
	}
	assert_int_equal(dkim_selector(S("a23456789.123456789.123456789."
					 "123456789.123456789.123456789."
					 "123456789.123456789.123456789."
					 "123456789.123456789.123456789."
					 "123456789"),
				       a, &got),
			 NAME_TOO_LONG);
	assert_true(slice_equal(dkim_key_name(S("s"), S("a.example"), a),
				S("s._domainkey.a.example")));
	assert_int_equal(dkim_algorithm_of(S("RSA-sha256")), DKIM_RSA_SHA256);
	assert_int_equal(dkim_algorithm_of(S("rsa")), DKIM_ALGORITHM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_names_of_keys),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
