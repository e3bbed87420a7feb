#include "mail/dkim_tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

/* want: "name|value|name|value|", or NULL when it is no tag list. */
static const struct {
	const char *name, *in, *want;
} lists[] = {
	{ "one tag", "v=1", "v|1|" },
	{ "several, with an end", "v=1;a=b;", "v|1|a|b|" },
	{ "blanks and folding around names and values",
	  " v = 1 ;\r\n\ta =\r\n b c\r\n d \r\n", "v|1|a|b c\r\n d|" },
	{ "an empty value", "p=; t=y", "p||t|y|" },
	{ "equal signs in a value", "b=ab==;bh=x=", "b|ab==|bh|x=|" },
	{ "names compare with case", "b=1;B=2", "b|1|B|2|" },
	{ "digits and underscores in a name", "a_1=2", "a_1|2|" },
	{ "UTF-8 in a value",
	  "d=b\xc3\xbc"
	  "cher.example",
	  "d|b\xc3\xbc"
	  "cher.example|" },
	{ "nothing", "", NULL },
	{ "blanks only", " \r\n ", NULL },
	{ "no equal sign", "v=1; a; b=2", NULL },
	{ "no name", "v=1; =2", NULL },
	{ "a name that begins with a digit", "1a=2", NULL },
	{ "a blank in a name", "v v=2", NULL },
	{ "a tag twice", "v=1; a=2; v=1", NULL },
	{ "nothing between semicolons", "v=1;; a=2", NULL },
	{ "a control", "v=1\x01", NULL },
	{ "what is not UTF-8", "v=\xff", NULL },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct dkim_tags tags;
		char got[256] = "";
		bool is_list = dkim_tags_parse(slice_of(lists[i].in), &tags);

		print_message("%s\n", lists[i].name);
		for (size_t k = 0; is_list && k < tags.count; k++)
			(void)snprintf(got + strlen(got),
				       sizeof(got) - strlen(got), "%.*s|%.*s|",
				       (int)tags.items[k].name.n,
				       tags.items[k].name.p,
				       (int)tags.items[k].value.n,
				       tags.items[k].value.p);
		assert_int_equal(is_list, lists[i].want != NULL);
		if (is_list)
			assert_string_equal(got, lists[i].want);
	}
}

static void test_limits(void **state)
{
	struct dkim_tags tags;
	struct slice text = S("");
	char *big = arena_alloc(a, DKIM_TAGS_OCTETS + 2);

	(void)state;
	for (int i = 0; i < DKIM_TAGS_MAX; i++) {
		text = arena_format(a, "%.*st%d=1;", (int)text.n, text.p, i);
		assert_true(dkim_tags_parse(text, &tags));
	}
	text = arena_format(a, "%.*sx=1", (int)text.n, text.p);
	assert_false(dkim_tags_parse(text, &tags));

	memset(big, 'x', DKIM_TAGS_OCTETS + 1);
	memcpy(big, "z=", 2);
	assert_true(dkim_tags_parse((struct slice){ big, DKIM_TAGS_OCTETS },
				    &tags));
	assert_false(dkim_tags_parse(
		(struct slice){ big, DKIM_TAGS_OCTETS + 1 }, &tags));
}

static void test_words(void **state)
{
	struct slice rest = S(" from : TO\r\n :: x"), word;
	static const char *const want[] = { "from", "TO", "", "x" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(dkim_tags_word(&rest, &word));
		assert_true(slice_equal(word, slice_of(want[i])));
	}
	assert_false(dkim_tags_word(&rest, &word));
	assert_true(dkim_tags_lists(S("y:s"), S("S")));
	assert_false(dkim_tags_lists(S("y:sx"), S("s")));
	assert_false(dkim_tags_lists(S(""), S("s")));
}

static const struct {
	const char *in, *want;
} base64s[] = {
	{ "aGVsbG8=", "hello" },
	{ " aGVs\r\n\tbG8= ", "hello" },
	{ "aGVsbG8h", "hello!" },
	{ "aA==", "h" },
	{ "", NULL },
	{ "aGVsbG8", NULL },
	{ "aGVs=bG8=", NULL },
	{ "a===", NULL },
	{ "====", NULL },
	{ "aGVsbG8-", NULL },
};

static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(base64s) / sizeof(base64s[0]); i++) {
		struct slice got;
		bool is_good =
			dkim_tags_base64(slice_of(base64s[i].in), a, &got);

		print_message("%s\n", base64s[i].in);
		assert_int_equal(is_good, base64s[i].want != NULL);
		if (is_good)
			assert_true(
				slice_equal(got, slice_of(base64s[i].want)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
