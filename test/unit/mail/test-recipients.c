#include "mail/recipients.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* want: each address and a "|"; NULL: it is no list. Bare ones have "!N" with
 * the place where a domain belongs. */
static const struct {
	const char *name;
	const char *body;
	const char *want;
} cases[] = {
	{ "nothing", " \r\n", "" },
	{ "one", " a@b\r\n", "a@b|" },
	{ "a bare one", " root\r\n", "root!5|" },
	{ "what cron writes", " root (Cron Daemon)", "root!5|" },
	{ "a name", "Joe Q. Public <joe@x.org>", "joe@x.org|" },
	{ "a bare one with a name", "\"R, t\" <root>", "root!12|" },
	{ "several, and empty places", "a@b,, c@d ,\r\n e", "a@b|c@d|e!15|" },
	{ "a quoted local part", "\"a b, c\"@d, <\"x>\"@y>",
	  "\"a b, c\"@d|\"x>\"@y|" },
	{ "escapes", "\"a\\\"b\"@c (\\)), \"n\\\\\" <d@e>",
	  "\"a\\\"b\"@c|d@e|" },
	{ "comments anywhere", "(x)a(y(z))@(,)b(<)", "a@b|" },
	{ "blanks around dots and at", "first . last @ x . org",
	  "first.last@x.org|" },
	{ "folded", "a@b,\r\n\tc@d\r\n", "a@b|c@d|" },
	{ "a group", "Team: a@b, C <c@d>;, e@f", "a@b|c@d|e@f|" },
	{ "an empty group", "undisclosed-recipients:;", "" },
	{ "a semicolon for a comma", "a@b; c@d", "a@b|c@d|" },
	{ "a route", "<@x,@y.z:a@b>", "a@b|" },
	{ "an encoded word stays", "=?utf-8?q?J=C3=B6?= <j@x>", "j@x|" },
	{ "UTF-8", "J\xC3\xB6rg <j\xC3\xB6@\xC3\xB6.de>",
	  "j\xC3\xB6@\xC3\xB6.de|" },
	{ "a literal", "a@[192.0.2.1]", "a@[192.0.2.1]|" },
	{ "a name with an at sign", "a@b <c@d>", "c@d|" },
	{ "two words are no address", "a b", NULL },
	{ "nothing in angles", "x <>", NULL },
	{ "an open angle", "<a@b", NULL },
	{ "an angle too many", "a@b>", NULL },
	{ "words behind the angle", "<a@b> c", NULL },
	{ "two behind each other", "<a@b> <c@d>", NULL },
	{ "an open quote", "\"a@b", NULL },
	{ "an open comment", "a@b (c", NULL },
	{ "a closing parenthesis", "a)@b", NULL },
	{ "an open literal", "a@[b", NULL },
	{ "two at signs", "a@b@c", NULL },
	{ "no local part", "@b", NULL },
	{ "no domain", "a@", NULL },
	{ "a backslash", "a\\b@c", NULL },
	{ "a line end in a quoted local part", "\"a\r\n b\"@c", NULL },
	{ "a line end in a name's quotes", "\"a\r\n b\" <c@d>", "c@d|" },
	{ "a control octet", "a\001b@c", NULL },
	{ "a group without name", ": a@b;", NULL },
	{ "a half route", "<@x a@b>", NULL },
};

static void write_items(char *out, size_t size, const struct recipient *items,
			size_t count)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		n += (size_t)snprintf(out + n, size - n, "%.*s",
				      (int)items[i].text.n, items[i].text.p);
		if (items[i].is_bare)
			n += (size_t)snprintf(out + n, size - n, "!%zu",
					      items[i].end);
		n += (size_t)snprintf(out + n, size - n, "|");
	}
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(arena_free) struct arena *a = arena_new(1 << 20);
		const struct recipient *items = NULL;
		size_t count = 0;
		char got[400];
		int error;

		print_message("%s\n", cases[i].name);
		error = recipients_parse(slice_of(cases[i].body), a, &items,
					 &count);
		assert_int_equal(error,
				 cases[i].want != NULL ? 0 : RECIPIENTS_SYNTAX);
		if (cases[i].want == NULL)
			continue;
		write_items(got, sizeof(got), items, count);
		assert_string_equal(got, cases[i].want);
	}
}

static void test_bounds(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 22);
	const struct recipient *items;
	char text[2 * (RECIPIENTS_MAX + 1)];
	size_t count;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a,", 2);
	assert_int_equal(recipients_parse((struct slice){ text, sizeof(text) },
					  a, &items, &count),
			 RECIPIENTS_TOO_MANY);
	assert_int_equal(
		recipients_parse((struct slice){ text, sizeof(text) - 2 }, a,
				 &items, &count),
		0);
	assert_int_equal(count, RECIPIENTS_MAX);
	assert_int_equal(recipients_parse(S("a@b\0,c@d"), a, &items, &count),
			 RECIPIENTS_SYNTAX);
	memset(text, '(', sizeof(text));
	assert_int_equal(recipients_parse((struct slice){ text, sizeof(text) },
					  a, &items, &count),
			 RECIPIENTS_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
