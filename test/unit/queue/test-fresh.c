#include "queue/fresh.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_each_is_taken_once(void **state)
{
	struct fresh f = { .count = 0 };
	int first = some_fd(), second = some_fd();

	(void)state;
	fresh_add(&f, 7, first);
	fresh_add(&f, 8, second);
	assert_int_equal(fresh_take(&f, 9), -1);
	assert_int_equal(fresh_take(&f, 8), second);
	assert_int_equal(fresh_take(&f, 8), -1);
	fresh_clear(&f);
	assert_false(is_open(first));
	assert_true(is_open(second));
	assert_int_equal(fresh_take(&f, 7), -1);
	(void)close(second);
}

static void test_too_many_are_closed(void **state)
{
	struct fresh f = { .count = 0 };
	int last;

	(void)state;
	for (uint64_t i = 0; i < FRESH_MAX; i++)
		fresh_add(&f, i + 1, some_fd());
	last = some_fd();
	fresh_add(&f, FRESH_MAX + 1, last);
	assert_false(is_open(last));
	assert_int_equal(fresh_take(&f, FRESH_MAX + 1), -1);
	fresh_clear(&f);
	fresh_add(&f, 1, some_fd());
	last = fresh_take(&f, 1);
	assert_true(is_open(last));
	(void)close(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_taken_once),
		cmocka_unit_test(test_too_many_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
