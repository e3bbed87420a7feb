#include "conf/system_aliases.h"

#include "base/mem.h"
#include "conf/aliases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOW "; write USER: USER or USER@DOMAIN, separated by commas"

/* want: what is left; warnings: what was said, a line each. */
static const struct {
	const char *name;
	const char *text;
	const char *want;
	const char *warnings;
} cases[] = {
	{ "nothing", "", "", "" },
	{ "comments and empty lines", "# a: b\n\n   \n#\n", "", "" },
	{ "what Debian writes",
	  "# /etc/aliases\nmailer-daemon: postmaster\npostmaster: root\n"
	  "root: alice@example.com\n",
	  "mailer-daemon: postmaster\npostmaster: root\n"
	  "root: alice@example.com\n",
	  "" },
	{ "lists, and lines that go on", "a:b,c@x.org\n  ,d\n\t, e\r\nf : g",
	  "a: b, c@x.org, d, e\nf: g\n", "" },
	{ "quotes and the backslash", "\"a\": \"b\", \\c\n", "a: b, c\n", "" },
	{ "a command among addresses", "a: b, \"|/bin/x -y, z\", c\n",
	  "a: b, c\n",
	  "f:1: a: the command is left out; culverd runs those of "
	  "domains/NAME/aliases only" },
	{ "nothing but a command", "\na: |x\nb: c\n", "b: c\n",
	  "f:2: a: the command is left out; culverd runs those of "
	  "domains/NAME/aliases only" },
	{ "a file", "a: /dev/null\n", "",
	  "f:1: a: the file is left out; culverd writes to none" },
	{ "an include", "a: :include:/x, b\n", "a: b\n",
	  "f:1: a: \":include:\" is left out; culverd includes none" },
	{ "no colon", "# x\nabc\nd: e", "d: e\n",
	  "f:2: \"abc\" is left out" HOW },
	{ "no target", "a:\nd: e\n", "d: e\n", "f:1: \"a:\" is left out" HOW },
	{ "no address", "a: b c\n", "", "f:1: a: left out" HOW },
	{ "a line break in an address", "a: b\n c: d\n", "",
	  "f:1: a: left out" HOW },
	{ "a colon in a name", "\"a:b\": c\n", "", "f:1: a:b: left out" HOW },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(arena_free) struct arena *a = arena_new(1 << 20);
		AUTO(conf_errors_free)
		struct conf_errors *errors = conf_errors_new();
		struct slice got;

		print_message("%s\n", cases[i].name);
		got = system_aliases_read(slice_of(cases[i].text), "f", a,
					  errors);
		assert_int_equal(got.n, strlen(cases[i].want));
		if (got.n > 0)
			assert_memory_equal(got.p, cases[i].want, got.n);
		assert_int_equal(conf_errors_count(errors), 0);
		assert_int_equal(conf_errors_lines(errors),
				 cases[i].warnings[0] != '\0');
		if (conf_errors_lines(errors) > 0)
			assert_string_equal(conf_errors_line(errors, 0),
					    cases[i].warnings);
	}
}

/* The room for what is written is enough, and it parses as our own files do. */
static void test_room(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct aliases *all;
	char text[4000];
	struct slice got;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "a:b\n", 4);
	got = system_aliases_read((struct slice){ text, sizeof(text) }, "f", a,
				  errors);
	assert_int_equal(got.n, 5000);
	all = aliases_parse(got, "f", S("example.com"), "", errors);
	assert_int_equal(aliases_count(all), 1);
	aliases_free(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
