#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int reader;
static char line[LOG_LINE_OCTETS + 1];

static int setup(void **state)
{
	(void)state;
	log_set_name("culverd/test");
	log_set_level(LOG_INFO);
	return 0;
}

/* Sends the log to a socket pair of which `reader` is the other end. */
static void open_log(enum log_sink sink)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	log_use(sink, fds[0]);
	reader = fds[1];
}

static void close_log(void)
{
	log_use(LOG_TO_FD, -1);
	(void)close(reader);
}

/* The next line of the log; "" if there is none. */
static const char *next_line(void)
{
	ssize_t n = recv(reader, line, sizeof(line) - 1, MSG_DONTWAIT);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

/* What follows the time stamp and the name. */
static const char *next_event(void)
{
	const char *at = strstr(next_line(), ": ");

	return at != NULL ? at + 2 : "";
}

static const struct {
	const char *name;
	struct slice value;
	const char *want;
} values[] = {
	{ "a word", SLICE("a@b"), "x k=a@b\n" },
	{ "nothing", SLICE(""), "x k=\"\"\n" },
	{ "two words", SLICE("a b"), "x k=\"a b\"\n" },
	{ "a line end", SLICE("a\r\nb"), "x k=a\\x0d\\x0ab\n" },
	{ "a NUL", SLICE("a\0b"), "x k=a\\x00b\n" },
	{ "an escape sequence", SLICE("\x1b[0m"), "x k=\\x1b[0m\n" },
	{ "a quote ends nothing", SLICE("a\" b=\\"),
	  "x k=\"a\\x22 b=\\x5c\"\n" },
	{ "UTF-8", SLICE("jürgen"), "x k=jürgen\n" },
	{ "a character that turns the line", SLICE("a\u202eb"),
	  "x k=a\\xe2\\x80\\xaeb\n" },
	{ "a line separator", SLICE("a\u2028b"), "x k=a\\xe2\\x80\\xa8b\n" },
	{ "no UTF-8", SLICE("j\xfcrgen"), "x k=j\\xfcrgen\n" },
	{ "a control beyond ASCII", SLICE("a\xc2\x85"), "x k=a\\xc2\\x85\n" },
};

static void test_values(void **state)
{
	(void)state;
	open_log(LOG_TO_FD);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		print_message("  %s\n", values[i].name);
		LOG(LOG_INFO, NULL, "x", log_text("k", values[i].value));
		assert_string_equal(next_event(), values[i].want);
	}
	close_log();
}

static void test_events(void **state)
{
	const struct log_ctx outer = { .key = "trace", .value = S("t1") };
	const struct log_ctx inner = { .outer = &outer,
				       .key = "queue_id",
				       .value = S("7") };

	(void)state;
	open_log(LOG_TO_FD);
	LOG(LOG_WARNING, &inner, "message refused", log_number("code", 550),
	    log_string("why", "x y"), log_string("none", NULL));
	assert_string_equal(next_event(),
			    "warning: message refused trace=t1 queue_id=7 "
			    "code=550 why=\"x y\" none=\"\"\n");
	log_plain(LOG_DEBUG, NULL, "not shown");
	assert_string_equal(next_event(), "");
	log_set_level(LOG_DEBUG);
	log_plain(LOG_DEBUG, NULL, "shown");
	assert_string_equal(next_event(), "shown\n");
	close_log();
}

static void test_bounds(void **state)
{
	static char big[8 * LOG_VALUE_OCTETS];
	struct slice value = { .p = big, .n = LOG_VALUE_OCTETS + 1 };

	(void)state;
	memset(big, 'a', sizeof(big));
	open_log(LOG_TO_FD);
	LOG(LOG_INFO, NULL, "x", log_text("k", value));
	assert_int_equal(strlen(next_event()), LOG_VALUE_OCTETS + 8);
	memset(big, '\n', sizeof(big));
	LOG(LOG_INFO, NULL, "x", log_text("a", value), log_text("b", value),
	    log_text("c", value));
	assert_int_equal(strlen(next_line()), LOG_LINE_OCTETS);
	assert_int_equal(line[LOG_LINE_OCTETS - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + LOG_LINE_OCTETS - 1);
	close_log();
}

static void test_journal(void **state)
{
	const struct log_ctx ctx = { .key = "trace", .value = S("t1") };

	(void)state;
	open_log(LOG_TO_JOURNAL);
	LOG(LOG_ERROR, &ctx, "disk full", log_text("path", S("a\nb")),
	    log_number("free_octets", 12));
	assert_string_equal(next_line(),
			    "PRIORITY=3\nSYSLOG_FACILITY=2\n"
			    "SYSLOG_IDENTIFIER=culverd/test\nCULVER_TRACE=t1\n"
			    "CULVER_PATH=a\\x0ab\nCULVER_FREE_OCTETS=12\n"
			    "MESSAGE=error: disk full trace=t1 path=a\\x0ab "
			    "free_octets=12\n");
	close_log();
}

static void test_syslog(void **state)
{
	(void)state;
	open_log(LOG_TO_SYSLOG);
	LOG(LOG_INFO, NULL, "started", log_text("k", S("a\nb")));
	assert_ptr_equal(strstr(next_line(), "<22>"), line);
	assert_non_null(strstr(line, " culverd/test["));
	assert_non_null(strstr(line, "]: started k=a\\x0ab"));
	assert_null(strchr(line, '\n'));
	close_log();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_values, setup),
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_journal, setup),
		cmocka_unit_test_setup(test_syslog, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
