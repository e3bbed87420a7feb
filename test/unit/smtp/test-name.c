#include "smtp/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define L63 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddd"

struct name_case {
	const char *name;
	struct slice input;
	struct slice want;
	int no;
};

static const struct name_case domain_cases[] = {
	{ "a name", SLICE("example.com"), SLICE("example.com"), 0 },
	{ "capitals", SLICE("Example.COM"), SLICE("example.com"), 0 },
	{ "a single label", SLICE("localhost"), SLICE("localhost"), 0 },
	{ "digits and hyphens", SLICE("3-a.1.x--y"), SLICE("3-a.1.x--y"), 0 },
	{ "U-labels", SLICE("bücher.example"), SLICE("xn--bcher-kva.example"),
	  0 },
	{ "capital U-labels", SLICE("BÜCHER.example"),
	  SLICE("xn--bcher-kva.example"), 0 },
	{ "decomposed U-labels", SLICE("bu\u0308cher.example"),
	  SLICE("xn--bcher-kva.example"), 0 },
	{ "sharp s stays one, as IDNA2008 has it", SLICE("faß.example"),
	  SLICE("xn--fa-hia.example"), 0 },
	{ "A-labels", SLICE("XN--BCHER-KVA.example"),
	  SLICE("xn--bcher-kva.example"), 0 },
	{ "ideographic dots part labels", SLICE("a\u3002b\uFF0Ec"),
	  SLICE("a.b.c"), 0 },
	{ "full-width letters", SLICE("ｅxample.com"), SLICE("example.com"),
	  0 },
	{ "a label of 63", SLICE(L63 ".com"), SLICE(L63 ".com"), 0 },
	{ "a label of 64", SLICE("x" L63 ".com"), SLICE(""), NAME_TOO_LONG },
	{ "253 octets", SLICE(L63 "." L63 "." L63 ".a" L63), SLICE(""),
	  NAME_TOO_LONG },
	{ "nothing", SLICE(""), SLICE(""), NAME_SYNTAX },
	{ "a root dot", SLICE("example.com."), SLICE(""), NAME_SYNTAX },
	{ "a leading dot", SLICE(".example.com"), SLICE(""), NAME_SYNTAX },
	{ "two dots", SLICE("example..com"), SLICE(""), NAME_SYNTAX },
	{ "an underscore", SLICE("a_b.example"), SLICE("a_b.example"), 0 },
	{ "an underscore beside a U-label", SLICE("a_b.bücher.example"),
	  SLICE("a_b.xn--bcher-kva.example"), 0 },
	{ "hyphens at the ends", SLICE("-a.example"), SLICE(""), NAME_SYNTAX },
	{ "hyphens at the other end", SLICE("a-.example"), SLICE(""),
	  NAME_SYNTAX },
	{ "a space", SLICE("a b.example"), SLICE(""), NAME_SYNTAX },
	{ "a NUL", SLICE("a\0b.example"), SLICE(""), NAME_SYNTAX },
	{ "a slash in disguise", SLICE("a\uFF0Fb.example"), SLICE(""),
	  NAME_SYNTAX },
	{ "an at sign in disguise", SLICE("a\uFF20b.example"), SLICE(""),
	  NAME_SYNTAX },
	{ "a dollar sign beside a U-label", SLICE("a$b.bücher.example"),
	  SLICE(""), NAME_SYNTAX },
	{ "an A-label that decodes to nothing good", SLICE("xn--a.example"),
	  SLICE(""), NAME_SYNTAX },
	{ "an A-label of plain ASCII", SLICE("xn--abc-.example"), SLICE(""),
	  NAME_SYNTAX },
	{ "broken UTF-8", SLICE("a\xc3.example"), SLICE(""), NAME_SYNTAX },
	{ "a soft hyphen alone", SLICE("\u00AD.example"), SLICE(""),
	  NAME_SYNTAX },
};

static const struct name_case user_cases[] = {
	{ "a name", SLICE("user"), SLICE("user"), 0 },
	{ "capitals", SLICE("User.Name+Tag"), SLICE("user.name+tag"), 0 },
	{ "ASCII punctuation", SLICE("a!b\"c@d"), SLICE("a!b\"c@d"), 0 },
	{ "umlauts", SLICE("JÜRGEN"), SLICE("jürgen"), 0 },
	{ "decomposed umlauts", SLICE("JU\u0308RGEN"), SLICE("jürgen"), 0 },
	{ "full-width letters", SLICE("ＵＳＥＲ"), SLICE("user"), 0 },
	{ "half-width katakana", SLICE("\uFF76"), SLICE("\u30AB"), 0 },
	{ "sharp s stays", SLICE("Straße"), SLICE("straße"), 0 },
	{ "sigma at the end", SLICE("ΣΊΣΥΦΟΣ"), SLICE("σίσυφος"), 0 },
	{ "the Angstrom sign is a letter", SLICE("\u212B"), SLICE("å"), 0 },
	{ "Chinese", SLICE("测试"), SLICE("测试"), 0 },
	{ "a Hebrew name", SLICE("\u05D0\u05D1"), SLICE("\u05D0\u05D1"), 0 },
	{ "an Arabic name with its digits", SLICE("\u0627\u0661"),
	  SLICE("\u0627\u0661"), 0 },
	{ "middle dot between two l", SLICE("l·l"), SLICE("l·l"), 0 },
	{ "middle dot elsewhere", SLICE("a·b"), SLICE(""), NAME_SYNTAX },
	{ "both sorts of Arabic digits", SLICE("\u0627\u0661\u06F1"), SLICE(""),
	  NAME_SYNTAX },
	{ "Hebrew before Latin", SLICE("\u05D0a"), SLICE(""), NAME_SYNTAX },
	{ "Latin before Hebrew", SLICE("a\u05D0"), SLICE(""), NAME_SYNTAX },
	{ "a Roman numeral", SLICE("henry\u2163"), SLICE(""), NAME_SYNTAX },
	{ "a chess piece", SLICE("♚"), SLICE(""), NAME_SYNTAX },
	{ "a superscript", SLICE("foo\u00B9"), SLICE(""), NAME_SYNTAX },
	{ "a ligature", SLICE("\uFB01x"), SLICE(""), NAME_SYNTAX },
	{ "a zero-width space", SLICE("a\u200Bü"), SLICE(""), NAME_SYNTAX },
	{ "a joiner", SLICE("a\u200Dü"), SLICE(""), NAME_SYNTAX },
	{ "a joiner after a virama", SLICE("\u0915\u094D\u200D"),
	  SLICE("\u0915\u094D\u200D"), 0 },
	{ "a soft hyphen", SLICE("a\u00ADü"), SLICE(""), NAME_SYNTAX },
	{ "an ideographic space", SLICE("a\u3000ü"), SLICE(""), NAME_SYNTAX },
	{ "an unassigned character", SLICE("a\u0378"), SLICE(""), NAME_SYNTAX },
	{ "private use", SLICE("a\uE000"), SLICE(""), NAME_SYNTAX },
	{ "a space", SLICE("a b"), SLICE(""), NAME_SYNTAX },
	{ "a control octet", SLICE("a\tb"), SLICE(""), NAME_SYNTAX },
	{ "a NUL", SLICE("a\0b"), SLICE(""), NAME_SYNTAX },
	{ "broken UTF-8", SLICE("a\xff"), SLICE(""), NAME_SYNTAX },
	{ "nothing", SLICE(""), SLICE(""), NAME_SYNTAX },
	{ "65 octets", SLICE(L63 "xx"), SLICE(""), NAME_TOO_LONG },
};

typedef int canonical(struct slice, struct arena *, struct slice *);

static void check(const struct name_case *cases, size_t count, canonical *fn)
{
	struct arena *arena = arena_new(1 << 20);

	for (size_t i = 0; i < count; i++) {
		struct slice got = S("untouched"), again;

		print_message("  %s\n", cases[i].name);
		assert_int_equal(fn(cases[i].input, arena, &got), cases[i].no);
		if (cases[i].no != 0) {
			assert_true(slice_equal(got, S("untouched")));
			continue;
		}
		assert_true(slice_equal(got, cases[i].want));
		assert_int_equal(fn(got, arena, &again), 0);
		assert_true(slice_equal(got, again));
	}
	arena_free(&arena);
}

static void test_domain(void **state)
{
	(void)state;
	check(domain_cases, sizeof(domain_cases) / sizeof(domain_cases[0]),
	      name_domain);
}

static void test_user(void **state)
{
	(void)state;
	check(user_cases, sizeof(user_cases) / sizeof(user_cases[0]),
	      name_user);
}

static void test_for_people(void **state)
{
	static const struct {
		struct slice input, want;
	} cases[] = {
		{ SLICE("example.com"), SLICE("example.com") },
		{ SLICE("xn--bcher-kva.example"), SLICE("bücher.example") },
		{ SLICE("[192.0.2.1]"), SLICE("[192.0.2.1]") },
		{ SLICE("xn--a.example"), SLICE("xn--a.example") },
	};
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(slice_equal(
			name_domain_for_people(cases[i].input, arena),
			cases[i].want));
	arena_free(&arena);
}

static void test_literal(void **state)
{
	static const struct {
		const char *input;
		bool want;
	} cases[] = {
		{ "[192.0.2.1]", true },
		{ "[IPv6:2001:db8::1]", true },
		{ "[ipv6:::ffff:192.0.2.1]", true },
		{ "[x-tag:a.b/c]", true },
		{ "[192.0.2]", false },
		{ "[192.0.2.1", false },
		{ "192.0.2.1", false },
		{ "[IPv6:2001:db8::1::]", false },
		{ "[IPv6:]", false },
		{ "[]", false },
		{ "[x:]", false },
		{ "[x:a b]", false },
		{ "[x:a]b]", false },
		{ "[-x:a]", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].input);
		assert_int_equal(name_is_literal(slice_of(cases[i].input)),
				 cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_for_people),
		cmocka_unit_test(test_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
