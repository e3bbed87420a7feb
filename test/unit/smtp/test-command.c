#include "smtp/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define L63 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddd"

static void test_parse(void **state)
{
	static const struct {
		struct slice line;
		enum verb verb;
		struct slice args;
	} cases[] = {
		{ SLICE("EHLO mx.example.com"), VERB_EHLO,
		  SLICE("mx.example.com") },
		{ SLICE("helo x"), VERB_HELO, SLICE("x") },
		{ SLICE("Quit"), VERB_QUIT, SLICE("") },
		{ SLICE("QUIT \t "), VERB_QUIT, SLICE("") },
		{ SLICE("MAIL FROM:<> SIZE=1 "), VERB_MAIL,
		  SLICE("FROM:<> SIZE=1") },
		{ SLICE("MAIL  FROM:<>"), VERB_MAIL, SLICE(" FROM:<>") },
		{ SLICE("STARTTLS"), VERB_STARTTLS, SLICE("") },
		{ SLICE("BDAT 1 LAST"), VERB_BDAT, SLICE("1 LAST") },
		{ SLICE("QUITE"), VERB_UNKNOWN, SLICE("") },
		{ SLICE("QUIT\0"), VERB_UNKNOWN, SLICE("") },
		{ SLICE(" QUIT"), VERB_UNKNOWN, SLICE("QUIT") },
		{ SLICE(""), VERB_UNKNOWN, SLICE("") },
		{ SLICE("   "), VERB_UNKNOWN, SLICE("") },
		{ SLICE("GET / HTTP/1.1"), VERB_HTTP, SLICE("/ HTTP/1.1") },
		{ SLICE("Host: example.com"), VERB_HTTP, SLICE("example.com") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command c = command_parse(cases[i].line);

		print_message("  %s\n", cases[i].line.p);
		assert_int_equal(c.verb, cases[i].verb);
		assert_true(slice_equal(c.args, cases[i].args));
	}
}

static void test_verb_names(void **state)
{
	(void)state;
	assert_string_equal(verb_name(VERB_UNKNOWN), "?");
	assert_string_equal(verb_name(VERB_HTTP), "HTTP");
	for (int v = VERB_HELO; v < VERB_HTTP; v++)
		assert_int_equal(
			command_parse(slice_of(verb_name((enum verb)v))).verb,
			v);
}

static void test_keyword(void **state)
{
	struct slice rest = S("untouched");

	(void)state;
	assert_false(command_strip_keyword(S("TO:<a>"), S("FROM:"), &rest));
	assert_false(command_strip_keyword(S("FROM <a>"), S("FROM:"), &rest));
	assert_true(slice_equal(rest, S("untouched")));
	assert_true(command_strip_keyword(S("From:<a>"), S("FROM:"), &rest));
	assert_true(slice_equal(rest, S("<a>")));
	assert_true(command_strip_keyword(S("FROM: <a>"), S("FROM:"), &rest));
	assert_true(slice_equal(rest, S("<a>")));
}

static void test_hello(void **state)
{
	static const struct {
		struct slice name;
		bool want;
	} cases[] = {
		{ SLICE("mx.example.com"), true },
		{ SLICE("localhost"), true },
		{ SLICE("WIN_PC-1"), true },
		{ SLICE("example.com."), true },
		{ SLICE("[192.0.2.1]"), true },
		{ SLICE("[IPv6:2001:db8::1]"), true },
		{ SLICE("192.0.2.1"), true },
		{ SLICE(""), false },
		{ SLICE("."), false },
		{ SLICE("a..b"), false },
		{ SLICE("a b"), false },
		{ SLICE("a\0b"), false },
		{ SLICE("-a"), false },
		{ SLICE("a(b)"), false },
		{ SLICE("[192.0.2.1"), false },
		{ SLICE("[]"), false },
		{ SLICE("bücher.example"), false },
		{ SLICE(L63 "x.example"), false },
		{ SLICE(L63 "." L63 "." L63 "." L63), true },
		{ SLICE(L63 "." L63 "." L63 "." L63 ".a"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].name.p);
		assert_int_equal(command_is_hello_name(cases[i].name),
				 cases[i].want);
	}
}

static void test_bdat(void **state)
{
	static const struct {
		const char *args;
		bool good;
		uint64_t octets;
		bool last;
	} cases[] = {
		{ "0", true, 0, false },
		{ "86", true, 86, false },
		{ "0 LAST", true, 0, true },
		{ "12 last", true, 12, true },
		{ "9007199254740992", true, UINT64_C(1) << 53, false },
		{ "9007199254740993", false, 0, false },
		{ "18446744073709551617", false, 0, false },
		{ "", false, 0, false },
		{ "LAST", false, 0, false },
		{ "-1", false, 0, false },
		{ "+1", false, 0, false },
		{ "1x", false, 0, false },
		{ "0x10", false, 0, false },
		{ "1 LASTS", false, 0, false },
		{ "1 LAST x", false, 0, false },
		{ "1  LAST", false, 0, false },
		{ " 1", false, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t octets = 7;
		bool last = false;

		print_message("  BDAT %s\n", cases[i].args);
		assert_int_equal(command_parse_bdat(slice_of(cases[i].args),
						    &octets, &last),
				 cases[i].good);
		assert_int_equal(octets, cases[i].good ? cases[i].octets : 7);
		assert_int_equal(last, cases[i].last);
	}
}

static void test_base64(void **state)
{
	static const struct {
		struct slice text;
		bool want;
	} cases[] = {
		{ SLICE(""), true },      { SLICE("QUJD"), true },
		{ SLICE("QUI="), true },  { SLICE("QQ=="), true },
		{ SLICE("+/+/"), true },  { SLICE("="), false },
		{ SLICE("===="), false }, { SLICE("Q==="), false },
		{ SLICE("QQ="), false },  { SLICE("QQ"), false },
		{ SLICE("Q=Q="), false }, { SLICE("QUJD\n"), false },
		{ SLICE("QU D"), false }, { SLICE("QU\0D"), false },
		{ SLICE("QU_-"), false }, { SLICE("QQ==QQ=="), false },
		{ SLICE("*"), false },    { SLICE("QUJ\xc3"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("  %s\n", cases[i].text.p);
		assert_int_equal(command_is_base64(cases[i].text),
				 cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_verb_names),
		cmocka_unit_test(test_keyword),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
