/* The limit of the queue's own size. */
#include "queue/room.h"

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

enum { BIG = 2 << 20, LIMIT = 3 << 20 };

static int set_up(void **state)
{
	struct fixture *f = fixture_new();

	f->settings.size_limit_octets = LIMIT;
	engine_tick(f->engine);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_free(&f);
	return 0;
}

/* Returns ENQUEUED's error. */
static uint64_t send_one(struct fixture *f, size_t octets)
{
	size_t before = fixture_count(f, MESSAGE_ENQUEUED);
	char *text = mem_new(octets);
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	memset(text, 'x', octets);
	fixture_send(f, &m, text, octets);
	fixture_run(f);
	mem_free(&text);
	return fixture_find(f, MESSAGE_ENQUEUED, before)->number;
}

static bool said_room(struct fixture *f)
{
	size_t count = fixture_count(f, MESSAGE_ROOM);

	return count > 0 && fixture_find(f, MESSAGE_ROOM, count - 1)->has_room;
}

static void fill(struct fixture *f)
{
	assert_int_equal(send_one(f, BIG), 0);
	engine_tick(f->engine);
	assert_int_equal(send_one(f, BIG), ENOSPC);
	assert_int_equal(send_one(f, 10), 0);
	f->settings.size_limit_octets = BIG;
	engine_tick(f->engine);
	assert_false(said_room(f));
	assert_int_equal(send_one(f, 10), ENOSPC);
}

/* Also when it was full at the start. */
static void test_full(void **state)
{
	struct fixture *f = *state;

	fill(f);
	fixture_restart(f);
	engine_tick(f->engine);
	assert_int_equal(send_one(f, 10), ENOSPC);
	assert_int_equal(fixture_change(f, QUEUE_CHANGE_DROP, 0, ""), 2);
	engine_tick(f->engine);
	assert_int_equal(send_one(f, 10), 0);
	assert_true(said_room(f));
}

/* A report is mail that was taken already. */
static void test_reports_are_taken(void **state)
{
	struct fixture *f = *state;

	fill(f);
	fixture_result(f, fixture_find(f, MESSAGE_ATTEMPT, 1)->id,
		       OUTCOME_REFUSED, 550, "no");
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 1);
	assert_int_equal(fixture_total(f), 2);
}

/* What a failed transaction or a removed message leaves is not counted. */
static void test_what_is_counted(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	uint64_t before;
	struct store_message m = { .queue_id = 7, .content_octets = BIG };
	struct store_content content = { .fd = -1 };
	char *text = mem_new(BIG);

	engine_free(&f->engine);
	content.octets = (struct slice){ text, BIG };
	assert_int_equal(
		store_open(&(struct store_place){ .dir = f->dir }, &store), 0);
	before = store_octets(store);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_add_message(store, &m, &content), 0);
	store_rollback(store);
	assert_true(store_octets(store) < before + BIG);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_add_message(store, &m, &content), 0);
	assert_int_equal(store_commit(store), 0);
	assert_true(store_octets(store) >= before + BIG);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_remove(store, 7, 0), 0);
	assert_int_equal(store_commit(store), 0);
	assert_true(store_octets(store) < before + BIG);
	store_free(&store);
	mem_free(&text);
	fixture_restart(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_full),
		TEST(test_reports_are_taken),
		TEST(test_what_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
