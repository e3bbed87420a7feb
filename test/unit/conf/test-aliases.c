#include "conf/aliases.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* want: what is found as "USER>TARGET,TARGET", then the error's lines. */
#define NO_VIA(hosts)                                                          \
	"1: \"b@x.org via " hosts "\": after \"via\" stand names of hosts, "   \
	"parted by \"/\"; at most 10\n"

static const struct {
	const char *name;
	const char *text;
	const char *find;
	const char *want;
	const char *errors;
} cases[] = {
	{ "an empty file", "", "a", NULL, "" },
	{ "a user of the same domain", "a: b", "a", "b@example.com", "" },
	{ "a list, empty items ignored", "a: b, ,c@x.org,,\n", "a",
	  "b@example.com c@x.org", "" },
	{ "comments and blank lines", "# x: y\n\n   # z\n\ta :\tb\r\n", "a",
	  "b@example.com", "" },
	{ "the left side is folded, and loses drop characters", "A.B: c", "ab",
	  "c@example.com", "" },
	{ "a suffix stays on the left side", "a+x: b", "a+x", "b@example.com",
	  "" },
	{ "our users are folded on the right, others are not",
	  "a: BoB, BoB@EXAMPLE.com, BoB@X.org", "a",
	  "bob@example.com bob@example.com BoB@x.org", "" },
	{ "the catch-all", "*: a\n", "*", "a@example.com", "" },
	{ "the catch-all is no pattern", "*: a\n", "b", NULL, "" },
	{ "the same user elsewhere", "*: *@x.org, *\n", "*",
	  "=x.org =example.com", "" },
	{ "UTF-8 on both sides", "\xC3\x84nne: j\xC3\x96rg@x.org",
	  "\xC3\xA4nne", "j\xC3\x96rg@x.org", "" },
	{ "the later of two holds", "a: b\nc: d\nA: e\n", "a", "e@example.com",
	  "3: \"a\" is also in line 1; this one, the later one, holds\n" },
	{ "the last of three holds", "a: b\na: c\na: d\n", "a", "d@example.com",
	  "2: \"a\" is also in line 1; this one, the later one, holds\n"
	  "3: \"a\" is also in line 2; this one, the later one, holds\n" },
	{ "a colon in the target is part of an address no one has", "a: b:c",
	  "a", NULL,
	  "1: \"b:c\" is no target; USER or USER@DOMAIN, separated by commas, "
	  "and a comment has a line of its own\n" },
	{ "every wrong line is said", "a\n: b\nc:\nd@x: e\nf: ok\n", "f", NULL,
	  "1: no \":\"; write USER: TARGET, TARGET\n"
	  "2: no user before the \":\"; write USER: TARGET\n"
	  "3: no target after the \":\"; write USER: TARGET\n"
	  "4: \"d@x\" has a domain; the file's directory names it, so only the "
	  "user is written here\n" },
	{ "a command", "a: |cat\n", "a", "|cat", "" },
	{ "a command is the whole line", "a : | /bin/cat -n , x: | y \r\n", "a",
	  "|/bin/cat -n , x: | y", "" },
	{ "a command is no target among others", "a: b, | cat\n", "a", NULL,
	  "1: \"| cat\" is no target; USER or USER@DOMAIN, separated by commas, "
	  "and a comment has a line of its own\n" },
	{ "a bar without a command", "a: | \n", "a", NULL,
	  "1: no command after the \"|\"; write USER: | COMMAND ARGUMENTS\n" },
	{ "a command may be anybody's word", "a: | b via c # d\n", "a",
	  "|b via c # d", "" },
	{ "a control character in a command", "a: | b\x07\n", "a", NULL,
	  "1: control characters are not allowed\n" },
	{ "via hosts", "a: b@x.org via H1.x/h2 , c\n", "a",
	  "b@x.org>h1.x/h2 c@example.com", "" },
	{ "via a host, our own user", "a:\tB\tvia  h1\n", "a",
	  "b@example.com>h1", "" },
	{ "via, whoever was asked for", "*: *@x.org via h\n", "*", "=x.org>h",
	  "" },
	{ "via an address", "a: b@x.org via 192.0.2.1\n", "a", NULL,
	  NO_VIA("192.0.2.1") },
	{ "via a port", "a: b@x.org via h:25\n", "a", NULL, NO_VIA("h:25") },
	{ "via nothing between", "a: b@x.org via h1//h2\n", "a", NULL,
	  NO_VIA("h1//h2") },
	{ "via too many", "a: b@x.org via 1a/2/3/4/5/6/7/8/9/10/11\n", "a",
	  NULL, NO_VIA("1a/2/3/4/5/6/7/8/9/10/11") },
	{ "via in a quoted user", "a: \"b via c\"@x.org\n", "a",
	  "b via c@x.org", "" },
	{ "a user may be called via", "via: via\n", "via", "via@example.com",
	  "" },
	{ "a comment after a target", "a: b # c\n", "a", NULL,
	  "1: \"b # c\" is no target; USER or USER@DOMAIN, separated by commas, "
	  "and a comment has a line of its own\n" },
	{ "a domain that is none", "a: b@-\n", "a", NULL,
	  "1: \"b@-\" is no target; USER or USER@DOMAIN, separated by commas, "
	  "and a comment has a line of its own\n" },
	{ "an address literal", "a: b@[127.0.0.1]\n", "a", NULL,
	  "1: \"b@[127.0.0.1]\" is no target; USER or USER@DOMAIN, separated by "
	  "commas, and a comment has a line of its own\n" },
	{ "a user of dropped characters only", "..: b\n", "", NULL,
	  "1: \"..\" is no user name\n" },
	{ "a user with a space", "a b: c\n", "a b", NULL,
	  "1: \"a b\" is no user name\n" },
	{ "what is not UTF-8", "a: b\n\xFF: c\n", "a", NULL,
	  "2: this is not UTF-8\n" },
	{ "control characters", "a: b\x01\n", "a", NULL,
	  "1: control characters are not allowed\n" },
};

static void write_targets(const struct alias *alias, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	assert_int_equal(alias->count == 0, alias->command.n > 0);
	if (alias->command.n > 0)
		(void)snprintf(out, size, "|%.*s", (int)alias->command.n,
			       alias->command.p);
	for (size_t i = 0; i < alias->count; i++) {
		const struct alias_target *t = &alias->targets[i];
		const char *space = i > 0 ? " " : "";

		if (t->is_same_user)
			n += (size_t)snprintf(out + n, size - n, "%s=%.*s",
					      space, (int)t->address.domain.n,
					      t->address.domain.p);
		else
			n += (size_t)snprintf(
				out + n, size - n, "%s%.*s@%.*s", space,
				(int)t->address.local.n, t->address.local.p,
				(int)t->address.domain.n, t->address.domain.p);
		if (t->via.n > 0)
			n += (size_t)snprintf(out + n, size - n, ">%.*s",
					      (int)t->via.n, t->via.p);
	}
}

static void check_found(const struct aliases *all, const char *user,
			const char *want)
{
	const struct alias *found = aliases_find(all, slice_of(user));
	char got[512];

	if (want == NULL) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	write_targets(found, got, sizeof(got));
	assert_string_equal(got, want);
}

static void check_errors(const struct conf_errors *e, const char *want)
{
	char got[2048] = "";
	size_t n = 0;

	for (size_t i = 0; i < conf_errors_lines(e); i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s\n",
				      conf_errors_line(e, i) + 2);
	assert_string_equal(got, want);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf_errors *e = conf_errors_new();
		/* A copy without an end, so that reading beyond is seen. */
		size_t n = strlen(cases[i].text);
		char *text = mem_new(n + (n == 0));
		struct aliases *all;

		print_message("%s\n", cases[i].name);
		memcpy(text, cases[i].text, n);
		all = aliases_parse((struct slice){ .p = text, .n = n }, "f",
				    S("example.com"), ".", e);
		mem_free(&text);
		check_errors(e, cases[i].errors);
		assert_int_equal(all == NULL, conf_errors_count(e) > 0);
		if (all != NULL)
			check_found(all, cases[i].find, cases[i].want);
		aliases_free(&all);
		conf_errors_free(&e);
	}
}

/* The right side alone. */
static const struct {
	const char *name;
	const char *text;
	const char *want; /* NULL: refused */
} right_sides[] = {
	{ "nothing", "", "" },
	{ "blank lines", "\n \r\n", "" },
	{ "a list", " a, B@x.org ,*\n", "a@example.com B@x.org =example.com" },
	{ "a list over lines", "a,\n b\r\n", "a@example.com b@example.com" },
	{ "lines are no list", "a\nb\n", NULL },
	{ "a command", "| cat -n, x\n", "|cat -n, x" },
	{ "a bar", "|\n", NULL },
	{ "a command of two lines", "| a\nb\n", NULL },
	{ "commas alone", ",,", NULL },
	{ "no address", "a b", NULL },
	{ "not UTF-8", "\xff", NULL },
};

static void test_right_sides(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(right_sides); i++) {
		struct conf_errors *e = conf_errors_new();
		struct arena *a = arena_new(1 << 20);
		struct alias alias = { .user = S("u"), .line = 7 };
		bool ok;
		char got[512] = "";

		print_message("%s\n", right_sides[i].name);
		ok = aliases_parse_targets(slice_of(right_sides[i].text),
					   S("example.com"), a, e, &alias);
		assert_int_equal(ok, right_sides[i].want != NULL);
		assert_int_equal(conf_errors_count(e), ok ? 0 : 1);
		assert_int_equal(alias.line, 7);
		if (alias.count > 0 || alias.command.n > 0)
			write_targets(&alias, got, sizeof(got));
		assert_string_equal(got, ok ? right_sides[i].want : "");
		arena_free(&a);
		conf_errors_free(&e);
	}
}

static void test_many(void **state)
{
	struct conf_errors *e = conf_errors_new();
	enum { USERS = 20000 };
	char *text = mem_new(USERS * 32);
	struct aliases *all;
	char user[16];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < USERS; i++)
		n += (size_t)sprintf(text + n, "u%d: v%d, w@x.org\n", i, i);
	all = aliases_parse((struct slice){ .p = text, .n = n }, "f",
			    S("example.com"), "", e);
	assert_non_null(all);
	assert_int_equal(aliases_count(all), USERS);
	for (int i = 0; i < USERS; i += 997) {
		(void)sprintf(user, "u%d", i);
		assert_int_equal(aliases_find(all, slice_of(user))->line,
				 i + 1);
	}
	assert_null(aliases_find(all, S("u20000")));
	aliases_free(&all);
	assert_null(all);
	mem_free(&text);
	conf_errors_free(&e);
}

static void test_too_many_targets(void **state)
{
	struct conf_errors *e = conf_errors_new();
	char *text = mem_new(4096);

	(void)state;
	strcpy(text, "a: ");
	for (int i = 0; i < 1001; i++)
		strcat(text, "b,");
	assert_null(
		aliases_parse(slice_of(text), "f", S("example.com"), "", e));
	assert_string_equal(conf_errors_line(e, 0),
			    "f:1: 1001 targets; at most 1000");
	mem_free(&text);
	conf_errors_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_right_sides),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_too_many_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
