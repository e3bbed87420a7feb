#include "queue/store_pg.h"

#include <errno.h>

static void put_day(struct pg_params *p, int64_t day, struct slice domain)
{
	pg_number(p, (uint64_t)day);
	pg_bytes(p, domain);
}

int pg_count_tls(struct store *store, const struct store_tls_count *count,
		 int64_t due)
{
	struct pg *s = pg_of(store);
	struct pg_params counted = { .count = 0 }, report = { .count = 0 };
	int r;

	put_day(&counted, count->day, count->domain);
	pg_bytes(&counted, count->fact);
	pg_bytes(&counted, count->outline);
	pg_number(&counted, count->sessions);
	pg_number(&counted, STORE_TLS_FACTS);
	r = pg_post(s, PG_COUNT_TLS, &counted);
	if (r < 0)
		return r;
	put_day(&report, count->day, count->domain);
	pg_time(&report, s, due);
	return pg_post(s, PG_ADD_TLS_REPORT, &report);
}

static struct store_tls_report report_at(const struct pg *s,
					 const PGresult *result, int row,
					 struct arena *arena)
{
	return (struct store_tls_report){
		.day = (int64_t)pg_get_number(result, row, 0),
		.domain = arena_copy(arena, pg_get_bytes(result, row, 1)),
		.due = (int64_t)pg_get_number(result, row, 2) - s->skew_s,
		.tries = (uint32_t)pg_get_number(result, row, 3),
	};
}

int pg_take_tls_report(struct store *store, int64_t now, int64_t again,
		       struct arena *arena, struct store_tls_report *ret_report)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_time(&p, s, now);
	pg_time(&p, s, again);
	r = pg_ask(s, PG_TAKE_TLS_REPORT, &p, &result);
	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		*ret_report = report_at(s, result, 0, arena);
	PQclear(result);
	return r;
}

int pg_end_tls_report(struct store *store, int64_t day, struct slice domain,
		      bool *ret_was_there)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	put_day(&p, day, domain);
	r = pg_ask(s, PG_END_TLS_REPORT, &p, &result);
	if (r == 0)
		*ret_was_there = pg_changed(result) > 0;
	PQclear(result);
	return r < 0 ? r : pg_post(s, PG_FORGET_TLS_COUNTS, &p);
}

/* A page of what belongs to, or follows, that day and domain; also outside of
 * a transaction. */
static int ask_page(struct pg *s, enum pg_statement which,
		    const struct store_tls_report *of, size_t max,
		    PGresult **ret_result)
{
	struct pg_params p = { .count = 0 };
	int r = pg_ready(s);

	put_day(&p, of->day, of->domain);
	pg_number(&p, max);
	return r < 0 ? r : pg_ask(s, which, &p, ret_result);
}

int pg_list_tls_counts(struct store *store, int64_t day, struct slice domain,
		       struct store_tls_counts *page)
{
	const struct store_tls_report of = { .day = day, .domain = domain };
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	int r = ask_page(s, PG_LIST_TLS_COUNTS, &of, page->max, &result);

	if (r == 0)
		page->count = (size_t)PQntuples(result);
	for (int i = 0; r == 0 && (size_t)i < page->count; i++)
		page->items[i] = (struct store_tls_count){
			.day = (int64_t)pg_get_number(result, i, 0),
			.domain = arena_copy(page->arena,
					     pg_get_bytes(result, i, 1)),
			.sessions = pg_get_number(result, i, 2),
			.fact = arena_copy(page->arena,
					   pg_get_bytes(result, i, 3)),
		};
	PQclear(result);
	return r;
}

int pg_list_tls_reports(struct store *store, int64_t day, struct slice domain,
			struct store_tls_reports *page)
{
	const struct store_tls_report after = { .day = day, .domain = domain };
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	int r = ask_page(s, PG_LIST_TLS_REPORTS, &after, page->max, &result);

	if (r == 0)
		page->count = (size_t)PQntuples(result);
	for (int i = 0; r == 0 && (size_t)i < page->count; i++)
		page->items[i] = report_at(s, result, i, page->arena);
	PQclear(result);
	return r;
}
