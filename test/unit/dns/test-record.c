#include "dns/record.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LABEL                                                                  \
	"\77aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA256 "0123456789abcdef0123456789abcdef"

static const struct {
	const char *name;
	struct slice rdata;
	const char *want; /* NULL: refused */
} exchanges[] = {
	{ "a host", SLICE("\1\2\1a\3org\0"), "a.org" },
	{ "in capitals", SLICE("\1\2\1A\3oRg\0"), "a.org" },
	{ "the root", SLICE("\1\2\0"), "" },
	{ "an underscore", SLICE("\1\2\2_a\3org\0"), "_a.org" },
	{ "nothing", SLICE(""), NULL },
	{ "no name", SLICE("\1\2"), NULL },
	{ "no root's label", SLICE("\1\2\1a"), NULL },
	{ "a label beyond the end", SLICE("\1\2\5a\0"), NULL },
	{ "octets behind it", SLICE("\1\2\1a\0\0"), NULL },
	{ "a pointer", SLICE("\1\2\xc0\2"), NULL },
	{ "a dot in a label", SLICE("\1\2\3a.b\3org\0"), NULL },
	{ "a NUL in a label", SLICE("\1\2\3a\0b\3org\0"), NULL },
	{ "a space in a label", SLICE("\1\2\3a b\3org\0"), NULL },
	{ "UTF-8 in a label", SLICE("\1\2\2\xc3\xa9\3org\0"), NULL },
	{ "an A-label that is none", SLICE("\1\2\6xn--\xff\xff\3org\0"), NULL },
	{ "a name too long", SLICE("\1\2" LABEL LABEL LABEL LABEL "\0"), NULL },
};

static void test_mx(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		uint16_t preference = 0;
		struct slice name = S("?");
		bool ok = record_mx(exchanges[i].rdata, a, &preference, &name);

		if (ok != (exchanges[i].want != NULL) ||
		    (ok && (preference != 0x102 ||
			    !slice_equal(name, slice_of(exchanges[i].want)))))
			fail_msg("%s: %.*s", exchanges[i].name, (int)name.n,
				 name.p);
	}
}

static void test_name(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);
	struct slice name;

	(void)state;
	assert_true(record_name(S("\2mX\3oRg\0"), a, &name));
	assert_true(slice_equal(name, S("mx.org")));
	assert_false(record_name(S("\0"), a, &name));
	assert_false(record_name(S(""), a, &name));
	assert_false(record_name(S("\2mx"), a, &name));
	assert_false(record_name(S("\3a b\0"), a, &name));
	assert_false(record_name(S("\2\xc3\xa9\3org\0"), a, &name));
}

static const struct {
	struct slice rdata;
	const char *want;
} addresses[] = {
	{ SLICE("\xc0\0\2\1"), "192.0.2.1" },
	{ SLICE("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), "2001:db8::1" },
	{ SLICE("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), "::1" },
	{ SLICE("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL },
	{ SLICE("\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), NULL },
	{ SLICE("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), NULL },
	{ SLICE("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"), NULL },
	{ SLICE("\0\0\0\0"), NULL },
	{ SLICE("\0\1\2\3"), NULL },
	{ SLICE("\xe0\0\0\1"), NULL },
	{ SLICE("\xff\xff\xff\xff"), NULL },
	{ SLICE("\xc0\0\2"), NULL },
	{ SLICE("\xc0\0\2\1\1"), NULL },
	{ SLICE(""), NULL },
};

static void test_address(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct slice text = S("?");
		bool ok = record_address(addresses[i].rdata, a, &text);

		if (ok != (addresses[i].want != NULL) ||
		    (ok && !slice_equal(text, slice_of(addresses[i].want))))
			fail_msg("address %zu: %.*s", i, (int)text.n, text.p);
	}
}

static const struct {
	const char *name;
	struct slice rdata;
	const char *want; /* NULL: refused */
} texts[] = {
	{ "one string", SLICE("\3a b"), "a b" },
	{ "several", SLICE("\2ab\0\3cde\1f"), "abcdef" },
	{ "an empty one", SLICE("\0"), "" },
	{ "any octet", SLICE("\2\xff\x01"), "\xff\x01" },
	{ "as long as it may be", SLICE("\4abcd\4abcd"), "abcdabcd" },
	{ "longer", SLICE("\4abcd\5abcde"), NULL },
	{ "cut", SLICE("\2ab\3cd"), NULL },
	{ "nothing", SLICE(""), NULL },
};

static void test_txt(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct slice text = S("?");
		bool ok = record_txt(texts[i].rdata, 8, a, &text);

		if (ok != (texts[i].want != NULL) ||
		    (ok && !slice_equal(text, slice_of(texts[i].want))))
			fail_msg("%s: %.*s", texts[i].name, (int)text.n,
				 text.p);
	}
}

static const struct {
	const char *name;
	struct slice rdata;
	bool want;
} tlsa[] = {
	{ "3 1 1", SLICE("\3\1\1" SHA256), true },
	{ "3 0 1", SLICE("\3\0\1" SHA256), true },
	{ "2 1 2", SLICE("\2\1\2" SHA256 SHA256), true },
	{ "3 1 0", SLICE("\3\1\0key"), true },
	{ "1 1 1: PKIX", SLICE("\1\1\1" SHA256), false },
	{ "0 0 1: PKIX", SLICE("\0\0\1" SHA256), false },
	{ "a usage unknown", SLICE("\4\1\1" SHA256), false },
	{ "a selector unknown", SLICE("\3\2\1" SHA256), false },
	{ "a matching type unknown", SLICE("\3\1\3" SHA256), false },
	{ "too short", SLICE("\3\1\1" SHA256 "?"), false },
	{ "too long for its type", SLICE("\3\1\2" SHA256), false },
	{ "no data", SLICE("\3\1\0"), false },
	{ "cut", SLICE("\3\1"), false },
	{ "nothing", SLICE(""), false },
};

static void test_tlsa(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tlsa) / sizeof(tlsa[0]); i++)
		if (record_is_usable_tlsa(tlsa[i].rdata) != tlsa[i].want)
			fail_msg("%s", tlsa[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx),      cmocka_unit_test(test_name),
		cmocka_unit_test(test_address), cmocka_unit_test(test_txt),
		cmocka_unit_test(test_tlsa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
