/* What the operator decides, about some or all. */
#include "queue/change.h"

#include "fixture.h"
#include "queue/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { MANY = 1500, RECIPIENTS = 10, NOW = 1000000 };

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

/* Returns the queue_id. */
static uint64_t send_one(struct fixture *f, const char *from, const char *to)
{
	size_t before = fixture_count(f, MESSAGE_ENQUEUED);
	struct recipient r;
	struct message m = fixture_enqueue(&r, to);

	m.enqueue.reverse_path = slice_of(from);
	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
	return fixture_find(f, MESSAGE_ENQUEUED, before)->queue_id;
}

/* --- selectors --------------------------------------------------------------------- */

static const struct {
	struct selector selector;
	bool fits;
} fitting[] = {
	{ { .queue_id = 0 }, true },
	{ { .queue_id = 7 }, true },
	{ { .queue_id = 8 }, false },
	{ { .trace = SLICE("t.1") }, true },
	{ { .trace = SLICE("t.2") }, false },
	{ { .from = SLICE("Alice@EXAMPLE.com") }, true },
	{ { .from = SLICE("@example.com") }, true },
	{ { .from = SLICE("lice@example.com") }, false },
	{ { .from = SLICE("@ample.com") }, false },
	{ { .from = SLICE("<>") }, false },
	{ { .to = SLICE("bob@other.org") }, true },
	{ { .to = SLICE("@other.org") }, true },
	{ { .to = SLICE("team@example.com") }, true },
	{ { .to = SLICE("alice@example.com") }, false },
	{ { .older_than_s = 100 }, true },
	{ { .older_than_s = 101 }, false },
	{ { .older_than_s = UINT64_MAX }, false },
	{ { .is_held = true }, false },
	{ { .to = SLICE("@other.org"), .older_than_s = 101 }, false },
};

static void test_selectors(void **state)
{
	struct store_entry e = {
		.message = { .queue_id = 7,
			     .trace = S("t.1"),
			     .reverse_path = S("alice@example.com"),
			     .arrived = NOW - 100 },
		.recipient = { .target.address = S("bob@other.org"),
			       .original = S("team@example.com") },
	};
	struct selector none = { .from = S("<>") }, held = { .is_held = true };

	(void)state;
	for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++)
		if (selector_fits(&fitting[i].selector, &e, NOW) !=
		    fitting[i].fits)
			fail_msg("number %zu", i);
	e.message.reverse_path = S("");
	assert_true(selector_fits(&none, &e, NOW));
	e.recipient.line = STORE_HELD;
	assert_true(selector_fits(&held, &e, NOW));
	assert_true(selector_is_empty(&fitting[0].selector));
	assert_false(selector_is_empty(&none));
}

/* --- changes ------------------------------------------------------------------------ */

static void test_nothing_by_accident(void **state)
{
	const struct selector none = { .queue_id = 0 };
	struct fixture *f = *state;

	(void)send_one(f, "alice@example.com", "bob@other.org");
	for (int what = 0; what <= QUEUE_CHANGE_BOUNCE; what++)
		assert_int_equal(
			fixture_change_selected(f, (enum queue_change)what,
						none, false),
			0);
	assert_int_equal(fixture_total(f), 1);
	assert_int_equal(
		fixture_change_selected(f, QUEUE_CHANGE_DROP, none, true), 1);
	assert_int_equal(fixture_total(f), 0);
}

static void test_some(void **state)
{
	const struct selector to = { .to = S("@other.org") };
	const struct selector from = { .from = S("eve@example.com") };
	struct fixture *f = *state;

	(void)send_one(f, "alice@example.com", "bob@other.org");
	(void)send_one(f, "alice@example.com", "bob@another.org");
	(void)send_one(f, "eve@example.com", "carol@third.org");
	assert_int_equal(
		fixture_change_selected(f, QUEUE_CHANGE_DROP, to, false), 1);
	assert_int_equal(
		fixture_change_selected(f, QUEUE_CHANGE_DROP, to, false), 0);
	assert_int_equal(fixture_total(f), 2);
	assert_int_equal(
		fixture_change_selected(f, QUEUE_CHANGE_DROP, from, false), 1);
	assert_int_equal(fixture_total(f), 1);
}

/* What was under way then is not taken for what came later. */
static void test_rows_are_not_used_again(void **state)
{
	struct fixture *f = *state;
	uint64_t id = send_one(f, "alice@example.com", "bob@other.org");

	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, id, ""), 1);
	(void)send_one(f, "alice@example.com", "carol@other.org");
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 2);
	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_DELIVERED, 250, "taken");
	assert_int_equal(fixture_total(f), 1);
}

/* The sender hears of it, and what he hears is not bounced by the same word. */
static void test_bounced(void **state)
{
	const struct selector none = { .queue_id = 0 };
	struct fixture *f = *state;
	const char *report;

	(void)send_one(f, "alice@example.com", "bob@other.org");
	assert_int_equal(
		fixture_change_selected(f, QUEUE_CHANGE_BOUNCE, none, true), 1);
	assert_int_equal(fixture_total(f), 1);
	fixture_resolved(f, fixture_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	report = fixture_find(f, MESSAGE_ATTEMPT, 1)->content;
	assert_non_null(strstr(report, "Action: failed\r\n"));
	assert_non_null(strstr(report, "Status: 5.4.7\r\n"));
	assert_non_null(strstr(report, "the postmaster has given up delivery"));
}

/* With what the last server said. */
static void test_bounced_after_a_try(void **state)
{
	struct fixture *f = *state;
	uint64_t id = send_one(f, "alice@example.com", "bob@other.org");
	const char *report;

	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_DEFERRED, 451, "greylisted");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_BOUNCE, id, ""), 1);
	fixture_resolved(f, fixture_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	report = fixture_find(f, MESSAGE_ATTEMPT, 1)->content;
	assert_non_null(strstr(report, "Action: failed\r\n"));
	assert_non_null(strstr(report, "greylisted"));
}

static void test_held(void **state)
{
	struct fixture *f = *state;
	uint64_t id = send_one(f, "alice@example.com", "bob@other.org");
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };

	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_DEFERRED, 451, "later");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_HOLD, id, ""), 1);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_HOLD, id, ""), 0);
	fixture_hurry(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	m.queue_list.limit = RECIPIENTS;
	m.queue_list.selector.is_held = true;
	engine_on_message(f->engine, fixture_control(), &m);
	assert_string_equal(fixture_find(f, MESSAGE_QUEUE_ENTRY, 0)->hold,
			    "look first");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id, ""), 1);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 2);
	/* And again: the reason is kept anew. */
	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 1)->id,
		       OUTCOME_DEFERRED, 451, "later");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_HOLD, id, ""), 1);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id, ""), 1);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 3);
}

/* A report's way is not known before it is looked up. */
static void test_reports_are_not_held(void **state)
{
	struct fixture *f = *state;

	(void)send_one(f, "alice@example.com", "bob@other.org");
	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_REFUSED, 550, "no");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_HOLD, 0, ""), 0);
	assert_int_equal(fixture_total(f), 1);
}

/* --- many --------------------------------------------------------------------------- */

static void send_many(struct fixture *f)
{
	struct recipient to[RECIPIENTS];

	for (size_t i = 0; i < MANY / RECIPIENTS; i++) {
		struct message m = fixture_enqueue(&to[0], "bob@other.org");

		for (size_t k = 1; k < RECIPIENTS; k++)
			to[k] = to[0];
		m.enqueue.recipients.count = RECIPIENTS;
		m.enqueue.hold = S("wait");
		fixture_send(f, &m, "hello\r\n", 7);
	}
	fixture_run(f);
	assert_int_equal(fixture_total(f), MANY);
}

/* In steps: each run does some, and one answer comes at the end. */
static void test_many(void **state)
{
	struct message m = { .type = MESSAGE_QUEUE_CHANGE, .fd = -1 };
	struct fixture *f = *state;
	size_t runs = 0;

	send_many(f);
	m.queue_change.change = QUEUE_CHANGE_DROP;
	m.queue_change.selector.to = S("@other.org");
	engine_on_message(f->engine, fixture_control(), &m);
	for (; engine_wants_run(f->engine); runs++) {
		assert_int_equal(fixture_count(f, MESSAGE_QUEUE_CHANGED), 0);
		engine_run(f->engine);
	}
	assert_in_range(runs, 3, 5);
	assert_int_equal(fixture_count(f, MESSAGE_QUEUE_CHANGED), 1);
	assert_int_equal(fixture_find(f, MESSAGE_QUEUE_CHANGED, 0)->number,
			 MANY);
	assert_int_equal(fixture_total(f), 0);
}

/* Nobody waits for it any more. */
static void test_who_asked_is_gone(void **state)
{
	struct message m = { .type = MESSAGE_QUEUE_CHANGE, .fd = -1 };
	struct fixture *f = *state;

	send_many(f);
	m.queue_change.change = QUEUE_CHANGE_DROP;
	m.queue_change.is_all = true;
	engine_on_message(f->engine, fixture_control(), &m);
	engine_run(f->engine);
	engine_on_peer_gone(f->engine, fixture_control());
	fixture_run(f);
	assert_int_equal(fixture_count(f, MESSAGE_QUEUE_CHANGED), 0);
	assert_in_range(fixture_total(f), 1, MANY - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_selectors), TEST(test_nothing_by_accident),
		TEST(test_some),      TEST(test_rows_are_not_used_again),
		TEST(test_bounced),   TEST(test_bounced_after_a_try),
		TEST(test_held),      TEST(test_reports_are_not_held),
		TEST(test_many),      TEST(test_who_asked_is_gone),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
