#include "smtp/xtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_xtext(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct slice text = S("a+b=c d\xc3\xbc~!"), again;
	struct slice coded = xtext_encode(text, arena);

	(void)state;
	assert_true(slice_equal(coded, S("a+2Bb+3Dc+20d+C3+BC~!")));
	assert_true(xtext_decode(coded, arena, &again));
	assert_true(slice_equal(text, again));
	assert_false(xtext_decode(S("a=b"), arena, &again));
	assert_false(xtext_decode(S("a b"), arena, &again));
	assert_false(xtext_decode(S("+0"), arena, &again));
	assert_false(xtext_decode(S("+00"), arena, &again));
	assert_true(xtext_decode(S(""), arena, &again));
	arena_free(&arena);
}

static void test_utf8(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct slice text;

	(void)state;
	assert_true(
		xtext_decode_utf8(S("j\\x{FC}r\xc3\xbc+2Bx"), arena, &text));
	assert_true(slice_equal(text, S("j\xc3\xbcr\xc3\xbc+x")));
	assert_false(xtext_decode_utf8(S("+0A"), arena, &text));
	assert_false(xtext_decode_utf8(S("\\x{7F}"), arena, &text));
	assert_false(xtext_decode_utf8(S("\xfc"), arena, &text));
	arena_free(&arena);
}

static const struct {
	const char *text, *coded;
} encodings[] = {
	{ "a.b@c", "a.b@c" },
	{ "a+b=c\\d", "a\\x{2B}b\\x{3D}c\\x{5C}d" },
	{ "a b\x01", "a\\x{20}b\\x{01}" },
	{ "j\xc3\xbcr@\xe4\xbe\x8b", "j\\x{FC}r@\\x{4F8B}" },
	{ "\xf0\x9f\x90\x8d", "\\x{1F40D}" },
	{ "", "" },
};

static void test_encode_utf8(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct slice again;

	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		const struct slice text = slice_of(encodings[i].text);
		const struct slice coded = xtext_encode_utf8(text, arena);

		assert_true(slice_equal(coded, slice_of(encodings[i].coded)));
		if (slice_has_control(text))
			continue;
		assert_true(xtext_decode_utf8(coded, arena, &again));
		assert_true(slice_equal(again, text));
	}
	/* What is no UTF-8 stays within its octets. */
	(void)xtext_encode_utf8(S("a\xf0"), arena);
	(void)xtext_encode_utf8(S("\xff\xff\xbf"), arena);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_encode_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
