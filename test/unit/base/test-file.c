#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void test_parts(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	char got[6] = "......";

	(void)state;
	assert_int_equal(file_write_at(fd, S("world"), 6), 0);
	assert_int_equal(file_write_at(fd, S("hello "), 0), 0);
	assert_int_equal(file_write_at(fd, S(""), 100), 0);
	assert_int_equal(file_read_at(fd, got, 5, 6), 0);
	assert_memory_equal(got, "world.", 6);
	assert_int_equal(file_read_at(fd, got, 0, 100), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 11);
	close(fd);
}

static void test_trouble(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char got[6];

	(void)state;
	assert_int_equal(file_write_at(fd, S("hello"), 0), 0);
	assert_int_equal(file_read_at(fd, got, 6, 0), -EIO);
	assert_int_equal(file_read_at(fd, got, 1, 5), -EIO);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(file_write_at(fd, S("x"), 0), -EPERM);
	close(fd);
	assert_int_equal(file_read_at(fd, got, 1, 0), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
