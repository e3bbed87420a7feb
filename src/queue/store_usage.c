#include "queue/store_sqlite.h"

#include <errno.h>

int sqlite_add_usage(struct store *store, const struct store_usage *usage)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_ADD_USAGE];

	store_bind_text(st, 1, usage->login);
	store_bind(st, 2, (uint64_t)usage->day);
	store_bind(st, 3, usage->messages);
	store_bind(st, 4, usage->message_limit);
	store_bind(st, 5, usage->recipients);
	store_bind(st, 6, usage->recipient_limit);
	store_bind(st, 7, usage->is_told);
	return store_run(s, ST_ADD_USAGE);
}

static int expire(struct sqlite *s, int64_t day, uint64_t *ret_count)
{
	int r;

	store_bind(s->statements[ST_EXPIRE_CORRESPONDENTS], 1, (uint64_t)day);
	r = store_run(s, ST_EXPIRE_CORRESPONDENTS);
	if (r < 0)
		return r;
	store_bind(s->statements[ST_EXPIRE_USAGE], 1, (uint64_t)day);
	r = store_run(s, ST_EXPIRE_USAGE);
	if (r == 0)
		*ret_count = (uint64_t)sqlite3_changes(s->db);
	return r;
}

int sqlite_forget_usage(struct store *store, struct slice login, int64_t day,
			uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_FORGET_USAGE];
	int r;

	if (login.n == 0)
		return expire(s, day, ret_count);
	store_bind(st, 1, (uint64_t)day);
	store_bind_text(st, 2, login);
	r = store_run(s, ST_FORGET_USAGE);
	if (r == 0)
		*ret_count = (uint64_t)sqlite3_changes(s->db);
	return r;
}

int sqlite_keep_correspondent(struct store *store, struct slice login,
			      uint64_t hash, int64_t day)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_KEEP_CORRESPONDENT];

	store_bind_text(st, 1, login);
	store_bind(st, 2, hash);
	store_bind(st, 3, (uint64_t)day);
	return store_run(s, ST_KEEP_CORRESPONDENT);
}

/* --- reading ----------------------------------------------------------------------- */

static uint64_t count_at(sqlite3_stmt *st, int column)
{
	int64_t value = sqlite3_column_int64(st, column);

	return value > 0 ? (uint64_t)value : 0;
}

static void read_row(sqlite3_stmt *st, struct arena *arena,
		     struct store_usage *ret_usage)
{
	const void *login = sqlite3_column_text(st, 0);
	int octets = sqlite3_column_bytes(st, 0);

	*ret_usage = (struct store_usage){
		.login = arena_copy(
			arena,
			(struct slice){ login,
					octets > 0 ? (size_t)octets : 0 }),
		.day = sqlite3_column_int64(st, 1),
		.messages = count_at(st, 2),
		.message_limit = count_at(st, 3),
		.recipients = count_at(st, 4),
		.recipient_limit = count_at(st, 5),
		.is_told = count_at(st, 6) > 0,
	};
}

int sqlite_load_usage(struct store *store, struct slice login, int64_t day,
		      struct arena *arena, struct store_usage *ret_usage)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LOAD_USAGE];
	int r;

	store_bind(st, 1, (uint64_t)day);
	store_bind_text(st, 2, login);
	r = store_fetch(s, ST_LOAD_USAGE);
	if (r == 1)
		read_row(st, arena, ret_usage);
	store_reset(s, ST_LOAD_USAGE);
	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : 0;
}

int sqlite_list_usage(struct store *store, int64_t day, struct slice after,
		      struct store_usage_page *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_USAGE];
	size_t count = 0;
	int r = 0;

	store_bind(st, 1, (uint64_t)day);
	store_bind_text(st, 2, after);
	store_bind(st, 3, page->max);
	while (count < page->max && (r = store_fetch(s, ST_LIST_USAGE)) == 1)
		read_row(st, page->arena, &page->items[count++]);
	store_reset(s, ST_LIST_USAGE);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}

int sqlite_load_correspondent(struct store *store, struct slice login,
			      uint64_t hash, int64_t *ret_day)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LOAD_CORRESPONDENT];
	int r;

	store_bind_text(st, 1, login);
	store_bind(st, 2, hash);
	r = store_fetch(s, ST_LOAD_CORRESPONDENT);
	if (r == 1)
		*ret_day = sqlite3_column_int64(st, 0);
	store_reset(s, ST_LOAD_CORRESPONDENT);
	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : 0;
}
