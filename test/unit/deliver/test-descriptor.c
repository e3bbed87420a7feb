#include "deliver/descriptor.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OCTETS = 10 };

static const struct {
	const char *name;
	int seals;
	uint64_t octets;
	bool want;
} cases[] = {
	{ "all seals", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, 10, true },
	{ "sealed for good",
	  F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, 10, true },
	{ "more than is asked for", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
	  9, true },
	{ "too short", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, 11, false },
	{ "no seals", 0, 10, false },
	{ "can be written", F_SEAL_SHRINK | F_SEAL_GROW, 10, false },
	{ "can shrink", F_SEAL_WRITE | F_SEAL_GROW, 10, false },
};

static void test_memfds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(fd_close)
		int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		assert_int_equal(ftruncate(fd, OCTETS), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, cases[i].seals), 0);
		if (descriptor_is_fit(fd, cases[i].octets) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

static void test_others(void **state)
{
	char path[] = "/tmp/culver-test-XXXXXX";
	AUTO(fd_close) int file = mkstemp(path);
	int pipes[2];

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(file, OCTETS), 0);
	assert_true(descriptor_is_fit(file, OCTETS));
	assert_false(descriptor_is_fit(file, OCTETS + 1));
	assert_false(descriptor_is_fit(-1, 0));
	assert_int_equal(pipe(pipes), 0);
	assert_false(descriptor_is_fit(pipes[0], 0));
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memfds),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
