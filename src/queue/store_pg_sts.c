#include "queue/store_pg.h"

#include "base/mem.h"

#include <errno.h>

enum { PATTERNS_OCTETS = 1 << 20 };

int pg_keep_sts(struct store *store, const struct store_sts *kept)
{
	AUTO(arena_free) struct arena *arena = arena_new(PATTERNS_OCTETS);
	struct pg *s = pg_of(store);
	const struct sts *sts = &kept->sts;
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, kept->domain);
	pg_bytes(&p, sts->id);
	pg_number(&p, sts->mode);
	pg_number(&p, sts->max_age_s);
	pg_bytes(&p, store_row_patterns(sts, arena));
	pg_time(&p, s, (int64_t)sts->fetched);
	pg_time(&p, s, (int64_t)sts->tried);
	pg_time(&p, s, kept->used);
	return pg_post(s, PG_KEEP_STS, &p);
}

int pg_use_sts(struct store *store, struct slice domain, int64_t used)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, domain);
	pg_time(&p, s, used);
	return pg_post(s, PG_USE_STS, &p);
}

int pg_expire_sts(struct store *store, int64_t now)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	pg_time(&p, s, now);
	return pg_post(s, PG_EXPIRE_STS, &p);
}

static void read_row(const struct pg *s, const PGresult *result, int row,
		     struct arena *arena, struct store_sts *ret_sts)
{
	struct pg_reader c = pg_reader(s, result, row, arena);

	store_row_read_sts(&c.row, ret_sts);
}

int pg_load_sts(struct store *store, struct slice domain, struct arena *arena,
		struct store_sts *ret_sts)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_bytes(&p, domain);
	r = pg_ask_ready(s, PG_LOAD_STS, &p, &result);
	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		read_row(s, result, 0, arena, ret_sts);
	PQclear(result);
	return r;
}

int pg_list_sts(struct store *store, int64_t now, int64_t used,
		struct store_sts_page *page)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_time(&p, s, now);
	pg_time(&p, s, used);
	pg_number(&p, page->max);
	r = pg_ask_ready(s, PG_LIST_STS, &p, &result);
	if (r == 0) {
		page->count = (size_t)PQntuples(result);
		for (size_t i = 0; i < page->count; i++)
			read_row(s, result, (int)i, page->arena,
				 &page->items[i]);
	}
	PQclear(result);
	return r;
}
