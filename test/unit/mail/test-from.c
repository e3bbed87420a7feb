#include "mail/from.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REST "Subject: From: x@y\r\n\tFrom: z@y\r\n\r\nFrom: body@y\r\n"

/* want: the addresses, a "|", the domains; each with a blank behind. */
static const struct {
	const char *name;
	const char *section;
	enum from_state state;
	const char *want;
} cases[] = {
	{ "one author", "From: a@B.example\r\n" REST, FROM_OK,
	  "a@B.example |b.example " },
	{ "with a name", "From: \"B, A\" <a@b.example>\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "a name that is another address",
	  "From: ceo@ours.example <a@b.example>\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "an encoded word hides nothing",
	  "From: =?utf-8?q?ceo=40ours.example?= <a@b.example>\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "any case, and blanks before the colon", "fROM \t: a@b.example\r\n",
	  FROM_OK, "a@b.example |b.example " },
	{ "folded between any two tokens",
	  "From:\r\n A\r\n\t<a\r\n @b.\r\n example>\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "comments inside of the address",
	  "From: a(@ours.example)@(x)b(\r\n .y).example\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "a quoted local part with an at sign",
	  "From: \"x@ours.example\"@b.example\r\n", FROM_OK,
	  "\"x@ours.example\"@b.example |b.example " },
	{ "two authors of one domain", "From: a@b.example, c@B.EXAMPLE\r\n",
	  FROM_OK, "a@b.example c@B.EXAMPLE |b.example " },
	{ "two authors of two domains", "From: a@b.example, c@d.example\r\n",
	  FROM_OK, "a@b.example c@d.example |b.example d.example " },
	{ "a group", "From: Team: a@b.example, C <c@d.example>;\r\n", FROM_OK,
	  "a@b.example c@d.example |b.example d.example " },
	{ "a route", "From: <@ours.example:a@b.example>\r\n", FROM_OK,
	  "a@b.example |b.example " },
	{ "U-labels are A-labels", "From: a@b\xc3\xbc.example\r\n", FROM_OK,
	  "a@b\xc3\xbc.example |xn--b-eha.example " },
	{ "a full-width dot is a dot",
	  "From: a@b\xe3\x80\x82"
	  "example\r\n",
	  FROM_OK,
	  "a@b\xe3\x80\x82"
	  "example |b.example " },
	{ "a last dot", "From: a@b.example.\r\n", FROM_OK,
	  "a@b.example. |b.example " },
	{ "a literal", "From: a@[192.0.2.1]\r\n", FROM_OK,
	  "a@[192.0.2.1] |[192.0.2.1] " },
	{ "one without a domain beside one with it",
	  "From: root, a@b.example\r\n", FROM_OK, "a@b.example |b.example " },
	{ "four domains", "From: a@b, a@c, a@d, a@e\r\n", FROM_OK,
	  "a@b a@c a@d a@e |b c d e " },
	{ "five domains", "From: a@b, a@c, a@d, a@e, a@f\r\n", FROM_TOO_MANY,
	  "|" },
	{ "none", "To: a@b\r\n\r\nFrom: a@b\r\n", FROM_MISSING, "|" },
	{ "nothing at all", "", FROM_MISSING, "|" },
	{ "two fields", "From: a@b\r\nfrom : a@b\r\n", FROM_REPEATED, "|" },
	{ "two fields, one empty", "From: a@b\r\nFrom:\r\n", FROM_REPEATED,
	  "|" },
	{ "behind a line that is no field there is none",
	  "X: y\r\nno field\r\nFrom: a@b\r\n", FROM_MISSING, "|" },
	{ "a body that is empty", "From: \r\n", FROM_WITHOUT_DOMAIN, "|" },
	{ "a group without members", "From: undisclosed:;\r\n",
	  FROM_WITHOUT_DOMAIN, "|" },
	{ "a name alone", "From: root\r\n", FROM_WITHOUT_DOMAIN, "|" },
	{ "nobody", "From: <>\r\n", FROM_WITHOUT_DOMAIN, "|" },
	{ "nobody with a name", "From: Mail System <>\r\n", FROM_WITHOUT_DOMAIN,
	  "|" },
	{ "an address in front of nobody", "From: a@ours.example <>\r\n",
	  FROM_UNREADABLE, "|" },
	{ "two behind each other", "From: <a@b> <c@ours.example>\r\n",
	  FROM_UNREADABLE, "|" },
	{ "two at signs", "From: a@b@ours.example\r\n", FROM_UNREADABLE, "|" },
	{ "an open comment", "From: a@b (@ours.example\r\n", FROM_UNREADABLE,
	  "|" },
	{ "an open quote", "From: \"a@ours.example <b@c>\r\n", FROM_UNREADABLE,
	  "|" },
	{ "an open angle", "From: x <a@ours.example\r\n", FROM_UNREADABLE,
	  "|" },
	{ "no domain name", "From: a@-b.example\r\n", FROM_UNREADABLE, "|" },
	{ "octets that are no UTF-8", "From: a@\xff.example\r\n",
	  FROM_UNREADABLE, "|" },
	{ "a control octet", "From: a\001@b.example\r\n", FROM_UNREADABLE,
	  "|" },
};

static size_t put(char *out, size_t size, const struct slice *items, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, size - at, "%.*s ",
				       (int)items[i].n, items[i].p);
	return at;
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(arena_free) struct arena *a = arena_new(FROM_ARENA_OCTETS);
		struct from from;
		char got[400];
		size_t n;

		print_message("%s\n", cases[i].name);
		from_read(slice_of(cases[i].section), S("from"), a, &from);
		assert_int_equal(from.state, cases[i].state);
		n = put(got, sizeof(got), from.addresses, from.address_count);
		got[n++] = '|';
		got[n] = '\0';
		(void)put(got + n, sizeof(got) - n, from.domains,
			  from.domain_count);
		assert_string_equal(got, cases[i].want);
		assert_true((from_words(from.state)[0] == '\0') ==
			    (from.state == FROM_OK));
	}
}

/* A NUL ends nothing. */
static void test_nul(void **state)
{
	static const char text[] = "From: a@b.example\0, c@ours.example\r\n";
	AUTO(arena_free) struct arena *a = arena_new(FROM_ARENA_OCTETS);
	struct from from;

	(void)state;
	from_read((struct slice){ text, sizeof(text) - 1 }, S("from"), a,
		  &from);
	assert_int_equal(from.state, FROM_UNREADABLE);
}

static void test_other_field(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(FROM_ARENA_OCTETS);
	struct from from;

	(void)state;
	from_read(S("From: a@b.example\r\nSender: c@d.example\r\n\r\n"),
		  S("sender"), a, &from);
	assert_int_equal(from.state, FROM_OK);
	assert_int_equal(from.domain_count, 1);
	assert_true(slice_equal(from.domains[0], S("d.example")));
}

static void test_bounds(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(FROM_ARENA_OCTETS);
	char text[FROM_OCTETS + 1];
	struct from from;

	(void)state;
	memset(text, '(', sizeof(text));
	from_parse((struct slice){ text, sizeof(text) }, a, &from);
	assert_int_equal(from.state, FROM_TOO_MANY);
	from_parse((struct slice){ text, sizeof(text) - 1 }, a, &from);
	assert_int_equal(from.state, FROM_UNREADABLE);
	for (size_t i = 0; i + 4 <= sizeof(text); i += 4)
		memcpy(text + i, "a@b,", 4);
	from_parse((struct slice){ text, 4 * FROM_ADDRESSES_MAX }, a, &from);
	assert_int_equal(from.state, FROM_OK);
	assert_int_equal(from.address_count, FROM_ADDRESSES_MAX);
	from_parse((struct slice){ text, 4 * FROM_ADDRESSES_MAX + 4 }, a,
		   &from);
	assert_int_equal(from.state, FROM_TOO_MANY);
	from_parse((struct slice){ text, sizeof(text) - 1 }, a, &from);
	assert_int_equal(from.state, FROM_TOO_MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_other_field),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
