#include "queue/store_pg.h"

#include <errno.h>

int pg_add_usage(struct store *store, const struct store_usage *usage)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, usage->login);
	pg_number(&p, (uint64_t)usage->day);
	pg_number(&p, usage->messages);
	pg_number(&p, usage->message_limit);
	pg_number(&p, usage->recipients);
	pg_number(&p, usage->recipient_limit);
	pg_number(&p, usage->is_told);
	return pg_post(s, PG_ADD_USAGE, &p);
}

int pg_forget_usage(struct store *store, struct slice login, int64_t day,
		    uint64_t *ret_count)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r = 0;

	pg_number(&p, (uint64_t)day);
	if (login.n > 0)
		pg_bytes(&p, login);
	else
		r = pg_post(s, PG_EXPIRE_CORRESPONDENTS, &p);
	if (r == 0)
		r = pg_ask(s, login.n > 0 ? PG_FORGET_USAGE : PG_EXPIRE_USAGE,
			   &p, &result);
	if (r == 0)
		*ret_count = pg_changed(result);
	PQclear(result);
	return r;
}

int pg_keep_correspondent(struct store *store, struct slice login,
			  uint64_t hash, int64_t day)
{
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, login);
	pg_number(&p, hash);
	pg_number(&p, (uint64_t)day);
	return pg_post(pg_of(store), PG_KEEP_CORRESPONDENT, &p);
}

/* --- reading ----------------------------------------------------------------------- */

static void read_row(const PGresult *result, int row, struct arena *arena,
		     struct store_usage *ret_usage)
{
	*ret_usage = (struct store_usage){
		.login = arena_copy(arena, pg_get_bytes(result, row, 0)),
		.day = (int64_t)pg_get_number(result, row, 1),
		.messages = pg_get_number(result, row, 2),
		.message_limit = pg_get_number(result, row, 3),
		.recipients = pg_get_number(result, row, 4),
		.recipient_limit = pg_get_number(result, row, 5),
		.is_told = pg_get_number(result, row, 6) > 0,
	};
}

int pg_load_usage(struct store *store, struct slice login, int64_t day,
		  struct arena *arena, struct store_usage *ret_usage)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, (uint64_t)day);
	pg_bytes(&p, login);
	r = pg_ask_ready(pg_of(store), PG_LOAD_USAGE, &p, &result);
	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		read_row(result, 0, arena, ret_usage);
	PQclear(result);
	return r;
}

int pg_list_usage(struct store *store, int64_t day, struct slice after,
		  struct store_usage_page *page)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, (uint64_t)day);
	pg_bytes(&p, after);
	pg_number(&p, page->max);
	r = pg_ask_ready(pg_of(store), PG_LIST_USAGE, &p, &result);
	if (r == 0) {
		page->count = (size_t)PQntuples(result);
		for (size_t i = 0; i < page->count; i++)
			read_row(result, (int)i, page->arena, &page->items[i]);
	}
	PQclear(result);
	return r;
}

int pg_load_correspondent(struct store *store, struct slice login,
			  uint64_t hash, int64_t *ret_day)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_bytes(&p, login);
	pg_number(&p, hash);
	r = pg_ask_ready(pg_of(store), PG_LOAD_CORRESPONDENT, &p, &result);
	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		*ret_day = (int64_t)pg_get_number(result, 0, 0);
	PQclear(result);
	return r;
}
