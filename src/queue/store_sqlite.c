#include "queue/store_sqlite.h"

#include "base/mem.h"
#include "queue/body.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 1000, LOG_OCTETS = 4 << 20 };

/* --- statements --------------------------------------------------------------- */

int store_errno(const struct sqlite *s, int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		if (s->db != NULL && sqlite3_system_errno(s->db) == ENOSPC)
			return -ENOSPC;
		return -EIO;
	}
}

void store_bind(sqlite3_stmt *st, int position, uint64_t value)
{
	int r = sqlite3_bind_int64(st, position, (sqlite3_int64)value);

	assert(r == SQLITE_OK);
	(void)r;
}

void store_bind_text(sqlite3_stmt *st, int position, struct slice text)
{
	int r = sqlite3_bind_text64(st, position, text.n > 0 ? text.p : "",
				    text.n, SQLITE_STATIC, SQLITE_UTF8);

	assert(r == SQLITE_OK);
	(void)r;
}

int store_fetch(struct sqlite *s, enum statement which)
{
	int result = sqlite3_step(s->statements[which]);

	if (result == SQLITE_ROW)
		return 1;
	if (result != SQLITE_DONE)
		return store_errno(s, result);
	store_reset(s, which);
	return 0;
}

void store_reset(struct sqlite *s, enum statement which)
{
	(void)sqlite3_reset(s->statements[which]);
}

int store_run(struct sqlite *s, enum statement which)
{
	int r = 1;

	while (r > 0) /* a pragma may give rows */
		r = store_fetch(s, which);
	if (r < 0)
		store_reset(s, which);
	return r;
}

static const char *problem(const struct store *store)
{
	const struct sqlite *s = (const struct sqlite *)(const void *)store;

	return sqlite3_errmsg(s->db);
}

/* --- transactions --------------------------------------------------------------- */

static int begin(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	return store_run(s, ST_BEGIN);
}

/* Files are synced as they are made; their names are on disk after this. */
static int sync_names(const struct sqlite *s)
{
	if (s->created.count > 0 && fsync(s->store.spool_dir) < 0)
		return -errno;
	return 0;
}

static void forget_changes(struct sqlite *s)
{
	s->removed.count = 0;
	s->created.count = 0;
	s->removed_octets = 0;
	s->created_octets = 0;
}

static int commit(struct store *store)
{
	struct sqlite *s = sqlite_of(store);
	int r = sync_names(s);

	if (r == 0)
		r = store_run(s, ST_COMMIT);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->removed.count; i++)
		body_remove(s->store.spool_dir, s->removed.ids[i]);
	s->file_octets += s->created_octets;
	s->file_octets -= s->removed_octets < s->file_octets ? s->removed_octets
							     : s->file_octets;
	forget_changes(s);
	return 0;
}

static void rollback(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	/* Some failures have rolled back already. */
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)store_run(s, ST_ROLLBACK);
	for (size_t i = 0; i < s->created.count; i++)
		body_remove(s->store.spool_dir, s->created.ids[i]);
	forget_changes(s);
}

static void settle(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	(void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
					NULL, NULL);
}

static uint64_t octets(struct store *store)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t used = 0;

	if (store_fetch(s, ST_USED_OCTETS) == 1)
		used = (uint64_t)sqlite3_column_int64(
			s->statements[ST_USED_OCTETS], 0);
	store_reset(s, ST_USED_OCTETS);
	return used + s->file_octets;
}

static void shrink(struct store *store, bool is_urgent)
{
	struct sqlite *s = sqlite_of(store);
	const int64_t worth_it = is_urgent ? 1 : 4096;
	int64_t pages = 0;

	if (store_fetch(s, ST_FREE_PAGES) == 1)
		pages = sqlite3_column_int64(s->statements[ST_FREE_PAGES], 0);
	store_reset(s, ST_FREE_PAGES);
	if (pages < worth_it)
		return;
	if (store_run(s, ST_SHRINK) == 0)
		settle(store); /* only then the file becomes shorter */
}

/* --- birth ------------------------------------------------------------------------ */

static int execute(struct sqlite *s, const char *text)
{
	return store_errno(s, sqlite3_exec(s->db, text, NULL, NULL, NULL));
}

static int read_version(struct sqlite *s, int *ret_version)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret_version = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return store_errno(s, r);
}

static int make_schema(struct sqlite *s)
{
	int version = 0;
	int r = read_version(s, &version);

	if (r < 0 || version == SCHEMA_VERSION)
		return r;
	if (version > SCHEMA_VERSION)
		return -EPROTONOSUPPORT; /* of a later release */
	r = execute(s, "BEGIN IMMEDIATE");
	if (r == 0 && version == 0)
		r = execute(s, store_schema);
	for (; version > 0 && version < SCHEMA_VERSION && r == 0; version++)
		r = execute(s, store_migrations[version]);
	if (r == 0)
		r = execute(s, "COMMIT");
	return r;
}

static int prepare(struct sqlite *s)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		int r = sqlite3_prepare_v3(s->db, store_sql[i], -1,
					   SQLITE_PREPARE_PERSISTENT,
					   &s->statements[i], NULL);

		if (r != SQLITE_OK)
			return store_errno(s, r);
	}
	return 0;
}

static int configure(struct sqlite *s)
{
	char text[160];
	int r;

	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	/* In this order: auto_vacuum is fixed by the first page written. */
	(void)snprintf(text, sizeof(text),
		       "PRAGMA temp_store = MEMORY;"
		       "PRAGMA auto_vacuum = INCREMENTAL;"
		       "PRAGMA journal_mode = WAL;"
		       "PRAGMA journal_size_limit = %d;",
		       LOG_OCTETS);
	r = execute(s, text);
	if (r < 0)
		return r;
	/* FULL: each commit is synced. Content needs no second wiping. The cache
	 * is small (2 MiB): the kernel has the same pages, and more of them was
	 * not seen to make a backlog faster. */
	return execute(s, "PRAGMA synchronous = FULL;"
			  "PRAGMA secure_delete = FAST;"
			  "PRAGMA cache_size = -2048;");
}

static int find_last_row(struct sqlite *s)
{
	int r = store_fetch(s, ST_LAST_ROW);

	if (r == 1)
		s->last_row = (uint64_t)sqlite3_column_int64(
			s->statements[ST_LAST_ROW], 0);
	store_reset(s, ST_LAST_ROW);
	return r < 0 ? r : 0;
}

static int open_database(struct sqlite *s, const char *dir)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			  SQLITE_OPEN_NOMUTEX;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/queue.db", dir);
	r = store_errno(s, sqlite3_open_v2(path, &s->db, flags, NULL));
	if (r == 0)
		r = configure(s);
	if (r == 0)
		r = make_schema(s);
	if (r == 0)
		r = execute(s, store_tables);
	if (r == 0)
		r = prepare(s);
	if (r == 0)
		r = find_last_row(s);
	return r;
}

static void free_sqlite(struct store *store)
{
	struct sqlite *s = sqlite_of(store);

	for (int i = 0; i < STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(s->statements[i]);
	(void)sqlite3_close(s->db);
	mem_free(&s->content);
	mem_free(&s->created.ids);
	mem_free(&s->removed.ids);
	mem_free(&s->taken.ids);
	mem_free(&s);
}

static const struct store_ops ops = {
	.free = free_sqlite,
	.problem = problem,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.add_message = sqlite_add_message,
	.add_recipient = sqlite_add_recipient,
	.remove = sqlite_remove,
	.defer = sqlite_defer,
	.postpone = sqlite_postpone,
	.hasten = sqlite_hasten,
	.end_holds = sqlite_end_holds,
	.hurry = sqlite_hurry,
	.release = sqlite_release,
	.hold = sqlite_hold,
	.drop = sqlite_drop,
	.add_key = sqlite_add_key,
	.keep_tls = sqlite_keep_tls,
	.forget_tls = sqlite_forget_tls,
	.keep_sts = sqlite_keep_sts,
	.use_sts = sqlite_use_sts,
	.expire_sts = sqlite_expire_sts,
	.take_due = sqlite_take_due,
	.give_back = sqlite_give_back,
	.load = sqlite_load,
	.load_place = sqlite_load_place,
	.list = sqlite_list,
	.count = sqlite_count,
	.octets = octets,
	.has_message = sqlite_has_message,
	.load_keys = sqlite_load_keys,
	.load_tls = sqlite_load_tls,
	.list_tls = sqlite_list_tls,
	.load_sts = sqlite_load_sts,
	.list_sts = sqlite_list_sts,
	.count_dmarc = sqlite_count_dmarc,
	.expire_dmarc = sqlite_expire_dmarc,
	.list_dmarc = sqlite_list_dmarc,
	.count_tls = sqlite_count_tls,
	.take_tls_report = sqlite_take_tls_report,
	.end_tls_report = sqlite_end_tls_report,
	.list_tls_counts = sqlite_list_tls_counts,
	.list_tls_reports = sqlite_list_tls_reports,
	.add_usage = sqlite_add_usage,
	.forget_usage = sqlite_forget_usage,
	.keep_correspondent = sqlite_keep_correspondent,
	.load_usage = sqlite_load_usage,
	.list_usage = sqlite_list_usage,
	.load_correspondent = sqlite_load_correspondent,
	.open_content = sqlite_open_content,
	.read_content = sqlite_read_content,
	.settle = settle,
	.shrink = shrink,
};

int sqlite_open(const char *dir, struct store **ret_store)
{
	struct sqlite *s = mem_new(sizeof(*s));
	AUTO(store_free) struct store *store = &s->store;
	AUTO(fd_close) int state_dir = -1;
	int r;

	s->store = (struct store){ .ops = &ops,
				   .spool_dir = -1,
				   .keeps_contents = true };
	s->content = mem_array(STORE_BLOB_OCTETS, 1);
	r = store_open_dirs(dir, &state_dir, &s->store.spool_dir);
	if (r == 0)
		r = open_database(s, dir);
	if (r == 0)
		s->file_octets = body_total(s->store.spool_dir);
	/* The names of what was made just now are on disk, too. */
	if (r == 0 && fsync(state_dir) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret_store = store;
	store = NULL;
	return 0;
}
