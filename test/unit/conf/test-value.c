#include "conf/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	const char *text;
	bool is_seconds;
	bool is_good;
	uint64_t want;
	const char *written;
} numbers[] = {
	{ "100", false, true, 100, "100" },
	{ "64K", false, true, 65536, "64K" },
	{ "50M", false, true, 52428800, "50M" },
	{ "1024M", false, true, 1ULL << 30, "1G" },
	{ "1T", false, true, 1ULL << 40, "1T" },
	{ "0", false, true, 0, "0" },
	{ "65537", false, true, 65537, "65537" },
	{ "50m", false, false, 0, NULL },
	{ "50 M", false, false, 0, NULL },
	{ "M", false, false, 0, NULL },
	{ "", false, false, 0, NULL },
	{ "-1", false, false, 0, NULL },
	{ "1.5M", false, false, 0, NULL },
	{ "18446744073709551615", false, true, UINT64_MAX,
	  "18446744073709551615" },
	{ "18446744073709551616", false, false, 0, NULL },
	{ "18446744073709551615K", false, false, 0, NULL },
	{ "20s", true, true, 20, "20s" },
	{ "20", true, true, 20, "20s" },
	{ "5m", true, true, 300, "5m" },
	{ "90s", true, true, 90, "90s" },
	{ "120m", true, true, 7200, "2h" },
	{ "5d", true, true, 432000, "5d" },
	{ "5K", true, false, 0, NULL },
	{ "5dd", true, false, 0, NULL },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct arena *a = arena_new(4096);
		struct slice text = slice_of(numbers[i].text);
		uint64_t value = 0;
		bool is_good = numbers[i].is_seconds
				       ? value_seconds(text, &value)
				       : value_octets(text, &value);

		print_message("%s\n", numbers[i].text);
		assert_int_equal(is_good, numbers[i].is_good);
		assert_true(value == numbers[i].want);
		if (is_good)
			assert_string_equal(
				numbers[i].is_seconds
					? value_write_seconds(value, a)
					: value_write_octets(value, a),
				numbers[i].written);
		arena_free(&a);
	}
}

static const struct {
	const char *text;
	bool want;
} addresses[] = {
	{ "127.0.0.1:25", true },
	{ "0.0.0.0:65535", true },
	{ "[::1]:25", true },
	{ "[2001:db8::1]:587", true },
	{ "[::ffff:192.0.2.1]:587", true },
	{ "127.0.0.1", false },
	{ "127.0.0.1:", false },
	{ "127.0.0.1:0", false },
	{ "127.0.0.1:65536", false },
	{ "127.0.0.1:+25", false },
	{ "127.1:25", false },
	{ "::1:25", false },
	{ "[::1]", false },
	{ "[]:25", false },
	{ "[127.0.0.1]:25", false },
	{ ":25", false },
	{ "*:25", false },
	{ "localhost:25", false },
	{ "", false },
	{ "[fe80::1%eth0]:25", false },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:25",
	  false },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		print_message("%s\n", addresses[i].text);
		assert_int_equal(
			value_is_address_port(slice_of(addresses[i].text)),
			addresses[i].want);
	}
}

static void test_paths(void **state)
{
	(void)state;
	assert_true(value_is_path(S("/run/culver")));
	assert_true(value_is_path(S("/")));
	assert_false(value_is_path(S("run/culver")));
	assert_false(value_is_path(S("/run\n")));
	assert_false(value_is_path(S("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
