#include "mail/authres.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OURS "mx.ours.example"

static const struct {
	const char *name;
	const char *value;
	bool claims;
} claims[] = {
	{ "ours", " mx.ours.example; none", true },
	{ "another's", " mx.other.example; spf=pass", false },
	{ "nothing behind it", "mx.ours.example", true },
	{ "no blank before the semicolon", "mx.ours.example;spf=pass", true },
	{ "capitals", " MX.Ours.EXAMPLE; none", true },
	{ "a version", " mx.ours.example 1; none", true },
	{ "a version that is none of ours", " mx.ours.example 77; none", true },
	{ "folded", "\r\n\tmx.ours.example\r\n 1\r\n ; none", true },
	{ "quoted", " \"mx.ours.example\"; none", true },
	{ "quoted with escapes", " \"m\\x.ours\\.example\"; none", true },
	{ "quoted with a fold", " \"mx.ours\r\n .example\"; none", true },
	{ "quoted in part", " mx.\"ours\".example; none", true },
	{ "a comment before", " (not (really) ours) mx.ours.example; none",
	  true },
	{ "a comment behind", " mx.ours.example(x)1; none", true },
	{ "a comment within", " mx.ours(x).example; none", true },
	{ "a comment with an escape", " (\\)) mx.ours.example; none", true },
	{ "a last dot", " mx.ours.example.; none", true },
	{ "a path behind it", " mx.ours.example/1; none", true },
	{ "a comma behind it", " mx.ours.example,x; none", true },
	{ "an open comment", " (mx.ours.example; spf=pass", true },
	{ "an open quote", " \"mx.other.example; spf=pass", true },
	{ "no id", " ; spf=pass", true },
	{ "nothing", "", true },
	{ "our domain", " ours.example; none", false },
	{ "a host below ours", " a.mx.ours.example; none", false },
	{ "ours in front of another", " mx.ours.example.evil.example; none",
	  false },
	{ "ours in a comment only", " mx.other.example (mx.ours.example); none",
	  false },
	{ "a name that is none", " rspamd; none", false },
	{ "octets that are no UTF-8", " \xff\xfe; none", false },
};

static void test_claims(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		print_message("%s\n", claims[i].name);
		assert_int_equal(
			authres_claims(slice_of(claims[i].value), S(OURS)),
			claims[i].claims);
	}
}

static void test_claims_idn(void **state)
{
	(void)state;
	assert_true(authres_claims(S("m\xc3\xbcx.example; none"),
				   S("xn--mx-xka.example")));
	assert_true(authres_claims(S("M\xc3\x9cX.example; none"),
				   S("xn--mx-xka.example")));
	assert_true(authres_claims(S("XN--MX-XKA.example; none"),
				   S("xn--mx-xka.example")));
	assert_false(authres_claims(S("mux.example; none"),
				    S("xn--mx-xka.example")));
}

static void test_long_id(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_false(
		authres_claims((struct slice){ text, sizeof(text) }, S(OURS)));
	memset(text, '"', sizeof(text) - 1);
	assert_true(authres_claims((struct slice){ text, sizeof(text) - 1 },
				   S(OURS)));
}

static const struct {
	const char *name;
	struct authres_info info;
	struct authres_property property;
	const char *want;
} infos[] = {
	{ "a bare result",
	  { .method = SLICE("spf") },
	  { .name = SLICE("x") },
	  "spf=none" },
	{ "a domain",
	  { .method = SLICE("dkim"), .result = AUTHRES_PASS },
	  { SLICE("header.d"), SLICE("a-b.example") },
	  "dkim=pass header.d=a-b.example" },
	{ "an address",
	  { .method = SLICE("spf"), .result = AUTHRES_SOFTFAIL },
	  { SLICE("smtp.mailfrom"), SLICE("a+b@c.example") },
	  "spf=softfail smtp.mailfrom=a+b@c.example" },
	{ "base64",
	  { .method = SLICE("dkim"), .result = AUTHRES_FAIL },
	  { SLICE("header.b"), SLICE("aB/9+c=") },
	  "dkim=fail header.b=\"aB/9+c=\"" },
	{ "what could end a string",
	  { .method = SLICE("spf"), .result = AUTHRES_FAIL },
	  { SLICE("smtp.mailfrom"), SLICE("\"a\\\"; dkim=pass\"@c") },
	  "spf=fail smtp.mailfrom=\"?a??; dkim=pass?@c\"" },
	{ "what could end a line",
	  { .method = SLICE("spf"), .result = AUTHRES_FAIL },
	  { SLICE("smtp.helo"), SLICE("a\r\nX: y\0z\x7f") },
	  "spf=fail smtp.helo=\"a  X: y?z?\"" },
	{ "what could end a comment",
	  { .method = SLICE("dkim"),
	    .result = AUTHRES_PERMERROR,
	    .comment = SLICE("no) key\r\n(x\\") },
	  { .name = SLICE("x") },
	  "dkim=permerror (no? key  ?x?)" },
	{ "UTF-8 stays",
	  { .method = SLICE("spf"), .result = AUTHRES_PASS },
	  { SLICE("smtp.mailfrom"), SLICE("j\xc3\xb6@c.example") },
	  "spf=pass smtp.mailfrom=\"j\xc3\xb6@c.example\"" },
	{ "what is no UTF-8 does not",
	  { .method = SLICE("spf"), .result = AUTHRES_PASS },
	  { SLICE("smtp.mailfrom"), SLICE("j\xc3@c.example") },
	  "spf=pass smtp.mailfrom=\"j?@c.example\"" },
};

static void test_resinfo(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		AUTO(arena_free) struct arena *a = arena_new(1 << 16);
		struct authres_info info = infos[i].info;

		print_message("%s\n", infos[i].name);
		info.properties = &infos[i].property;
		info.property_count = 1;
		assert_string_equal(authres_resinfo(&info, a).p, infos[i].want);
	}
	assert_string_equal(authres_word(AUTHRES_COUNT), "?");
}

static void test_format(void **state)
{
	static const struct slice results[] = {
		SLICE("spf=pass smtp.mailfrom=a@b.example"),
		SLICE("dkim=pass header.d=a-long-domain-name.b.example"
		      " header.s=a-long-selector header.b=abcdefgh"),
		SLICE("dmarc=pass\r\nX-Evil: yes"),
	};
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);

	(void)state;
	assert_string_equal(
		authres_format(S(OURS), results, 0, a).p,
		"Authentication-Results: mx.ours.example; none\r\n");
	assert_string_equal(
		authres_format(S(OURS), results, 3, a).p,
		"Authentication-Results: mx.ours.example;\r\n"
		"    spf=pass smtp.mailfrom=a@b.example;\r\n"
		"    dkim=pass header.d=a-long-domain-name.b.example"
		" header.s=a-long-selector\r\n"
		"      header.b=abcdefgh;\r\n"
		"    dmarc=pass X-Evil: yes\r\n");
	assert_true(authres_claims(
		slice_tail(authres_format(S(OURS), results, 3, a), 23),
		S(OURS)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_claims_idn),
		cmocka_unit_test(test_long_id),
		cmocka_unit_test(test_resinfo),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
