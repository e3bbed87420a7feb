#include "queue/store_pg.h"

#include "fixture.h"
#include "postgres.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

/* Two nodes. */
struct nodes {
	char dir[2][64];
	struct store *store[2];
	struct arena *arena;
};

static struct postgres server;

static struct store *open_node(const char *dir)
{
	const struct store_place place = { .dir = dir, .database = server.uri };
	struct store *store = NULL;

	assert_int_equal(store_open(&place, &store), 0);
	return store;
}

static int set_up(void **state)
{
	struct nodes *n = mem_new(sizeof(*n));

	n->arena = arena_new(64 << 20);
	for (int i = 0; i < 2; i++) {
		fixture_make_dir(n->dir[i]);
		n->store[i] = open_node(n->dir[i]);
	}
	(void)postgres_run(&server,
			   "DELETE FROM culver.recipient;"
			   "DELETE FROM culver.message;"
			   "DELETE FROM culver.node WHERE until <= now()");
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	struct nodes *n = *state;

	for (int i = 0; i < 2; i++) {
		store_free(&n->store[i]);
		fixture_remove_dir(n->dir[i]);
	}
	arena_free(&n->arena);
	mem_free(&n);
	return 0;
}

static int add(struct store *s, uint64_t queue_id, uint64_t holder,
	       struct slice content)
{
	const struct store_message m = { .queue_id = queue_id,
					 .trace = S("trace"),
					 .reverse_path = S("\xff\0a"),
					 .arrived = 1000,
					 .content_octets = content.n };
	const struct store_recipient r = { .queue_id = queue_id,
					   .target.address = S("b@example.com"),
					   .holder = holder,
					   .due = holder != 0 ? 5000000000
							      : 500 };
	const struct store_content c = { .octets = content, .fd = -1 };
	int error = store_add_message(s, &m, &c);

	return error < 0 ? error : store_add_recipient(s, &r);
}

static void add_committed(struct store *s, uint64_t queue_id, uint64_t holder,
			  struct slice content)
{
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, queue_id, holder, content), 0);
	assert_int_equal(store_commit(s), 0);
}

/* Rows that store i gets; *ret_row: of the last. */
static size_t take(struct nodes *n, int i, uint64_t *ret_row)
{
	struct store_entry entries[8];
	struct store_page page = { .arena = n->arena,
				   .entries = entries,
				   .max = 8 };

	assert_int_equal(
		store_take_due(n->store[i], STORE_NEW, 4000000000, &page), 0);
	if (page.count > 0)
		*ret_row = entries[page.count - 1].recipient.row;
	return page.count;
}

/* --- tests -------------------------------------------------------------------------- */

static void test_what_one_has_the_other_does_not_get(void **state)
{
	struct nodes *n = *state;
	uint64_t row, same;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 1, &row), 1);
	assert_int_equal(take(n, 0, &row), 0);
	assert_int_equal(take(n, 1, &row), 0);
	store_give_back(n->store[1], row);
	/* The database hears of it with the next question. */
	assert_int_equal(take(n, 1, &same), 1);
	assert_int_equal(same, row);
	store_give_back(n->store[1], row);
	assert_int_equal(store_begin(n->store[1]), 0);
	assert_int_equal(store_postpone(n->store[1], row, 600), 0);
	assert_int_equal(store_commit(n->store[1]), 0);
	assert_int_equal(take(n, 0, &same), 1);
	assert_int_equal(same, row);
}

static void test_the_other_is_next(void **state)
{
	static const struct outcome later = { .kind = OUTCOME_DEFERRED };
	struct nodes *n = *state;
	struct store_entry e;
	struct store_page page = { .arena = n->arena, .entries = &e, .max = 1 };
	uint64_t row;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 0, &row), 1);
	assert_int_equal(store_begin(n->store[0]), 0);
	assert_int_equal(store_defer(n->store[0], row, 600, 500, &later), 0);
	assert_int_equal(store_commit(n->store[0]), 0);
	store_give_back(n->store[0], row);
	assert_int_equal(
		store_take_due(n->store[0], STORE_DEFERRED, 604, &page), 0);
	assert_int_equal(page.count, 0);
	assert_int_equal(
		store_take_due(n->store[1], STORE_DEFERRED, 600, &page), 0);
	assert_int_equal(page.count, 1);
	store_give_back(n->store[1], row);
	store_free(&n->store[1]);
	assert_int_equal(
		store_take_due(n->store[0], STORE_DEFERRED, 600, &page), 0);
	assert_int_equal(page.count, 1);
	n->store[1] = open_node(n->dir[1]);
}

static void test_a_node_that_leaves_leaves_its_mail(void **state)
{
	struct nodes *n = *state;
	uint64_t row;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 0, &row), 1);
	store_free(&n->store[0]);
	assert_int_equal(take(n, 1, &row), 1);
	n->store[0] = open_node(n->dir[0]);
}

static void test_the_dead_are_inherited(void **state)
{
	struct nodes *n = *state;
	uint64_t row;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 0, &row), 1);
	/* In delivery by a session of the dead node. */
	add_committed(n->store[0], 2, 77, S("y"));
	store_keep(n->store[1]);
	assert_int_equal(take(n, 1, &row), 0);
	(void)postgres_run(&server, "DELETE FROM culver.node");
	pg_of(n->store[1])->kept_ms = 0;
	store_keep(n->store[1]);
	assert_int_equal(take(n, 1, &row), 2);
}

/* The database was away for longer than a lease: nobody is dead for that. */
static void test_a_start_of_the_database_gives_time(void **state)
{
	struct nodes *n = *state;
	uint64_t row;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 0, &row), 1);
	postgres_kill(&server);
	assert_int_equal(store_begin(n->store[1]), 0);
	assert_true(store_commit(n->store[1]) < 0);
	store_rollback(n->store[1]);
	postgres_restart(&server);
	(void)postgres_run(&server, "UPDATE culver.node"
				    " SET until = now() - interval '1 h'");
	pg_of(n->store[1])->kept_ms = pg_of(n->store[1])->retry_ms = 0;
	store_keep(n->store[1]);
	assert_int_equal(take(n, 1, &row), 0);
	assert_int_equal(postgres_run(&server, "SELECT count(*) FROM"
					       " culver.node"),
			 2);
}

static void test_a_lost_connection_loses_no_more_than_a_turn(void **state)
{
	struct nodes *n = *state;
	uint64_t row, total = 0;

	add_committed(n->store[0], 1, 0, S("x"));
	assert_int_equal(take(n, 0, &row), 1);
	assert_int_equal(store_begin(n->store[0]), 0);
	assert_int_equal(add(n->store[0], 2, 0, S("y")), 0);
	(void)postgres_run(&server,
			   "SELECT count(pg_terminate_backend(pid)) FROM"
			   " pg_stat_activity WHERE pid <> pg_backend_pid()"
			   " AND application_name = 'culver'");
	assert_int_equal(store_commit(n->store[0]), -ENOTCONN);
	/* Not within what has failed. */
	assert_int_equal(store_count(n->store[0], &total), -ENOTCONN);
	store_rollback(n->store[0]);
	assert_int_equal(store_count(n->store[0], &total), 0);
	assert_int_equal(total, 1);
	/* It was not forgotten who has it. */
	assert_int_equal(take(n, 0, &row), 0);
	if (store_count(n->store[1], &total) < 0)
		assert_int_equal(store_count(n->store[1], &total), 0);
	assert_int_equal(take(n, 1, &row), 0);
}

static void test_a_failure_shows_at_the_commit(void **state)
{
	struct nodes *n = *state;
	const struct store_recipient twice = { .queue_id = 1,
					       .target.address =
						       S("c@example.com") };
	uint64_t total = 9;

	assert_int_equal(store_begin(n->store[0]), 0);
	assert_int_equal(add(n->store[0], 1, 0, S("x")), 0);
	assert_int_equal(store_add_recipient(n->store[0], &twice), 0);
	assert_int_equal(store_commit(n->store[0]), -EEXIST);
	assert_non_null(strstr(store_problem(n->store[0]), "recipient_place"));
	store_rollback(n->store[0]);
	assert_int_equal(store_count(n->store[0], &total), 0);
	assert_int_equal(total, 0);
	add_committed(n->store[0], 1, 0, S("x"));
}

static void test_any_octets_are_kept(void **state)
{
	struct nodes *n = *state;
	struct store_entry e;

	add_committed(n->store[0], UINT64_MAX, 0, S("x"));
	assert_int_equal(
		store_load_place(n->store[1], UINT64_MAX, 0, n->arena, &e), 0);
	assert_true(slice_equal(e.message.reverse_path, S("\xff\0a")));
	assert_true(e.message.queue_id == UINT64_MAX);
	/* The view shows them. */
	assert_int_equal(postgres_run(&server, "SELECT count(reverse_path) FROM"
					       " culver.queue"),
			 1);
}

static void test_a_big_content_is_shared(void **state)
{
	struct nodes *n = *state;
	size_t octets = PG_PIECE_OCTETS * 2 + 5;
	char *big = mem_array(octets, 1), *back = mem_array(octets + 1, 1);
	AUTO(fd_close) int fd = -1;
	struct store_entry e;
	struct slice head;

	for (size_t i = 0; i < octets; i++)
		big[i] = (char)(i * 7 >> 3);
	add_committed(n->store[0], 5, 0, (struct slice){ big, octets });
	assert_int_equal(store_open_content(n->store[1], 5, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(read(fd, back, octets + 1), octets);
	assert_memory_equal(big, back, octets);
	assert_int_equal(fixture_spool_files(n->dir[1]), 0);
	assert_int_equal(
		store_read_content(n->store[1], 5, 100, n->arena, &head), 0);
	assert_int_equal(head.n, 100);
	assert_memory_equal(big, head.p, 100);
	assert_int_equal(store_load_place(n->store[1], 5, 0, n->arena, &e), 0);
	assert_int_equal(store_begin(n->store[1]), 0);
	assert_int_equal(store_remove(n->store[1], 5, e.recipient.row), 0);
	assert_int_equal(store_commit(n->store[1]), 0);
	assert_int_equal(
		postgres_run(&server, "SELECT count(*) FROM culver.piece"), 0);
	mem_free(&big);
	mem_free(&back);
}

static void test_the_last_two_of_a_message(void **state)
{
	struct nodes *n = *state;
	const struct store_recipient other = {
		.queue_id = 1, .place = 1, .target.address = S("c@example.com")
	};
	struct store_entry e[2];
	uint64_t total;

	assert_int_equal(store_begin(n->store[0]), 0);
	assert_int_equal(add(n->store[0], 1, 0, S("x")), 0);
	assert_int_equal(store_add_recipient(n->store[0], &other), 0);
	assert_int_equal(store_commit(n->store[0]), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(
			store_load_place(n->store[0], 1, i, n->arena, &e[i]),
			0);
	/* Both at work at once; a question makes sure that the change is made. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_begin(n->store[i]), 0);
		assert_int_equal(
			store_remove(n->store[i], 1, e[i].recipient.row), 0);
		if (i == 0)
			assert_int_equal(store_count(n->store[i], &total), 0);
	}
	assert_int_equal(store_commit(n->store[0]), 0);
	assert_int_equal(store_commit(n->store[1]), 0);
	assert_int_equal(
		postgres_run(&server, "SELECT count(*) FROM culver.message"),
		0);
}

/* The planner may run an inner query once for each row. */
static void test_one_report_is_taken_at_a_time(void **state)
{
	struct nodes *n = *state;
	struct store_tls_report r;

	(void)postgres_run(&server,
			   "DELETE FROM culver.tls_report;"
			   "INSERT INTO culver.tls_report VALUES (1,'a',1,0);"
			   "ANALYZE culver.tls_report;"
			   "INSERT INTO culver.tls_report"
			   " SELECT i, 'a', i, 0 FROM generate_series(2, 9) i");
	assert_int_equal(store_begin(n->store[0]), 0);
	assert_int_equal(
		store_take_tls_report(n->store[0], 100, 200, n->arena, &r), 0);
	assert_int_equal(store_commit(n->store[0]), 0);
	assert_int_equal(postgres_run(&server, "SELECT sum(tries)::bigint"
					       " FROM culver.tls_report"),
			 1);
}

static void test_two_cannot_be_one_node(void **state)
{
	struct nodes *n = *state;
	struct store *copy = open_node(n->dir[0]);
	uint64_t total;

	assert_true(store_count(copy, &total) < 0);
	assert_non_null(strstr(store_problem(copy), "another server"));
	store_free(&copy);
	assert_int_equal(store_count(n->store[0], &total), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_what_one_has_the_other_does_not_get),
		TEST(test_the_other_is_next),
		TEST(test_a_node_that_leaves_leaves_its_mail),
		TEST(test_the_dead_are_inherited),
		TEST(test_a_lost_connection_loses_no_more_than_a_turn),
		TEST(test_a_failure_shows_at_the_commit),
		TEST(test_any_octets_are_kept),
		TEST(test_a_big_content_is_shared),
		TEST(test_the_last_two_of_a_message),
		TEST(test_one_report_is_taken_at_a_time),
		TEST(test_two_cannot_be_one_node),
		TEST(test_a_start_of_the_database_gives_time),
	};
	int failed;

	log_set_level(LOG_PANIC);
	if (!postgres_start(&server))
		return 77; /* automake's "skipped" */
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_stop(&server);
	return failed;
}
