#include "smtp/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
#define L63 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddd"

struct path_case {
	const char *name;
	const char *input;
	const char *local;
	const char *domain;
	const char *rest;
	const char *format; /* NULL: local@domain */
	int no;
	bool is_utf8;
};

static const struct path_case path_cases[] = {
	{ .name = "a plain path",
	  .input = "<user@example.com>",
	  .local = "user",
	  .domain = "example.com" },
	{ .name = "parameters follow the path",
	  .input = "<user@example.com> SIZE=1",
	  .local = "user",
	  .domain = "example.com",
	  .rest = " SIZE=1" },
	{ .name = "the null path", .input = "<>", .format = "" },
	{ .name = "the null path before parameters",
	  .input = "<> RET=HDRS",
	  .rest = " RET=HDRS",
	  .format = "" },
	{ .name = "postmaster needs no domain",
	  .input = "<Postmaster>",
	  .local = "Postmaster",
	  .format = "Postmaster" },
	{ .name = "nobody else does without", .input = "<user>", .no = 4 },
	{ .name = "domains lose their case, local parts keep it",
	  .input = "<User@EXAMPLE.Com>",
	  .local = "User",
	  .domain = "example.com" },
	{ .name = "a source route is dropped",
	  .input = "<@a.example,@b.example:user@c.example>",
	  .local = "user",
	  .domain = "c.example" },
	{ .name = "a source route needs its mailbox",
	  .input = "<@a.example:>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a source route needs its colon",
	  .input = "<@a.example>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a source route needs its at signs",
	  .input = "<@a.example,b.example:user@c.example>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "quotes that are not needed go",
	  .input = "<\"user\"@example.com>",
	  .local = "user",
	  .domain = "example.com" },
	{ .name = "quotes that are needed come back",
	  .input = "<\"a b\"@example.com>",
	  .local = "a b",
	  .domain = "example.com",
	  .format = "\"a b\"@example.com" },
	{ .name = "what looks like the end inside of quotes is none",
	  .input = "<\"a>b@c\\\"\\\\\"@example.com>x",
	  .local = "a>b@c\"\\",
	  .domain = "example.com",
	  .rest = "x",
	  .format = "\"a>b@c\\\"\\\\\"@example.com" },
	{ .name = "an empty quoted string is a local part",
	  .input = "<\"\"@example.com>",
	  .local = "",
	  .domain = "example.com",
	  .format = "\"\"@example.com" },
	{ .name = "every atext octet",
	  .input = "<!#$%&'*+-/=?^_`{|}~.a@example.com>",
	  .local = "!#$%&'*+-/=?^_`{|}~.a",
	  .domain = "example.com" },
	{ .name = "two at signs",
	  .input = "<a@b@example.com>",
	  .no = ADDRESS_DOMAIN },
	{ .name = "two dots in a row",
	  .input = "<a..b@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a dot first",
	  .input = "<.a@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a dot last",
	  .input = "<a.@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a space outside of quotes",
	  .input = "<a b@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a control octet in quotes",
	  .input = "<\"a\tb\"@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a quote that does not end",
	  .input = "<\"a@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "text after a quoted string",
	  .input = "<\"a\"b@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "no brackets",
	  .input = "user@example.com",
	  .no = ADDRESS_SYNTAX },
	{ .name = "no closing bracket",
	  .input = "<user@example.com",
	  .no = ADDRESS_SYNTAX },
	{ .name = "nothing at all", .input = "", .no = ADDRESS_SYNTAX },
	{ .name = "no local part", .input = "<@>", .no = ADDRESS_SYNTAX },
	{ .name = "an empty domain", .input = "<a@>", .no = ADDRESS_SYNTAX },
	{ .name = "a trailing dot",
	  .input = "<a@example.com.>",
	  .no = ADDRESS_DOMAIN },
	{ .name = "an underscore in the domain",
	  .input = "<a@ex_ample.com>",
	  .local = "a",
	  .domain = "ex_ample.com" },
	{ .name = "an IPv4 literal",
	  .input = "<a@[192.0.2.1]>",
	  .local = "a",
	  .domain = "[192.0.2.1]" },
	{ .name = "an IPv6 literal",
	  .input = "<a@[IPv6:2001:DB8::1]>",
	  .local = "a",
	  .domain = "[ipv6:2001:db8::1]" },
	{ .name = "a literal that is no address",
	  .input = "<a@[192.0.2.256]>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "a local part of 64 octets",
	  .input = "<" A64 "@example.com>",
	  .local = A64,
	  .domain = "example.com" },
	{ .name = "a local part of 128 octets: VERP, SRS",
	  .input = "<" A64 A64 "@example.com>",
	  .local = A64 A64,
	  .domain = "example.com" },
	{ .name = "a local part that fills the path",
	  .input = "<" A64 A64 A64 A64 "@a>",
	  .no = ADDRESS_TOO_LONG },
	{ .name = "a label of 64 octets",
	  .input = "<a@" A64 ".com>",
	  .no = ADDRESS_TOO_LONG },
	{ .name = "a path of 256 octets",
	  .input = "<" A64 "@" L63 "." L63 "." L63 ">",
	  .no = ADDRESS_TOO_LONG },
	{ .name = "UTF-8 in the local part",
	  .input = "<jürgen@example.com>",
	  .local = "jürgen",
	  .domain = "example.com",
	  .is_utf8 = true },
	{ .name = "UTF-8 in the domain",
	  .input = "<a@BÜCHER.example>",
	  .local = "a",
	  .domain = "xn--bcher-kva.example",
	  .is_utf8 = true },
	{ .name = "A-labels are not UTF-8",
	  .input = "<a@XN--bcher-kva.example>",
	  .local = "a",
	  .domain = "xn--bcher-kva.example" },
	{ .name = "broken UTF-8",
	  .input = "<a\xff@example.com>",
	  .no = ADDRESS_SYNTAX },
	{ .name = "percent and bang are no routes",
	  .input = "<a!b%c@example.com>",
	  .local = "a!b%c",
	  .domain = "example.com" },
};

static void check_good(const struct path_case *c, const struct address *a,
		       struct arena *arena)
{
	char plain[512];
	struct slice text = address_format(a, arena);
	struct address again;

	assert_true(slice_equal(a->local, slice_of(c->local)));
	assert_true(slice_equal(a->domain, slice_of(c->domain)));
	assert_int_equal(a->is_utf8, c->is_utf8);
	if (c->format == NULL) {
		(void)snprintf(plain, sizeof(plain), "%s@%s", c->local,
			       c->domain);
		assert_true(slice_equal(text, slice_of(plain)));
	} else {
		assert_true(slice_equal(text, slice_of(c->format)));
	}
	if (address_is_null(a))
		return;
	assert_int_equal(address_parse(text, arena, &again), 0);
	assert_true(address_equal(a, &again));
}

static void test_path(void **state)
{
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(path_cases[0]);
	     i++) {
		const struct path_case *c = &path_cases[i];
		struct address a = { .local = S("untouched") };
		struct slice rest = S("untouched");
		int no = address_parse_path(slice_of(c->input), arena, &a,
					    &rest);

		print_message("  %s\n", c->name);
		assert_int_equal(no, c->no);
		if (no == 0) {
			assert_true(slice_equal(rest, slice_of(c->rest)));
			check_good(c, &a, arena);
		} else {
			assert_true(slice_equal(rest, S("untouched")));
			assert_true(slice_equal(a.local, S("untouched")));
		}
	}
	arena_free(&arena);
}

static void test_bare(void **state)
{
	static const struct {
		const char *input;
		int no;
	} cases[] = {
		{ "user@example.com", 0 },
		{ "postmaster", 0 },
		{ "\"a b\"@example.com", 0 },
		{ "", ADDRESS_SYNTAX },
		{ "<user@example.com>", ADDRESS_SYNTAX },
		{ "user@example.com x", ADDRESS_DOMAIN },
		{ "user", ADDRESS_NO_DOMAIN },
		{ "@example.com", ADDRESS_SYNTAX },
	};
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a;

		print_message("  %s\n", cases[i].input);
		assert_int_equal(
			address_parse(slice_of(cases[i].input), arena, &a),
			cases[i].no);
	}
	arena_free(&arena);
}

static void test_predicates(void **state)
{
	const struct address null = { .is_utf8 = false };
	const struct address literal = { .local = S("a"),
					 .domain = S("[192.0.2.1]") };
	const struct address other = { .local = S("A"),
				       .domain = S("[192.0.2.1]") };

	(void)state;
	assert_true(address_is_null(&null));
	assert_false(address_is_null(&literal));
	assert_true(address_is_literal(&literal));
	assert_false(address_is_literal(&null));
	assert_true(address_equal(&literal, &literal));
	assert_false(address_equal(&literal, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_predicates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
