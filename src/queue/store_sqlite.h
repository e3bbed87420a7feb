/*
 * What the files of the SQLite store share: store_schema.c, store_sqlite.c (the
 * database, transactions), store_change.c and store_read.c. Nobody else includes
 * it, but for the tests.
 */
#ifndef QUEUE_STORE_SQLITE_H
#define QUEUE_STORE_SQLITE_H

#include "queue/store.h"

#include <sqlite3.h>

/* Bigger contents are files next to the database. */
enum { STORE_BLOB_OCTETS = 131072 };

enum { SCHEMA_VERSION = 2 };

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
	ST_END_HOLDS,
	ST_END_ALL_HOLDS,
	ST_HURRY,
	ST_HURRY_ALL,
	ST_RELEASE,
	ST_RELEASE_ALL,
	ST_FORGET_REASON,
	ST_FORGET_ALL_REASONS,
	ST_TAKE_DUE,
	ST_LOAD,
	ST_LOAD_PLACE,
	ST_LIST,
	ST_COUNT,
	ST_HAS_MESSAGE,
	ST_FIND_TRACE,
	ST_CONTENT,
	ST_FREE_PAGES,
	ST_SHRINK,
	STATEMENT_COUNT,
};

extern const char store_schema[];
/* From the version that is the index to the next one. */
extern const char *const store_migrations[SCHEMA_VERSION];
extern const char *const store_sql[STATEMENT_COUNT];

/* A growing set of numbers; small, so it is searched from end to end. */
struct id_set {
	uint64_t *ids;
	size_t count, room;
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	int spool_dir;
	char *content;         /* STORE_BLOB_OCTETS, to read a memfd into */
	struct id_set created; /* content files of this transaction */
	struct id_set removed; /* content files to remove once it holds */
	struct id_set taken;   /* rows */
};

void id_set_add(struct id_set *set, uint64_t id);
bool id_set_has(const struct id_set *set, uint64_t id);
void id_set_remove(struct id_set *set, uint64_t id);

/* SQLite's result as 0 or -errno. */
int store_errno(const struct store *s, int result);

/* Numbers are bound by position, from 1. */
void store_bind(sqlite3_stmt *st, int position, uint64_t value);
void store_bind_text(sqlite3_stmt *st, int position, struct slice text);

/* Runs a statement that gives no rows, and resets it. */
int store_run(struct store *s, enum statement which);
/* 1 with a row to read; 0 without one; -errno. Reset it after reading. */
int store_fetch(struct store *s, enum statement which);
void store_reset(struct store *s, enum statement which);

#endif
