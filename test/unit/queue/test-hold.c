/* Messages that wait for the operator. */
#include "queue/engine.h"

#include "fixture.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

#define REASON "a filter asked for it"

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

/* Two recipients, a mailbox and a command. Returns the queue_id. */
static uint64_t send_held(struct fixture *f, const char *trace)
{
	size_t before = fixture_count(f, MESSAGE_ENQUEUED);
	struct recipient to[2];
	struct message m = fixture_enqueue(&to[0], "bob@example.com");
	const struct sent *s;

	to[1] = to[0];
	to[1].target = (struct target){ .kind = TARGET_COMMAND,
					.address = S("robot@x.org") };
	m.enqueue.recipients.count = 2;
	m.enqueue.trace = slice_of(trace);
	m.enqueue.hold = S(REASON);
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
	s = fixture_find(f, MESSAGE_ENQUEUED, before);
	assert_non_null(s);
	assert_int_equal(s->number, 0);
	return s->queue_id;
}

static void test_nothing_happens_to_what_is_held(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };
	uint64_t id = send_held(f, "s.1");
	const struct sent *s;

	f->settings.schedule.lifetime_s = 0;
	engine_tick(f->engine);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RETRY, 0, ""), 0);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RETRY, id, ""), 0);
	fixture_restart(f);
	fixture_run(f);
	engine_tick(f->engine);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 0);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
	assert_int_equal(fixture_total(f), 2);
	m.queue_list.limit = 10;
	engine_on_message(f->engine, fixture_control(), &m);
	s = fixture_find(f, MESSAGE_QUEUE_ENTRY, 1);
	assert_string_equal(s->hold, REASON);
	assert_string_equal(s->address, "robot@x.org");
	assert_int_equal(s->kind, TARGET_COMMAND);
}

static void test_what_is_released_is_new(void **state)
{
	struct fixture *f = *state;
	uint64_t id = send_held(f, "s.1");
	const struct sent *s;

	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id + 1, ""),
			 0);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 0);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id, ""), 2);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 2);
	s = fixture_find(f, MESSAGE_ATTEMPT, 1);
	assert_int_equal(s->kind, TARGET_COMMAND);
	assert_string_equal(s->content, "hello\r\n");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id, ""), 0);
	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_DELIVERED, 250, "saved");
	fixture_result(f, s->id, OUTCOME_DELIVERED, 0, "");
	assert_int_equal(fixture_total(f), 0);
}

static void test_release_all(void **state)
{
	struct fixture *f = *state;

	(void)send_held(f, "s.1");
	(void)send_held(f, "s.2");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, 0, ""), 4);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 4);
}

/* Its time begins with the release. */
static void test_lifetime(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	struct store_entry e;
	struct arena *a = arena_new(1 << 20);
	uint64_t id = send_held(f, "s.1");

	engine_free(&f->engine);
	assert_int_equal(fixture_open_store(f->dir, &store), 0);
	assert_int_equal(store_load_place(store, id, 0, a, &e), 0);
	assert_true(slice_equal(e.message.hold, S(REASON)));
	assert_int_equal(e.recipient.line, STORE_HELD);
	assert_true(e.message.since == e.message.arrived);
	assert_int_equal(store_begin(store), 0);
	{
		uint64_t count = 0;
		int64_t later = e.message.arrived + 1000000;

		assert_int_equal(store_release(store, id, later, &count), 0);
		assert_int_equal(count, 2);
		assert_int_equal(store_commit(store), 0);
		assert_int_equal(store_load_place(store, id, 1, a, &e), 0);
		assert_true(e.message.since == later);
		assert_true(e.message.arrived == later - 1000000);
		assert_true(e.recipient.due == later);
	}
	assert_int_equal(e.recipient.line, STORE_NEW);
	assert_int_equal(e.message.hold.n, 0);
	store_free(&store);
	arena_free(&a);
	fixture_restart(f);
}

static void test_dropped_without_a_word(void **state)
{
	struct fixture *f = *state;
	uint64_t id = send_held(f, "s.1");

	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, id, ""), 2);
	assert_int_equal(fixture_total(f), 0);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, id, ""), 0);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, id, ""), 0);
}

/* What is under way when it is dropped is neither tried again nor reported. */
static void test_dropped_while_it_is_tried(void **state)
{
	static const enum outcome_kind kinds[] = { OUTCOME_DELIVERED,
						   OUTCOME_REFUSED,
						   OUTCOME_DEFERRED };
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		struct recipient r;
		struct message m = fixture_enqueue(&r, "bob@example.com");

		fixture_send(f, &m, "hello\r\n", 7);
		fixture_run(f);
		assert_int_equal(
			fixture_change(
				f, QUEUE_CHANGE_DROP,
				fixture_find(f, MESSAGE_ENQUEUED, i)->queue_id,
				""),
			1);
		fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, i)->id,
			       kinds[i], 550, "no");
		assert_int_equal(fixture_total(f), 0);
	}
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 3);
}

static void test_by_trace(void **state)
{
	struct fixture *f = *state;

	(void)send_held(f, "s.1");
	(void)send_held(f, "s.2");
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, 0, "s"), 0);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, 0, "s.1"), 2);
	assert_int_equal(fixture_total(f), 2);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_RELEASE, 0, "s.2"), 2);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 2);
}

/* A big one: its file goes with it. */
static void test_no_file_is_left(void **state)
{
	static char octets[200000];
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.hold = S(REASON);
	fixture_send(f, &m, octets, sizeof(octets));
	fixture_run(f);
	assert_int_equal(fixture_spool_files(f->dir), fixture_content_files(1));
	assert_int_equal(
		fixture_change(f, QUEUE_CHANGE_DROP,
			       fixture_find(f, MESSAGE_ENQUEUED, 0)->queue_id,
			       ""),
		1);
	assert_int_equal(fixture_spool_files(f->dir), 0);
}

/* What a session has begun cannot be held. */
static void test_begun(void **state)
{
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.hold = S(REASON);
	r.is_in_delivery = true;
	fixture_send(f, &m, "hello\r\n", 7);
	r.is_in_delivery = false;
	r.last = (struct outcome){ .kind = OUTCOME_REFUSED, .code = 550 };
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fixture_find(f, MESSAGE_ENQUEUED, i)->number,
				 EBADMSG);
	assert_int_equal(fixture_total(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_happens_to_what_is_held),
		TEST(test_what_is_released_is_new),
		TEST(test_release_all),
		TEST(test_lifetime),
		TEST(test_dropped_without_a_word),
		TEST(test_dropped_while_it_is_tried),
		TEST(test_by_trace),
		TEST(test_no_file_is_left),
		TEST(test_begun),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
