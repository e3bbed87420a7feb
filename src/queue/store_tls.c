#include "queue/store_sqlite.h"

#include <errno.h>

int sqlite_keep_tls(struct store *store, const struct store_tls *tls,
		    int64_t expired)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_KEEP_TLS];

	store_bind_text(st, 1, tls->destination);
	store_bind(st, 2, tls->level);
	store_bind(st, 3, (uint64_t)tls->seen);
	store_bind_text(st, 4, tls->reason);
	store_bind(st, 5, (uint64_t)expired);
	return store_run(s, ST_KEEP_TLS);
}

int sqlite_forget_tls(struct store *store, struct slice destination,
		      int64_t expired, uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	enum statement which =
		destination.n > 0 ? ST_FORGET_TLS : ST_EXPIRE_TLS;
	int r;

	if (which == ST_FORGET_TLS)
		store_bind_text(s->statements[which], 1, destination);
	else
		store_bind(s->statements[which], 1, (uint64_t)expired);
	r = store_run(s, which);
	if (r == 0)
		*ret_count = (uint64_t)sqlite3_changes(s->db);
	return r;
}

static struct slice text_at(sqlite3_stmt *st, int column, struct arena *arena)
{
	const void *p = sqlite3_column_text(st, column);
	int n = sqlite3_column_bytes(st, column);

	return arena_copy(arena, (struct slice){ p, n > 0 ? (size_t)n : 0 });
}

static void read_row(sqlite3_stmt *st, struct arena *arena,
		     struct store_tls *ret_tls)
{
	int64_t level = sqlite3_column_int64(st, 1);

	*ret_tls = (struct store_tls){
		.destination = text_at(st, 0, arena),
		.level = level >= 0 && level <= TLS_LEVEL_VERIFIED
				 ? (enum tls_level)level
				 : TLS_LEVEL_NONE,
		.seen = sqlite3_column_int64(st, 2),
		.reason = text_at(st, 3, arena),
	};
}

int sqlite_load_tls(struct store *store, struct slice destination,
		    struct arena *arena, struct store_tls *ret_tls)
{
	struct sqlite *s = sqlite_of(store);
	int r;

	store_bind_text(s->statements[ST_LOAD_TLS], 1, destination);
	r = store_fetch(s, ST_LOAD_TLS);
	if (r == 1)
		read_row(s->statements[ST_LOAD_TLS], arena, ret_tls);
	store_reset(s, ST_LOAD_TLS);
	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : 0;
}

int sqlite_list_tls(struct store *store, struct slice after,
		    struct store_tls_page *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_TLS];
	size_t count = 0;
	int r = 0;

	store_bind_text(st, 1, after);
	store_bind(st, 2, page->max);
	while (count < page->max && (r = store_fetch(s, ST_LIST_TLS)) == 1)
		read_row(st, page->arena, &page->items[count++]);
	store_reset(s, ST_LIST_TLS);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}
