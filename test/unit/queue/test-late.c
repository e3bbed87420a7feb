/* Mail that is late: the sender is warned once, and reports give up sooner. */
#include "queue/engine.h"

#include "fixture.h"

#include "smtp/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

static int set_up(void **state)
{
	*state = fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_free(&f);
	return 0;
}

static void send_one(struct fixture *f, const char *from, uint32_t notify)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.reverse_path = slice_of(from);
	r.notify = notify;
	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
}

/* The last attempt that was begun meets with a 4xx. */
static void fail_last(struct fixture *f)
{
	size_t count = fixture_count(f, MESSAGE_ATTEMPT);
	const struct sent *s = fixture_find(f, MESSAGE_ATTEMPT, count - 1);

	assert_non_null(s);
	fixture_result(f, s->id, OUTCOME_DEFERRED, 452, "mailbox full");
}

/* Fails before the time for a warning, and twice after it. */
static void be_late(struct fixture *f)
{
	f->settings.warn_after_s = 3600;
	fail_last(f);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
	f->settings.warn_after_s = 2;
	(void)sleep(2);
	for (size_t i = 0; i < 2; i++) {
		fixture_hurry(f);
		fail_last(f);
	}
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 3);
}

static void test_the_sender_is_told_once(void **state)
{
	struct fixture *f = *state;
	const char *report;

	send_one(f, "alice@example.com", 0);
	be_late(f);
	assert_string_equal(fixture_find(f, MESSAGE_RESOLVE, 0)->address,
			    "alice@example.com");
	assert_int_equal(fixture_total(f), 2);
	fixture_resolved(f, fixture_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	report = fixture_find(f, MESSAGE_ATTEMPT, 3)->content;
	assert_non_null(strstr(report, "Subject: Your message is delayed"));
	assert_non_null(strstr(report, "Action: delayed\r\n"));
	assert_non_null(strstr(report, "Status: 4."));
	assert_non_null(strstr(report, "Will-Retry-Until: "));
	assert_non_null(strstr(report, "mailbox full"));
	assert_null(strstr(report, "hello"));
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 1);
}

static const struct {
	const char *from;
	uint32_t notify;
	size_t reports;
} wishes[] = {
	{ "", 0, 0 },
	{ "alice@example.com", DSN_NOTIFY_NEVER, 0 },
	{ "alice@example.com", DSN_NOTIFY_FAILURE, 0 },
	{ "alice@example.com", DSN_NOTIFY_FAILURE | DSN_NOTIFY_DELAY, 1 },
};

static void test_who_wants_to_know(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct fixture *f = fixture_new();

		send_one(f, wishes[i].from, wishes[i].notify);
		be_late(f);
		assert_int_equal(fixture_count(f, MESSAGE_RESOLVE),
				 wishes[i].reports);
		fixture_free(&f);
	}
}

static void test_never(void **state)
{
	struct fixture *f = *state;

	send_one(f, "alice@example.com", 0);
	f->settings.warn_after_s = 0;
	fail_last(f);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
}

/* It is gone when other mail would still be tried. */
static void test_reports_live_shorter(void **state)
{
	struct fixture *f = *state;

	f->settings.report_lifetime_s = 0;
	send_one(f, "alice@example.com", 0);
	fail_last(f);
	assert_int_equal(fixture_total(f), 1);
	send_one(f, "", 0);
	fail_last(f);
	assert_int_equal(fixture_total(f), 1);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_sender_is_told_once),
		TEST(test_who_wants_to_know),
		TEST(test_never),
		TEST(test_reports_live_shorter),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
