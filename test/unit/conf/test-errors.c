#include "conf/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_where(void **state)
{
	struct conf_errors *e = conf_errors_new();

	(void)state;
	conf_errors_add(e, "culver.conf", 3, "workers", "%d is too much", 99);
	conf_errors_warn(e, "certs/x", 0, NULL, "passed over");
	conf_errors_add(e, NULL, 0, "log", "what\n\x7F?");
	conf_errors_add(e, NULL, 0, NULL, "\xC3\xA4 and \xFF");
	conf_errors_add(e, NULL, 0, NULL, "\xC3\xA4");
	assert_int_equal(conf_errors_count(e), 4);
	assert_int_equal(conf_errors_lines(e), 5);
	assert_string_equal(conf_errors_line(e, 0),
			    "culver.conf:3: workers: 99 is too much");
	assert_string_equal(conf_errors_line(e, 1), "certs/x: passed over");
	assert_string_equal(conf_errors_line(e, 2), "log: what\\x0A\\x7F?");
	assert_string_equal(conf_errors_line(e, 3), "\\xC3\\xA4 and \\xFF");
	assert_string_equal(conf_errors_line(e, 4), "\xC3\xA4");
	assert_false(conf_errors_is_warning(e, 0));
	assert_true(conf_errors_is_warning(e, 1));
	conf_errors_free(&e);
	assert_null(e);
}

static void test_bounds(void **state)
{
	struct conf_errors *e = conf_errors_new();
	char big[9000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < 5000; i++)
		conf_errors_add(e, "f", 1, NULL, "%s", big);
	assert_int_equal(conf_errors_count(e), 5000);
	assert_int_equal(conf_errors_lines(e), 201);
	assert_int_equal(strlen(conf_errors_line(e, 0)), 1000);
	assert_string_equal(conf_errors_line(e, 200),
			    "more than can be shown here");
	conf_errors_free(&e);
}

static void test_long_place(void **state)
{
	struct conf_errors *e = conf_errors_new();
	char file[9000];

	(void)state;
	memset(file, '\x01', sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	conf_errors_add(e, file, 7, "setting", "text");
	assert_int_equal(strlen(conf_errors_line(e, 0)), 4000);
	conf_errors_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_long_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
