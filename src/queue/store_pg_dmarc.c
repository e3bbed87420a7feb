#include "queue/store_pg.h"

int pg_count_dmarc(struct store *store, const struct store_dmarc_count *count)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, (uint64_t)count->day);
	pg_bytes(&p, count->domain);
	pg_bytes(&p, count->fact);
	pg_bytes(&p, count->outline);
	pg_number(&p, count->messages);
	pg_number(&p, STORE_DMARC_FACTS);
	pg_number(&p, STORE_DMARC_ROWS);
	return pg_post(pg_of(store), PG_COUNT_DMARC, &p);
}

int pg_expire_dmarc(struct store *store, int64_t day)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, (uint64_t)day);
	return pg_post(pg_of(store), PG_EXPIRE_DMARC, &p);
}

int pg_list_dmarc(struct store *store, int64_t day, struct slice domain,
		  struct store_dmarc_page *page)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, (uint64_t)day);
	pg_bytes(&p, domain);
	pg_number(&p, page->max);
	r = pg_ask_ready(pg_of(store), PG_LIST_DMARC, &p, &result);
	for (int i = 0; r == 0 && i < PQntuples(result); i++)
		page->items[i] = (struct store_dmarc_count){
			.day = day,
			.domain = domain,
			.fact = arena_copy(page->arena,
					   pg_get_bytes(result, i, 0)),
			.messages = pg_get_number(result, i, 1),
		};
	if (r == 0)
		page->count = (size_t)PQntuples(result);
	PQclear(result);
	return r;
}
