#include "queue/store_sqlite.h"

#include "base/mem.h"

#include <errno.h>

enum { PATTERNS_OCTETS = 1 << 20 };

int sqlite_keep_sts(struct store *store, const struct store_sts *kept)
{
	AUTO(arena_free) struct arena *arena = arena_new(PATTERNS_OCTETS);
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_KEEP_STS];
	const struct sts *sts = &kept->sts;

	store_bind_text(st, 1, kept->domain);
	store_bind_text(st, 2, sts->id);
	store_bind(st, 3, sts->mode);
	store_bind(st, 4, sts->max_age_s);
	store_bind_text(st, 5, store_row_patterns(sts, arena));
	store_bind(st, 6, sts->fetched);
	store_bind(st, 7, sts->tried);
	store_bind(st, 8, (uint64_t)kept->used);
	return store_run(s, ST_KEEP_STS);
}

int sqlite_use_sts(struct store *store, struct slice domain, int64_t used)
{
	struct sqlite *s = sqlite_of(store);

	store_bind_text(s->statements[ST_USE_STS], 1, domain);
	store_bind(s->statements[ST_USE_STS], 2, (uint64_t)used);
	return store_run(s, ST_USE_STS);
}

int sqlite_expire_sts(struct store *store, int64_t now)
{
	struct sqlite *s = sqlite_of(store);

	store_bind(s->statements[ST_EXPIRE_STS], 1, (uint64_t)now);
	return store_run(s, ST_EXPIRE_STS);
}

static void read_row(sqlite3_stmt *st, struct arena *arena,
		     struct store_sts *ret_sts)
{
	struct sqlite_reader c = sqlite_reader(st, arena);

	store_row_read_sts(&c.row, ret_sts);
}

int sqlite_load_sts(struct store *store, struct slice domain,
		    struct arena *arena, struct store_sts *ret_sts)
{
	struct sqlite *s = sqlite_of(store);
	int r;

	store_bind_text(s->statements[ST_LOAD_STS], 1, domain);
	r = store_fetch(s, ST_LOAD_STS);
	if (r == 1)
		read_row(s->statements[ST_LOAD_STS], arena, ret_sts);
	store_reset(s, ST_LOAD_STS);
	if (r == 0)
		return -ENOENT;
	return r < 0 ? r : 0;
}

int sqlite_list_sts(struct store *store, int64_t now, int64_t used,
		    struct store_sts_page *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_STS];
	size_t count = 0;
	int r = 0;

	store_bind(st, 1, (uint64_t)now);
	store_bind(st, 2, (uint64_t)used);
	store_bind(st, 3, page->max);
	while (count < page->max && (r = store_fetch(s, ST_LIST_STS)) == 1)
		read_row(st, page->arena, &page->items[count++]);
	store_reset(s, ST_LIST_STS);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}
