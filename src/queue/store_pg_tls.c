#include "queue/store_pg.h"

#include <errno.h>

int pg_keep_tls(struct store *store, const struct store_tls *tls,
		int64_t expired)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, tls->destination);
	pg_number(&p, tls->level);
	pg_time(&p, s, tls->seen);
	pg_bytes(&p, tls->reason);
	pg_time(&p, s, expired);
	return pg_post(s, PG_KEEP_TLS, &p);
}

int pg_forget_tls(struct store *store, struct slice destination,
		  int64_t expired, uint64_t *ret_count)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	if (destination.n > 0)
		pg_bytes(&p, destination);
	else
		pg_time(&p, s, expired);
	r = pg_ask(s, destination.n > 0 ? PG_FORGET_TLS : PG_EXPIRE_TLS, &p,
		   &result);
	if (r == 0)
		*ret_count = pg_changed(result);
	PQclear(result);
	return r;
}

static void read_row(const struct pg *s, const PGresult *result, int row,
		     struct arena *arena, struct store_tls *ret_tls)
{
	uint64_t level = pg_get_number(result, row, 1);

	*ret_tls = (struct store_tls){
		.destination = arena_copy(arena, pg_get_bytes(result, row, 0)),
		.level = level <= TLS_LEVEL_VERIFIED ? (enum tls_level)level
						     : TLS_LEVEL_NONE,
		.seen = (int64_t)pg_get_number(result, row, 2) - s->skew_s,
		.reason = arena_copy(arena, pg_get_bytes(result, row, 3)),
	};
}

int pg_load_tls(struct store *store, struct slice destination,
		struct arena *arena, struct store_tls *ret_tls)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_bytes(&p, destination);
	r = pg_ask_ready(s, PG_LOAD_TLS, &p, &result);
	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		read_row(s, result, 0, arena, ret_tls);
	PQclear(result);
	return r;
}

int pg_list_tls(struct store *store, struct slice after,
		struct store_tls_page *page)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_bytes(&p, after);
	pg_number(&p, page->max);
	r = pg_ask_ready(s, PG_LIST_TLS, &p, &result);
	if (r == 0) {
		page->count = (size_t)PQntuples(result);
		for (size_t i = 0; i < page->count; i++)
			read_row(s, result, (int)i, page->arena,
				 &page->items[i]);
	}
	PQclear(result);
	return r;
}
