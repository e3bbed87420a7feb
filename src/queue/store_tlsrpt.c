#include "queue/store_sqlite.h"

#include <errno.h>

static void bind_day(sqlite3_stmt *st, int64_t day, struct slice domain)
{
	store_bind(st, 1, (uint64_t)day);
	store_bind_text(st, 2, domain);
}

int sqlite_count_tls(struct store *store, const struct store_tls_count *count,
		     int64_t due)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_COUNT_TLS];
	int r;

	bind_day(st, count->day, count->domain);
	store_bind_text(st, 3, count->fact);
	store_bind_text(st, 4, count->outline);
	store_bind(st, 5, count->sessions);
	store_bind(st, 6, STORE_TLS_FACTS);
	r = store_run(s, ST_COUNT_TLS);
	if (r < 0)
		return r;
	st = s->statements[ST_ADD_TLS_REPORT];
	bind_day(st, count->day, count->domain);
	store_bind(st, 3, (uint64_t)due);
	return store_run(s, ST_ADD_TLS_REPORT);
}

static struct slice text_at(sqlite3_stmt *st, int column, struct arena *arena)
{
	const void *p = sqlite3_column_blob(st, column);
	int n = sqlite3_column_bytes(st, column);

	return arena_copy(arena, (struct slice){ p, n > 0 ? (size_t)n : 0 });
}

static struct store_tls_report report_at(sqlite3_stmt *st, struct arena *arena)
{
	return (struct store_tls_report){
		.day = sqlite3_column_int64(st, 0),
		.domain = text_at(st, 1, arena),
		.due = sqlite3_column_int64(st, 2),
		.tries = (uint32_t)sqlite3_column_int64(st, 3),
	};
}

int sqlite_take_tls_report(struct store *store, int64_t now, int64_t again,
			   struct arena *arena,
			   struct store_tls_report *ret_report)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_TAKE_TLS_REPORT];
	int r;

	store_bind(st, 1, (uint64_t)now);
	store_bind(st, 2, (uint64_t)again);
	r = store_fetch(s, ST_TAKE_TLS_REPORT);
	if (r == 1)
		*ret_report = report_at(st, arena);
	store_reset(s, ST_TAKE_TLS_REPORT);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -ENOENT;
}

int sqlite_end_tls_report(struct store *store, int64_t day, struct slice domain,
			  bool *ret_was_there)
{
	struct sqlite *s = sqlite_of(store);
	bool was_there;
	int r;

	bind_day(s->statements[ST_END_TLS_REPORT], day, domain);
	r = store_run(s, ST_END_TLS_REPORT);
	was_there = sqlite3_changes(s->db) > 0;
	bind_day(s->statements[ST_FORGET_TLS_COUNTS], day, domain);
	if (r == 0)
		r = store_run(s, ST_FORGET_TLS_COUNTS);
	if (r == 0)
		*ret_was_there = was_there;
	return r;
}

int sqlite_list_tls_counts(struct store *store, int64_t day,
			   struct slice domain, struct store_tls_counts *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_TLS_COUNTS];
	size_t count = 0;
	int r = 0;

	bind_day(st, day, domain);
	store_bind(st, 3, page->max);
	while (count < page->max &&
	       (r = store_fetch(s, ST_LIST_TLS_COUNTS)) == 1)
		page->items[count++] = (struct store_tls_count){
			.day = sqlite3_column_int64(st, 0),
			.domain = text_at(st, 1, page->arena),
			.sessions = (uint64_t)sqlite3_column_int64(st, 2),
			.fact = text_at(st, 3, page->arena),
		};
	store_reset(s, ST_LIST_TLS_COUNTS);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}

int sqlite_list_tls_reports(struct store *store, int64_t day,
			    struct slice domain, struct store_tls_reports *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LIST_TLS_REPORTS];
	size_t count = 0;
	int r = 0;

	bind_day(st, day, domain);
	store_bind(st, 3, page->max);
	while (count < page->max &&
	       (r = store_fetch(s, ST_LIST_TLS_REPORTS)) == 1)
		page->items[count++] = report_at(st, page->arena);
	store_reset(s, ST_LIST_TLS_REPORTS);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}
