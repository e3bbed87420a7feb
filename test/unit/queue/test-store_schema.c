/* Databases of former versions go on as they are. */
#include "queue/store.h"

#include "fixture.h"

#include "base/mem.h"
#include "queue/store_sqlite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

/* As version 1 made it, with a message to two. */
static const char version_1[] =
	"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
	"CREATE TABLE message (queue_id INTEGER PRIMARY KEY,"
	" trace TEXT NOT NULL, reverse_path TEXT NOT NULL,"
	" envid TEXT NOT NULL, login TEXT NOT NULL, ret INTEGER NOT NULL,"
	" is_8bit INTEGER NOT NULL, is_smtputf8 INTEGER NOT NULL,"
	" arrived INTEGER NOT NULL, content_octets INTEGER NOT NULL,"
	" content BLOB);"
	"CREATE TABLE recipient (row INTEGER PRIMARY KEY,"
	" queue_id INTEGER NOT NULL REFERENCES message,"
	" place INTEGER NOT NULL, address TEXT NOT NULL,"
	" original TEXT NOT NULL, orcpt_type TEXT NOT NULL,"
	" orcpt TEXT NOT NULL, notify INTEGER NOT NULL,"
	" line INTEGER NOT NULL, due INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL, holder INTEGER,"
	" last_try INTEGER NOT NULL, last_kind INTEGER NOT NULL,"
	" last_code INTEGER NOT NULL, last_status INTEGER NOT NULL,"
	" last_text TEXT NOT NULL);"
	"CREATE INDEX recipient_due ON recipient (line, due);"
	"CREATE UNIQUE INDEX recipient_place ON recipient (queue_id, place);"
	"CREATE INDEX recipient_holder ON recipient (holder)"
	" WHERE holder IS NOT NULL;"
	"CREATE VIEW queue AS SELECT printf('%016x', queue_id) AS id, address"
	" FROM recipient JOIN message USING (queue_id);"
	"INSERT INTO message VALUES (7, 'a.1', 's@x', 'e', 'l', 1, 1, 0, 1000,"
	" 2, CAST('hi' AS BLOB));"
	"INSERT INTO recipient VALUES (NULL, 7, 0, 'a@d', 'o@d', 'rfc822', 'q',"
	" 4, 0, 1000, 0, NULL, 0, 4, 0, 0, '');"
	"INSERT INTO recipient VALUES (NULL, 7, 1, 'b@d', 'o@d', '', '',"
	" 0, 1, 1500, 2, NULL, 1200, 2, 452, 262658, 'full');"
	"PRAGMA user_version = 1;";

struct opened {
	char dir[64];
	struct store *store;
	struct arena *arena;
};

static int set_up(void **state)
{
	struct opened *o = mem_new(sizeof(*o));

	fixture_make_dir(o->dir);
	o->arena = arena_new(1 << 20);
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

static void run_sql(const struct opened *o, const char *sql)
{
	char path[128];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/queue.db", o->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_version_1(void **state)
{
	struct opened *o = *state;
	struct store_entry e[2];
	struct store_page page = { .arena = o->arena, .entries = e, .max = 2 };
	struct slice content;

	run_sql(o, version_1);
	for (int i = 0; i < 2;
	     i++) { /* the second time there is nothing to do */
		store_free(&o->store);
		assert_int_equal(
			store_open(&(struct store_place){ .dir = o->dir },
				   &o->store),
			0);
	}
	assert_int_equal(store_list(o->store, 0, 0, &page), 0);
	assert_int_equal(page.count, 2);
	assert_true(slice_equal(e[0].message.trace, S("a.1")));
	assert_int_equal(e[0].message.arrived, 1000);
	assert_int_equal(e[0].message.since, 1000);
	assert_int_equal(e[0].message.hold.n, 0);
	assert_int_equal(e[0].recipient.target.kind, TARGET_MAILBOX);
	assert_true(slice_equal(e[0].recipient.target.address, S("a@d")));
	assert_int_equal(e[0].recipient.line, STORE_NEW);
	assert_int_equal(e[1].recipient.line, STORE_DEFERRED);
	assert_int_equal(e[1].recipient.last.code, 452);
	assert_int_equal(e[1].recipient.last.status[1], 2);
	assert_true(slice_equal(e[1].recipient.last.text, S("full")));
	assert_int_equal(store_read_content(o->store, 7, 9, o->arena, &content),
			 0);
	assert_true(slice_equal(content, S("hi")));
}

/* A database that was migrated and one that was made now are the same. */
static void test_the_same_in_the_end(void **state)
{
	struct opened *o = *state;
	struct store_recipient r = {
		.queue_id = 7,
		.place = 2,
		.target = { .kind = TARGET_COMMAND, .address = S("c@d") },
		.tls_demand = TLS_DEMAND_REQUIRED,
		.last.text = S("text"),
	};
	struct store_message m = { .queue_id = 8,
				   .hold = S("why"),
				   .trace = S("b.1") };
	struct store_content c = { .fd = -1 };
	struct store_entry e;
	uint64_t count;

	run_sql(o, version_1);
	assert_int_equal(
		store_open(&(struct store_place){ .dir = o->dir }, &o->store),
		0);
	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(store_add_recipient(o->store, &r), 0);
	assert_int_equal(store_add_message(o->store, &m, &c), 0);
	r.queue_id = 8;
	r.line = STORE_HELD;
	assert_int_equal(store_add_recipient(o->store, &r), 0);
	assert_int_equal(store_commit(o->store), 0);
	assert_int_equal(store_load_place(o->store, 7, 2, o->arena, &e), 0);
	assert_int_equal(e.recipient.target.kind, TARGET_COMMAND);
	assert_true(slice_equal(e.recipient.last.text, S("text")));
	assert_int_equal(e.recipient.tls_demand, TLS_DEMAND_REQUIRED);
	assert_int_equal(store_load_place(o->store, 8, 2, o->arena, &e), 0);
	assert_true(slice_equal(e.message.hold, S("why")));
	assert_int_equal(store_drop(o->store, 8, &count), 0);
	assert_int_equal(count, 1);
	store_free(&o->store);
	run_sql(o, "SELECT id, kind, line, reason FROM queue;"
		   "CREATE TEMP TABLE left_over (n INTEGER CHECK (n = 0));"
		   "INSERT INTO left_over SELECT count(*) FROM hold;");
}

static void test_a_later_version(void **state)
{
	struct opened *o = *state;
	char later[64];

	(void)snprintf(later, sizeof(later), "PRAGMA user_version = %d;",
		       SCHEMA_VERSION + 1);
	run_sql(o, later);
	assert_int_equal(
		store_open(&(struct store_place){ .dir = o->dir }, &o->store),
		-EPROTONOSUPPORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_version_1),
		TEST(test_the_same_in_the_end),
		TEST(test_a_later_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
