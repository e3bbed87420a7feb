#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct slice none = { .p = NULL, .n = 0 };

static void test_parts(void **state)
{
	struct slice s = S("abcdef");

	(void)state;
	assert_true(slice_equal(slice_head(s, 2), S("ab")));
	assert_true(slice_equal(slice_head(s, 9), s));
	assert_true(slice_equal(slice_tail(s, 2), S("cdef")));
	assert_int_equal(slice_tail(s, 6).n, 0);
	assert_int_equal(slice_tail(s, 9).n, 0);
	assert_int_equal(slice_tail(none, 1).n, 0);
	assert_int_equal(slice_of(NULL).n, 0);
	assert_int_equal(slice_of("ab").n, 2);
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(slice_equal(none, S("")));
	assert_true(slice_equal(S("a\0b"), S("a\0b")));
	assert_false(slice_equal(S("a\0b"), S("a\0c")));
	assert_false(slice_equal(S("a"), S("ab")));
	assert_true(slice_equal_nocase(S("aBz@["), S("AbZ@[")));
	assert_false(slice_equal_nocase(S("@"), S("`")));
	assert_false(slice_equal_nocase(S("["), S("{")));
	assert_false(slice_equal_nocase(S("\xc4"), S("\xe4")));
	assert_true(slice_starts(S("abc"), S("ab")));
	assert_true(slice_starts(S("abc"), none));
	assert_false(slice_starts(S("a"), S("ab")));
	assert_false(slice_starts(S("ABc"), S("ab")));
	assert_true(slice_starts_nocase(S("ABc"), S("ab")));
	assert_true(slice_ends_nocase(S("abC"), S("Bc")));
	assert_false(slice_ends_nocase(S("c"), S("bc")));
	assert_true(slice_ends_nocase(S("c"), none));
}

static void test_find(void **state)
{
	struct slice s = S("a.b.c");

	(void)state;
	assert_int_equal(slice_find(s, '.'), 1);
	assert_int_equal(slice_find_last(s, '.'), 3);
	assert_int_equal(slice_find(s, 'x'), 5);
	assert_int_equal(slice_find_last(s, 'x'), 5);
	assert_int_equal(slice_find(none, 'x'), 0);
	assert_int_equal(slice_find_last(none, 'x'), 0);
	assert_int_equal(slice_find_slice(s, S(".c")), 3);
	assert_int_equal(slice_find_slice(s, S("cc")), 5);
	assert_int_equal(slice_find_slice(s, none), 0);
	assert_int_equal(slice_find_slice(none, S("a")), 0);
}

static void test_cut(void **state)
{
	static const struct {
		struct slice in, head, rest;
		bool cut;
	} cases[] = {
		{ SLICE("a=b"), SLICE("a"), SLICE("b"), true },
		{ SLICE("a=b=c"), SLICE("a"), SLICE("b=c"), true },
		{ SLICE("a="), SLICE("a"), SLICE(""), true },
		{ SLICE("=b"), SLICE(""), SLICE("b"), true },
		{ SLICE("ab"), SLICE("ab"), SLICE(""), false },
		{ SLICE(""), SLICE(""), SLICE(""), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice in = cases[i].in, head, rest;

		assert_int_equal(slice_cut(in, '=', &head, &rest),
				 cases[i].cut);
		assert_true(slice_equal(head, cases[i].head));
		assert_true(slice_equal(rest, cases[i].rest));
		/* The outputs may be the input. */
		assert_int_equal(slice_cut(in, '=', &head, &in), cases[i].cut);
		assert_true(slice_equal(in, cases[i].rest));
	}
}

static void test_trim(void **state)
{
	(void)state;
	assert_true(slice_equal(slice_trim(S(" \t a b\t ")), S("a b")));
	assert_int_equal(slice_trim(S(" \t ")).n, 0);
	assert_true(slice_equal(slice_trim(S("\na")), S("\na")));
	assert_int_equal(slice_trim(none).n, 0);
}

static void test_octets(void **state)
{
	(void)state;
	assert_true(slice_has_control(S("a\0b")));
	assert_true(slice_has_control(S("a\x1f")));
	assert_true(slice_has_control(S("a\x7f")));
	assert_false(slice_has_control(S("a b\x80~")));
	assert_true(slice_has_high(S("a\x80")));
	assert_false(slice_has_high(S("a\x7f")));
	assert_true(slice_is_utf8(S("a\0üﬀ😀")));
	assert_true(slice_is_utf8(none));
	assert_false(slice_is_utf8(S("\xc0\xaf")));
	assert_false(slice_is_utf8(S("\xed\xa0\x80")));
	assert_false(slice_is_utf8(S("\xf4\x90\x80\x80")));
	assert_false(slice_is_utf8(S("\xc3")));
}

static void test_number(void **state)
{
	static const struct {
		struct slice in;
		uint64_t max;
		bool good;
		uint64_t want;
	} cases[] = {
		{ SLICE("0"), 0, true, 0 },
		{ SLICE("1"), 0, false, 0 },
		{ SLICE("007"), 7, true, 7 },
		{ SLICE("8"), 7, false, 0 },
		{ SLICE("100"), 99, false, 0 },
		{ SLICE("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
		{ SLICE("18446744073709551616"), UINT64_MAX, false, 0 },
		{ SLICE("99999999999999999999"), UINT64_MAX, false, 0 },
		{ SLICE(""), 9, false, 0 },
		{ SLICE("-1"), 9, false, 0 },
		{ SLICE("+1"), 9, false, 0 },
		{ SLICE(" 1"), 9, false, 0 },
		{ SLICE("1\0"), 9, false, 0 },
		{ SLICE("1a"), 9, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t got = 42;

		assert_int_equal(slice_to_u64(cases[i].in, cases[i].max, &got),
				 cases[i].good);
		assert_int_equal(got, cases[i].good ? cases[i].want : 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),  cmocka_unit_test(test_equal),
		cmocka_unit_test(test_find),   cmocka_unit_test(test_cut),
		cmocka_unit_test(test_trim),   cmocka_unit_test(test_octets),
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
