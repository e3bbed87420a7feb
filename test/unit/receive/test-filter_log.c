#include "receive/filter_log.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t now_ms;
static int fd;
static off_t said;

uint64_t clock_monotonic_ms(void)
{
	return now_ms;
}

int64_t clock_wall_s(void)
{
	return 0;
}

/* The next line of the log without time and program, or "". */
static const char *line(void)
{
	static char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, said);
	char *end;

	assert_true(n >= 0);
	text[n] = '\0';
	end = strchr(text, '\n');
	if (end == NULL)
		return "";
	*end = '\0';
	said += end + 1 - text;
	return strstr(text, ": ") + 2;
}

static const struct {
	struct milter_event event;
	const char *want;
} events[] = {
	{ { .kind = MILTER_EVENT_VERDICT,
	    .filter = "a",
	    .stage = "mail",
	    .text = SLICE("5.7.1 no"),
	    .code = 550 },
	  "filter's verdict trace=t filter=a stage=mail code=550 "
	  "text=\"5.7.1 no\"" },
	{ { .kind = MILTER_EVENT_VERDICT,
	    .filter = "a",
	    .stage = "mail",
	    .text = SLICE("accept") },
	  "" },
	{ { .kind = MILTER_EVENT_EDIT, .filter = "a", .text = SLICE("x") },
	  "" },
	{ { .kind = MILTER_EVENT_EDIT,
	    .filter = "a",
	    .text = SLICE("x\ny"),
	    .is_dry_run = true },
	  "filter's edit trace=t filter=a text=x\\x0ay dry_run=yes" },
	{ { .kind = MILTER_EVENT_PASSED, .filter = "a" },
	  "warning: message goes on without filter trace=t filter=a" },
	{ { .kind = MILTER_EVENT_RETURNED, .filter = "a" },
	  "filter is back trace=t filter=a" },
};

static const struct log_ctx ctx = { .key = "trace", .value = SLICE("t") };

static void test_lines(void **state)
{
	struct filter_log *log = filter_log_new();

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		filter_log_event(log, &ctx, &events[i].event);
		assert_string_equal(line(), events[i].want);
	}
	filter_log_free(&log);
}

static void test_failures_do_not_flood(void **state)
{
	struct filter_log *log = filter_log_new();
	const struct milter_event a = { .kind = MILTER_EVENT_FAILED,
					.filter = "a",
					.text = S("away") };
	const struct milter_event b = { .kind = MILTER_EVENT_FAILED,
					.filter = "b" };

	(void)state;
	now_ms = 5000;
	for (size_t i = 0; i < 1000; i++)
		filter_log_event(log, &ctx, &a);
	assert_string_equal(
		line(), "warning: filter failed trace=t filter=a text=away");
	assert_string_equal(line(), "");
	filter_log_event(log, &ctx, &b);
	assert_string_equal(line(), "warning: filter failed trace=t filter=b");
	now_ms = 6000;
	filter_log_event(log, &ctx, &a);
	assert_string_equal(line(), "warning: filter failed trace=t filter=a "
				    "text=away more=999");
	filter_log_free(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_failures_do_not_flood),
	};

	fd = memfd_create("log", MFD_CLOEXEC);
	log_use(LOG_TO_FD, fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
