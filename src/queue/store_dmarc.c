#include "queue/store_sqlite.h"

int sqlite_count_dmarc(struct store *store,
		       const struct store_dmarc_count *count)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_COUNT_DMARC];

	store_bind(st, 1, (uint64_t)count->day);
	store_bind_text(st, 2, count->domain);
	store_bind_text(st, 3, count->fact);
	store_bind_text(st, 4, count->outline);
	store_bind(st, 5, count->messages);
	store_bind(st, 6, STORE_DMARC_FACTS);
	store_bind(st, 7, STORE_DMARC_ROWS);
	return store_run(s, ST_COUNT_DMARC);
}

int sqlite_expire_dmarc(struct store *store, int64_t day)
{
	struct sqlite *s = sqlite_of(store);

	store_bind(s->statements[ST_EXPIRE_DMARC], 1, (uint64_t)day);
	return store_run(s, ST_EXPIRE_DMARC);
}

static struct slice text_at(sqlite3_stmt *st, int column, struct arena *arena)
{
	const void *p = sqlite3_column_blob(st, column);
	int n = sqlite3_column_bytes(st, column);

	return arena_copy(arena, (struct slice){ p, n > 0 ? (size_t)n : 0 });
}

int sqlite_list_dmarc(struct store *store, int64_t day, struct slice domain,
		      struct store_dmarc_page *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_DMARC];
	size_t count = 0;
	int r = 0;

	store_bind(st, 1, (uint64_t)day);
	store_bind_text(st, 2, domain);
	store_bind(st, 3, page->max);
	while (count < page->max && (r = store_fetch(s, ST_LIST_DMARC)) == 1)
		page->items[count++] = (struct store_dmarc_count){
			.day = day,
			.domain = domain,
			.fact = text_at(st, 0, page->arena),
			.messages = (uint64_t)sqlite3_column_int64(st, 1),
		};
	store_reset(s, ST_LIST_DMARC);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}
