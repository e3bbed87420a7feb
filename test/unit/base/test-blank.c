#include "base/blank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_octets(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++)
		assert_int_equal(blank_is((char)c),
				 c == 32 || c == 9 || c == 13 || c == 10);
}

static void test_trim(void **state)
{
	static const struct slice none = { .p = NULL };

	(void)state;
	assert_true(slice_equal(blank_trim(S(" \t\r\n a\r\n b \r\n\t")),
				S("a\r\n b")));
	assert_true(slice_equal(blank_trim(S("\va\f")), S("\va\f")));
	assert_int_equal(blank_trim(S(" \r\n\t")).n, 0);
	assert_int_equal(blank_trim(none).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
