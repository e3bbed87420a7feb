#include "queue/store.h"

#include "fixture.h"

#include "base/mem.h"
#include "queue/store_sqlite.h"

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

struct opened {
	char dir[64];
	struct store *store;
	struct arena *arena;
};

static int set_up(void **state)
{
	struct opened *o = mem_new(sizeof(*o));

	fixture_make_dir(o->dir);
	fixture_empty_database();
	o->arena = arena_new(64 << 20);
	if (fixture_open_store(o->dir, &o->store) < 0)
		return -1;
	*state = o;
	return 0;
}

static int tear_down(void **state)
{
	struct opened *o = *state;

	store_free(&o->store);
	arena_free(&o->arena);
	fixture_remove_dir(o->dir);
	mem_free(&o);
	return 0;
}

static void reopen(struct opened *o)
{
	store_free(&o->store);
	assert_int_equal(fixture_open_store(o->dir, &o->store), 0);
}

/* One message to one recipient, in a transaction that is open. */
static int add(struct store *s, uint64_t queue_id, int64_t due,
	       struct slice content)
{
	struct store_message m = { .queue_id = queue_id,
				   .trace = S("trace"),
				   .reverse_path = S("a@example.com"),
				   .arrived = 1000,
				   .content_octets = content.n };
	struct store_recipient r = { .queue_id = queue_id,
				     .target.address = S("b@example.com"),
				     .due = due };
	struct store_content c = { .octets = content, .fd = -1 };
	int error = store_add_message(s, &m, &c);

	return error < 0 ? error : store_add_recipient(s, &r);
}

static void add_committed(struct store *s, uint64_t queue_id, int64_t due,
			  struct slice content)
{
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(add(s, queue_id, due, content), 0);
	assert_int_equal(store_commit(s), 0);
}

static void assert_text(struct slice got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p, want, got.n);
}

static void test_all_fields_come_back(void **state)
{
	struct opened *o = *state;
	struct store_message m = { .queue_id = UINT64_MAX - 1,
				   .trace = S("t1"),
				   .reverse_path = S("a@example.com"),
				   .envid = S("env"),
				   .login = S("anna"),
				   .ret = 2,
				   .is_8bit = true,
				   .is_smtputf8 = true,
				   .arrived = 1234567890,
				   .content_octets = 4 };
	struct store_recipient r = {
		.queue_id = UINT64_MAX - 1,
		.place = 7,
		.target = { .kind = TARGET_REMOTE,
			    .address = S("b@example.com"),
			    .via = S("c.example"),
			    .is_forwarded = true },
		.original = S("alias@example.com"),
		.orcpt_type = S("rfc822"),
		.orcpt = S("o@example.org"),
		.notify = 6,
		.line = STORE_DEFERRED,
		.due = 2000000000,
		.attempts = 3,
		.holder = 99,
		.last_try = 1999999999,
		.last = { .kind = OUTCOME_UNCERTAIN,
			  .code = 451,
			  .status = { 4, 3, 200 },
			  .text = SLICE("one\ntwo") },
	};
	struct store_content c = { .octets = SLICE("\0x\r\n"), .fd = -1 };
	struct store_entry e;
	struct slice content;

	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(store_add_message(o->store, &m, &c), 0);
	assert_int_equal(store_add_recipient(o->store, &r), 0);
	assert_int_equal(store_commit(o->store), 0);
	reopen(o);
	assert_int_equal(
		store_load_place(o->store, m.queue_id, 7, o->arena, &e), 0);
	assert_true(e.message.queue_id == m.queue_id);
	assert_text(e.message.trace, "t1");
	assert_text(e.message.reverse_path, "a@example.com");
	assert_text(e.message.envid, "env");
	assert_text(e.message.login, "anna");
	assert_int_equal(e.message.ret, 2);
	assert_true(e.message.is_8bit && e.message.is_smtputf8);
	assert_int_equal(e.message.arrived, 1234567890);
	assert_int_equal(e.message.content_octets, 4);
	assert_int_equal(e.recipient.place, 7);
	assert_int_equal(e.recipient.target.kind, TARGET_REMOTE);
	assert_text(e.recipient.target.address, "b@example.com");
	assert_text(e.recipient.target.via, "c.example");
	assert_true(e.recipient.target.is_forwarded);
	assert_text(e.recipient.original, "alias@example.com");
	assert_text(e.recipient.orcpt_type, "rfc822");
	assert_text(e.recipient.orcpt, "o@example.org");
	assert_int_equal(e.recipient.notify, 6);
	assert_int_equal(e.recipient.line, STORE_DEFERRED);
	assert_int_equal(e.recipient.due, 2000000000);
	assert_int_equal(e.recipient.attempts, 3);
	assert_int_equal(e.recipient.holder, 99);
	assert_int_equal(e.recipient.last_try, 1999999999);
	assert_int_equal(e.recipient.last.kind, OUTCOME_UNCERTAIN);
	assert_int_equal(e.recipient.last.code, 451);
	assert_int_equal(e.recipient.last.status[2], 200);
	assert_text(e.recipient.last.text, "one\ntwo");
	assert_int_equal(store_read_content(o->store, m.queue_id, 100, o->arena,
					    &content),
			 0);
	assert_int_equal(content.n, 4);
	assert_memory_equal(content.p, "\0x\r\n", 4);
}

static void test_what_is_not_committed_is_not_there(void **state)
{
	struct opened *o = *state;
	static char big[STORE_BLOB_OCTETS + 1];
	uint64_t total = 9;

	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(add(o->store, 1, 0, S("x")), 0);
	assert_int_equal(
		add(o->store, 2, 0, (struct slice){ big, sizeof(big) }), 0);
	assert_int_equal(fixture_spool_files(o->dir), fixture_content_files(1));
	store_rollback(o->store);
	assert_int_equal(fixture_spool_files(o->dir), 0);
	assert_int_equal(store_count(o->store, &total), 0);
	assert_int_equal(total, 0);
	reopen(o);
	assert_int_equal(store_count(o->store, &total), 0);
	assert_int_equal(total, 0);
}

static void test_a_big_content_is_a_file_as_long_as_its_message(void **state)
{
	struct opened *o = *state;
	size_t octets = STORE_BLOB_OCTETS + 1;
	char *big = mem_array(octets, 1);
	struct store_entry e;
	AUTO(fd_close) int fd = -1;
	struct slice head;
	struct stat st;

	memset(big, 'b', octets);
	add_committed(o->store, 5, 0, (struct slice){ big, octets });
	assert_int_equal(fixture_spool_files(o->dir), fixture_content_files(1));
	assert_int_equal(store_open_content(o->store, 5, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, octets);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(store_read_content(o->store, 5, 10, o->arena, &head),
			 0);
	assert_text(head, "bbbbbbbbbb");
	assert_int_equal(store_load_place(o->store, 5, 0, o->arena, &e), 0);
	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(store_remove(o->store, 5, e.recipient.row), 0);
	/* Until the commit it may still be needed. */
	assert_int_equal(fixture_spool_files(o->dir), fixture_content_files(1));
	assert_int_equal(store_commit(o->store), 0);
	assert_int_equal(fixture_spool_files(o->dir), 0);
	mem_free(&big);
}

static void test_a_small_content_is_given_as_sealed_memfd(void **state)
{
	const int seals =
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct opened *o = *state;
	AUTO(fd_close) int fd = -1;
	char text[8] = "";

	add_committed(o->store, 5, 0, S("hello"));
	assert_int_equal(store_open_content(o->store, 5, &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS), seals);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
}

static void test_an_id_in_use_is_told_and_harms_nothing(void **state)
{
	struct opened *o = *state;
	struct slice content;

	add_committed(o->store, 5, 0, S("first"));
	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(add(o->store, 5, 0, S("second")), -EEXIST);
	assert_int_equal(add(o->store, 6, 0, S("third")), 0);
	assert_int_equal(store_commit(o->store), 0);
	assert_int_equal(store_read_content(o->store, 5, 9, o->arena, &content),
			 0);
	assert_text(content, "first");
	assert_int_equal(store_read_content(o->store, 6, 9, o->arena, &content),
			 0);
	assert_text(content, "third");
}

/* Takes at most max of a line, due at second 900, into entries. */
static size_t take(struct opened *o, enum store_line line, size_t max,
		   struct store_entry *entries)
{
	struct store_page page = { .arena = o->arena,
				   .entries = entries,
				   .max = max };

	assert_int_equal(store_take_due(o->store, line, 900, &page), 0);
	return page.count;
}

static void test_the_longest_overdue_come_first(void **state)
{
	struct opened *o = *state;
	struct store_entry due[8];

	add_committed(o->store, 1, 300, S("x"));
	add_committed(o->store, 2, 100, S("x"));
	add_committed(o->store, 3, 200, S("x"));
	add_committed(o->store, 4, 901, S("x"));
	assert_int_equal(take(o, STORE_NEW, 2, due), 2);
	assert_int_equal(due[0].message.queue_id, 2);
	assert_int_equal(due[1].message.queue_id, 3);
	/* What is taken stays taken, and the rest is still found behind it. */
	assert_int_equal(take(o, STORE_NEW, 6, due + 2), 1);
	assert_int_equal(due[2].message.queue_id, 1);
	store_give_back(o->store, due[0].recipient.row);
	assert_int_equal(take(o, STORE_NEW, 8, due), 1);
	assert_int_equal(due[0].message.queue_id, 2);
	assert_int_equal(take(o, STORE_DEFERRED, 8, due), 0);
}

static void test_due_is_found_by_index(void **state)
{
	struct opened *o = *state;
	char text[1024], plan[256] = "";
	sqlite3_stmt *st;

	(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s",
		       store_sql[ST_TAKE_DUE]);
	assert_int_equal(sqlite3_prepare_v2(sqlite_of(o->store)->db, text, -1,
					    &st, NULL),
			 SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		(void)snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan),
			       "%s;", (const char *)sqlite3_column_text(st, 3));
	(void)sqlite3_finalize(st);
	assert_non_null(strstr(plan, "recipient_due"));
	assert_null(strstr(plan, "SCAN"));
	assert_null(strstr(plan, "TEMP B-TREE"));
}

static void test_a_full_database_says_so_and_recovers(void **state)
{
	struct opened *o = *state;
	struct slice head;
	char page[4000];
	int r = 0;
	uint64_t id = 1, total;

	memset(page, 'p', sizeof(page));
	assert_int_equal(sqlite3_exec(sqlite_of(o->store)->db,
				      "PRAGMA max_page_count = 60", NULL, NULL,
				      NULL),
			 SQLITE_OK);
	while (id < 1000) {
		assert_int_equal(store_begin(o->store), 0);
		r = add(o->store, id, 0, (struct slice){ page, sizeof(page) });
		if (r == 0)
			r = store_commit(o->store);
		if (r < 0)
			break;
		id++;
	}
	assert_int_equal(r, -ENOSPC);
	store_rollback(o->store);
	assert_int_equal(store_count(o->store, &total), 0);
	assert_int_equal(total, id - 1);
	assert_int_equal(store_read_content(o->store, id, 1, o->arena, &head),
			 -ENOENT);
	assert_int_equal(sqlite3_exec(sqlite_of(o->store)->db,
				      "PRAGMA max_page_count = 1000000", NULL,
				      NULL, NULL),
			 SQLITE_OK);
	add_committed(o->store, id, 0, S("fits"));
	reopen(o);
	assert_int_equal(store_count(o->store, &total), 0);
	assert_int_equal(total, id);
}

static void test_unused_room_is_given_back(void **state)
{
	struct opened *o = *state;
	char page[4000], path[128];
	struct stat before, after;

	memset(page, 'p', sizeof(page));
	assert_int_equal(store_begin(o->store), 0);
	for (uint64_t id = 1; id <= 500; id++)
		assert_int_equal(add(o->store, id, 0,
				     (struct slice){ page, sizeof(page) }),
				 0);
	assert_int_equal(store_commit(o->store), 0);
	store_settle(o->store);
	(void)snprintf(path, sizeof(path), "%s/queue.db", o->dir);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(store_begin(o->store), 0);
	for (uint64_t id = 1; id <= 500; id++)
		assert_int_equal(store_remove(o->store, id, id), 0);
	assert_int_equal(store_commit(o->store), 0);
	for (int i = 0; i < 5; i++)
		store_shrink(o->store, true);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 4);
}

static void test_a_damaged_database_is_told_at_the_start(void **state)
{
	struct opened *o = *state;
	char path[128];
	struct store *again = NULL;
	int fd;

	add_committed(o->store, 1, 0, S("x"));
	store_free(&o->store);
	(void)snprintf(path, sizeof(path), "%s/queue.db", o->dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "this is not a database", 22, 0), 22);
	fd_close(&fd);
	assert_int_equal(fixture_open_store(o->dir, &again), -EUCLEAN);
	assert_null(again);
}

static void test_twenty_thousand_entries_survive_a_restart(void **state)
{
	struct opened *o = *state;
	struct store_entry due[4];
	uint64_t total;

	assert_int_equal(store_begin(o->store), 0);
	for (uint64_t id = 1; id <= 20000; id++)
		assert_int_equal(add(o->store, id * 0x9e3779b97f4a7c15u,
				     (int64_t)(20800 - id), S("content")),
				 0);
	assert_int_equal(store_commit(o->store), 0);
	reopen(o);
	assert_int_equal(take(o, STORE_NEW, 4, due), 4);
	assert_int_equal(due[0].recipient.due, 800);
	assert_int_equal(store_count(o->store, &total), 0);
	assert_int_equal(total, 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_fields_come_back),
		TEST(test_what_is_not_committed_is_not_there),
		TEST(test_a_big_content_is_a_file_as_long_as_its_message),
		TEST(test_a_small_content_is_given_as_sealed_memfd),
		TEST(test_an_id_in_use_is_told_and_harms_nothing),
		TEST(test_the_longest_overdue_come_first),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest of_sqlite[] = {
		TEST(test_twenty_thousand_entries_survive_a_restart),
		TEST(test_due_is_found_by_index),
		TEST(test_a_full_database_says_so_and_recovers),
		TEST(test_unused_room_is_given_back),
		TEST(test_a_damaged_database_is_told_at_the_start),
	};
	int failed = fixture_run_on_both(run);

	return failed + cmocka_run_group_tests_name("SQLite only", of_sqlite,
						    NULL, NULL);
}
