#include "mail/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const struct {
	const char *zone;
	int64_t t;
	const char *want;
} cases[] = {
	{ "UTC", 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ "UTC", 1795255440, "Sat, 21 Nov 2026 10:04:00 +0000" },
	{ "CET-1", 1795255440, "Sat, 21 Nov 2026 11:04:00 +0100" },
	{ "IST-5:30", 1795255440, "Sat, 21 Nov 2026 15:34:00 +0530" },
	{ "NST3:30", 1795255440, "Sat, 21 Nov 2026 06:34:00 -0330" },
	{ "UTC", 4102444799, "Thu, 31 Dec 2099 23:59:59 +0000" },
};

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[DATE_OCTETS];

		assert_int_equal(setenv("TZ", cases[i].zone, 1), 0);
		tzset();
		date_format(cases[i].t, text);
		assert_string_equal(text, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_format) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
