#include "parent/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"

static int open_log(const char *log, bool is_foreground, enum log_sink *sink,
		    int *fd)
{
	AUTO(conf_free) struct conf *conf = conf_new();

	conf->log = log;
	return log_sink_open(conf, is_foreground, sink, fd);
}

/* Opened again, a file goes on where it ended. */
static void test_file(void **state)
{
	char dir[] = "/tmp/culver-XXXXXX", path[64], text[64] = "";
	enum log_sink sink = LOG_TO_JOURNAL;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/log", dir);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_log(path, i == 0, &sink, &fd), 0);
		assert_int_equal(sink, LOG_TO_FD);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		log_use(sink, fd);
		log_plain(LOG_INFO, NULL, "a line");
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0); /* not for everyone */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	assert_int_equal(open_log("stderr", true, &sink, &fd), 0);
	log_use(sink, fd); /* closes the file */
	assert_true(st.st_size >= 2 * (off_t)strlen("a line\n"));
	assert_non_null(strstr(text, "a line\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_log("/nowhere/log", true, &sink, &fd), -ENOENT);
	assert_int_equal(rmdir(dir), 0);
}

static void test_default(void **state)
{
	enum log_sink sink = LOG_TO_JOURNAL;
	struct stat st, want;
	int fd;

	(void)state;
	assert_int_equal(open_log("", true, &sink, &fd), 0);
	assert_int_equal(sink, LOG_TO_FD);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(fstat(STDERR_FILENO, &want), 0);
	assert_true(fd != STDERR_FILENO && st.st_ino == want.st_ino);
	(void)close(fd);
	/* there is always something for a daemon */
	assert_int_equal(open_log("", false, &sink, &fd), 0);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
