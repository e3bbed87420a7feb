/*
 * What the files of the SQLite store share: store_schema.c, store_sqlite.c (the
 * database, transactions), store_change.c, store_read.c, store_tls.c and store_sts.c. Nobody
 * else includes it, but for the tests.
 */
#ifndef QUEUE_STORE_SQLITE_H
#define QUEUE_STORE_SQLITE_H

#include "queue/id_set.h"
#include "queue/store_ops.h"
#include "queue/store_row.h"

#include <sqlite3.h>

/* Bigger contents are files next to the database. */
enum { STORE_BLOB_OCTETS = 131072 };

enum { SCHEMA_VERSION = 4 };

/* Index of store_sql[]. */
enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_ADD_MESSAGE,
	ST_ADD_HOLD,
	ST_ADD_RECIPIENT,
	ST_REMOVE_RECIPIENT,
	ST_HAS_RECIPIENT,
	ST_IS_IN_FILE,
	ST_REMOVE_MESSAGE,
	ST_REMOVE_HOLD,
	ST_DROP,
	ST_DEFER,
	ST_POSTPONE,
	ST_HASTEN,
	ST_END_HOLDS,
	ST_END_ALL_HOLDS,
	ST_HURRY,
	ST_HURRY_ALL,
	ST_HOLD,
	ST_KEEP_REASON,
	ST_RELEASE,
	ST_RELEASE_ALL,
	ST_FORGET_REASON,
	ST_FORGET_ALL_REASONS,
	ST_ADD_KEY,
	ST_LOAD_KEYS,
	ST_KEEP_TLS,
	ST_FORGET_TLS,
	ST_EXPIRE_TLS,
	ST_LOAD_TLS,
	ST_LIST_TLS,
	ST_KEEP_STS,
	ST_USE_STS,
	ST_EXPIRE_STS,
	ST_LOAD_STS,
	ST_LIST_STS,
	ST_COUNT_DMARC,
	ST_EXPIRE_DMARC,
	ST_LIST_DMARC,
	ST_COUNT_TLS,
	ST_ADD_TLS_REPORT,
	ST_TAKE_TLS_REPORT,
	ST_END_TLS_REPORT,
	ST_FORGET_TLS_COUNTS,
	ST_LIST_TLS_COUNTS,
	ST_LIST_TLS_REPORTS,
	ST_ADD_USAGE,
	ST_FORGET_USAGE,
	ST_EXPIRE_USAGE,
	ST_EXPIRE_CORRESPONDENTS,
	ST_KEEP_CORRESPONDENT,
	ST_LOAD_USAGE,
	ST_LIST_USAGE,
	ST_LOAD_CORRESPONDENT,
	ST_TAKE_DUE,
	ST_LOAD,
	ST_LOAD_PLACE,
	ST_LIST,
	ST_LIST_OF,
	ST_LAST_ROW,
	ST_COUNT,
	ST_HAS_MESSAGE,
	ST_CONTENT,
	ST_USED_OCTETS,
	ST_FREE_PAGES,
	ST_SHRINK,
	STATEMENT_COUNT,
};

extern const char store_schema[];
extern const char store_tables[]; /* beside the mail; at each start */
/* From the version that is the index to the next one. */
extern const char *const store_migrations[SCHEMA_VERSION];
extern const char *const store_sql[STATEMENT_COUNT];

struct sqlite {
	struct store store; /* first */
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	char *content;         /* STORE_BLOB_OCTETS, to read a memfd into */
	struct id_set created; /* content files of this transaction */
	struct id_set removed; /* content files to remove once it holds */
	struct id_set taken;   /* rows */
	/* What is taken may be removed: its row must not be another's then. */
	uint64_t last_row;
	uint64_t file_octets;                    /* of contents in files */
	uint64_t created_octets, removed_octets; /* by this transaction */
};

/* SQLite's result as 0 or -errno. */
int store_errno(const struct sqlite *s, int result);

/* Numbers are bound by position, from 1. */
void store_bind(sqlite3_stmt *st, int position, uint64_t value);
void store_bind_text(sqlite3_stmt *st, int position, struct slice text);

/* Runs a statement that gives no rows, and resets it. */
int store_run(struct sqlite *s, enum statement which);
/* 1 with a row to read; 0 without one; -errno. Reset it after reading. */
int store_fetch(struct sqlite *s, enum statement which);
void store_reset(struct sqlite *s, enum statement which);

static inline struct sqlite *sqlite_of(struct store *store)
{
	return (struct sqlite *)(void *)store;
}

/* The row that a statement is at. */
struct sqlite_reader {
	struct store_row row;
	sqlite3_stmt *st;
};
/* store_read.c */
struct sqlite_reader sqlite_reader(sqlite3_stmt *st, struct arena *arena);

/* store_change.c: as those of store.h. */
int sqlite_add_message(struct store *s, const struct store_message *m,
		       const struct store_content *content);
int sqlite_add_recipient(struct store *s, const struct store_recipient *r);
int sqlite_remove(struct store *s, uint64_t queue_id, uint64_t row);
int sqlite_defer(struct store *s, uint64_t row, int64_t due, int64_t now,
		 const struct outcome *outcome);
int sqlite_postpone(struct store *s, uint64_t row, int64_t due);
int sqlite_hasten(struct store *s, uint64_t row, int64_t now);
int sqlite_end_holds(struct store *s, uint64_t holder, int64_t due);
int sqlite_hurry(struct store *s, uint64_t queue_id, int64_t now,
		 uint64_t *ret_count);
int sqlite_release(struct store *s, uint64_t queue_id, int64_t now,
		   uint64_t *ret_count);
int sqlite_hold(struct store *s, uint64_t queue_id, struct slice reason,
		uint64_t *ret_count);
int sqlite_drop(struct store *s, uint64_t queue_id, uint64_t *ret_count);

int sqlite_add_key(struct store *s, struct slice name, struct slice octets,
		   int64_t made);

/* store_read.c: likewise. */
int sqlite_take_due(struct store *s, enum store_line line, int64_t now,
		    struct store_page *page);
int sqlite_load(struct store *s, uint64_t row, struct arena *arena,
		struct store_entry *ret_entry);
int sqlite_load_place(struct store *s, uint64_t queue_id, uint32_t place,
		      struct arena *arena, struct store_entry *ret_entry);
int sqlite_list(struct store *s, uint64_t queue_id, uint64_t after,
		struct store_page *page);
int sqlite_count(struct store *s, uint64_t *ret_total);
int sqlite_has_message(struct store *s, uint64_t queue_id, bool *ret_has);
int sqlite_load_keys(struct store *s, struct slice name, struct arena *arena,
		     struct store_keys *ret_keys);
int sqlite_open_content(struct store *s, uint64_t queue_id, int *ret_fd);
int sqlite_read_content(struct store *s, uint64_t queue_id, size_t max,
			struct arena *arena, struct slice *ret_octets);
void sqlite_give_back(struct store *s, uint64_t row);

/* store_tls.c: likewise. */
int sqlite_keep_tls(struct store *s, const struct store_tls *tls,
		    int64_t expired);
int sqlite_forget_tls(struct store *s, struct slice destination,
		      int64_t expired, uint64_t *ret_count);
int sqlite_load_tls(struct store *s, struct slice destination,
		    struct arena *arena, struct store_tls *ret_tls);
int sqlite_list_tls(struct store *s, struct slice after,
		    struct store_tls_page *page);

/* store_sts.c: likewise. */
int sqlite_keep_sts(struct store *s, const struct store_sts *kept);
int sqlite_use_sts(struct store *s, struct slice domain, int64_t used);
int sqlite_expire_sts(struct store *s, int64_t now);
int sqlite_load_sts(struct store *s, struct slice domain, struct arena *arena,
		    struct store_sts *ret_sts);
int sqlite_list_sts(struct store *s, int64_t now, int64_t used,
		    struct store_sts_page *page);
/* store_dmarc.c: likewise. */
int sqlite_count_dmarc(struct store *s, const struct store_dmarc_count *count);
int sqlite_expire_dmarc(struct store *s, int64_t day);
int sqlite_list_dmarc(struct store *s, int64_t day, struct slice domain,
		      struct store_dmarc_page *page);
/* store_tlsrpt.c: likewise. */
int sqlite_count_tls(struct store *s, const struct store_tls_count *count,
		     int64_t due);
int sqlite_take_tls_report(struct store *s, int64_t now, int64_t again,
			   struct arena *arena,
			   struct store_tls_report *ret_report);
int sqlite_end_tls_report(struct store *s, int64_t day, struct slice domain,
			  bool *ret_was_there);
int sqlite_list_tls_counts(struct store *s, int64_t day, struct slice domain,
			   struct store_tls_counts *page);
int sqlite_list_tls_reports(struct store *s, int64_t day, struct slice domain,
			    struct store_tls_reports *page);
/* store_usage.c: likewise. */
int sqlite_add_usage(struct store *s, const struct store_usage *usage);
int sqlite_forget_usage(struct store *s, struct slice login, int64_t day,
			uint64_t *ret_count);
int sqlite_keep_correspondent(struct store *s, struct slice login,
			      uint64_t hash, int64_t day);
int sqlite_load_usage(struct store *s, struct slice login, int64_t day,
		      struct arena *arena, struct store_usage *ret_usage);
int sqlite_list_usage(struct store *s, int64_t day, struct slice after,
		      struct store_usage_page *page);
int sqlite_load_correspondent(struct store *s, struct slice login,
			      uint64_t hash, int64_t *ret_day);

#endif
