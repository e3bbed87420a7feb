/*
 * What the files of the PostgreSQL store share: store_pg_schema.c, store_pg_sql.c,
 * store_pg_link.c (the connection, statements), store_pg.c (transactions, who
 * has what), store_pg_change.c, store_pg_read.c, store_pg_tls.c and store_pg_sts.c.
 * Nobody else includes it, but for the tests. doc/decisions/shared-queue.md says why it is so.
 *
 * Changes are posted: sent without waiting. Their failure shows at the next
 * question, at the latest at the commit.
 */
#ifndef QUEUE_STORE_PG_H
#define QUEUE_STORE_PG_H

#include "queue/id_set.h"
#include "queue/spool.h"
#include "queue/store_ops.h"
#include "queue/store_row.h"

#include <libpq-fe.h>

enum {
	PG_SCHEMA_VERSION = 1,
	PG_INLINE_OCTETS = 131072, /* bigger contents are in pieces */
	PG_PIECE_OCTETS = 1 << 20, /* of a content */
	PG_LEASE_S = 30,           /* a silent node is given up after that */
	PG_KEEP_MS = 5000,         /* between two renewals */
	PG_CONNECT_MS = 5000,      /* until a connection must stand */
	PG_ANSWER_MS = 20000,      /* until a question must be answered */
	PG_LONGEST_WAIT_MS = 5000, /* between two tries to connect */
	PG_PARAMETERS = 21,
};

/* Index of pg_sql[]. */
enum pg_statement {
	PG_BEGIN,
	PG_COMMIT,
	PG_ROLLBACK,
	PG_IDENTIFY,
	PG_RENEW,
	PG_EXPIRE,
	PG_RELEASE_OTHERS,
	PG_BURY,
	PG_TAKE_OVER,
	PG_ADD_MESSAGE,
	PG_ADD_PIECE,
	PG_ADD_HOLD,
	PG_ADD_RECIPIENT,
	PG_REMOVE_RECIPIENT,
	PG_LOCK_MESSAGE,
	PG_REMOVE_EMPTY,
	PG_DROP,
	PG_DEFER,
	PG_POSTPONE,
	PG_HASTEN,
	PG_END_HOLDS,
	PG_END_ALL_HOLDS,
	PG_HURRY,
	PG_HURRY_ALL,
	PG_HOLD,
	PG_KEEP_REASON,
	PG_RELEASE,
	PG_RELEASE_ALL,
	PG_END_HOLD,
	PG_END_EVERY_HOLD,
	PG_ADD_KEY,
	PG_LOAD_KEYS,
	PG_KEEP_TLS,
	PG_FORGET_TLS,
	PG_EXPIRE_TLS,
	PG_LOAD_TLS,
	PG_LIST_TLS,
	PG_KEEP_STS,
	PG_USE_STS,
	PG_EXPIRE_STS,
	PG_LOAD_STS,
	PG_LIST_STS,
	PG_COUNT_DMARC,
	PG_EXPIRE_DMARC,
	PG_LIST_DMARC,
	PG_COUNT_TLS,
	PG_ADD_TLS_REPORT,
	PG_TAKE_TLS_REPORT,
	PG_END_TLS_REPORT,
	PG_FORGET_TLS_COUNTS,
	PG_LIST_TLS_COUNTS,
	PG_LIST_TLS_REPORTS,
	PG_ADD_USAGE,
	PG_FORGET_USAGE,
	PG_EXPIRE_USAGE,
	PG_EXPIRE_CORRESPONDENTS,
	PG_KEEP_CORRESPONDENT,
	PG_LOAD_USAGE,
	PG_LIST_USAGE,
	PG_LOAD_CORRESPONDENT,
	PG_GIVE_BACK,
	PG_TAKE_DUE,
	PG_LOAD,
	PG_LOAD_PLACE,
	PG_LIST,
	PG_LIST_OF,
	PG_COUNT,
	PG_HAS_MESSAGE,
	PG_CONTENT,
	PG_PIECE,
	PG_STATEMENTS,
};

extern const char pg_session[]; /* settings of each connection */
extern const char pg_schema[];
extern const char *const pg_sql[PG_STATEMENTS];

struct pg {
	struct store store; /* first */
	char *uri;
	bool is_remote; /* over a network: TLS by default */
	PGconn *conn;   /* NULL: there is none */
	size_t posted;  /* results that have not been read */
	char problem[256];
	uint64_t node;     /* ours */
	int64_t skew_s;    /* the database's clock less ours */
	uint64_t wait_ms;  /* until the next try to connect */
	uint64_t retry_ms; /* when that is; monotonic */
	uint64_t kept_ms;  /* when the lease was renewed; monotonic */
	bool in_transaction;
	bool was_lost;
	struct id_set taken;    /* rows */
	struct id_set returned; /* rows that the database still holds for us */
	char (*used)[SPOOL_NAME_OCTETS]; /* spool files of this transaction */
	size_t used_count, used_room;
	char *piece; /* PG_PIECE_OCTETS */
};

static inline struct pg *pg_of(struct store *store)
{
	return (struct pg *)(void *)store;
}

/* store_pg_value.c */

/* The parameters of a statement, in their order. Texts stay the caller's. */
struct pg_params {
	int count;
	const char *values[PG_PARAMETERS];
	int lengths[PG_PARAMETERS];
	int formats[PG_PARAMETERS];
	uint64_t numbers[PG_PARAMETERS];
};

void pg_number(struct pg_params *p, uint64_t value);
void pg_null(struct pg_params *p);
/* Of any type, in words. */
void pg_text(struct pg_params *p, const char *text);
void pg_bytes(struct pg_params *p, struct slice octets);
/* Wall-clock seconds, as the database's clock has them. */
void pg_time(struct pg_params *p, const struct pg *s, int64_t time);

/* An array of bigint in words; mem_free() it. */
char *pg_id_list(const struct id_set *set);

/* Fields of a result, by row and column; an absent number is 0. */
uint64_t pg_get_number(const PGresult *result, int row, int column);
struct slice pg_get_bytes(const PGresult *result, int row, int column);
/* How many rows a change has changed. */
uint64_t pg_changed(PGresult *result);

/* store_pg_link.c. All return 0 or -errno; -ENOTCONN: the database is away, or
 * was lost. */

/* Connects when there is no connection, and it is time to try. */
int pg_ready(struct pg *s);
/* Sends a statement. p: or NULL. */
int pg_post(struct pg *s, enum pg_statement which, const struct pg_params *p);
/* Sends it, and reads all results that are due; ret_result (or NULL) is its
 * own, PQclear() it. The first failure of them all is the result. */
int pg_ask(struct pg *s, enum pg_statement which, const struct pg_params *p,
	   PGresult **ret_result);
/* Reads the results of what was posted. */
int pg_settle(struct pg *s);
void pg_close(struct pg *s);

/* store_pg.c */
/* What a new connection begins with: who we are, what is ours. */
int pg_greet(struct pg *s);

/* store_pg_change.c: as those of store.h. */
int pg_add_message(struct store *s, const struct store_message *m,
		   const struct store_content *content);
int pg_add_recipient(struct store *s, const struct store_recipient *r);
int pg_remove(struct store *s, uint64_t queue_id, uint64_t row);
int pg_defer(struct store *s, uint64_t row, int64_t due, int64_t now,
	     const struct outcome *outcome);
int pg_postpone(struct store *s, uint64_t row, int64_t due);
int pg_hasten(struct store *s, uint64_t row, int64_t now);
int pg_end_holds(struct store *s, uint64_t holder, int64_t due);
int pg_hurry(struct store *s, uint64_t queue_id, int64_t now,
	     uint64_t *ret_count);
int pg_release(struct store *s, uint64_t queue_id, int64_t now,
	       uint64_t *ret_count);
int pg_hold(struct store *s, uint64_t queue_id, struct slice reason,
	    uint64_t *ret_count);
int pg_drop(struct store *s, uint64_t queue_id, uint64_t *ret_count);
int pg_add_key(struct store *s, struct slice name, struct slice octets,
	       int64_t made);

/* store_pg_read.c: likewise. */
int pg_take_due(struct store *s, enum store_line line, int64_t now,
		struct store_page *page);
int pg_load(struct store *s, uint64_t row, struct arena *arena,
	    struct store_entry *ret_entry);
int pg_load_place(struct store *s, uint64_t queue_id, uint32_t place,
		  struct arena *arena, struct store_entry *ret_entry);
int pg_list(struct store *s, uint64_t queue_id, uint64_t after,
	    struct store_page *page);
int pg_count(struct store *s, uint64_t *ret_total);
int pg_has_message(struct store *s, uint64_t queue_id, bool *ret_has);
int pg_load_keys(struct store *s, struct slice name, struct arena *arena,
		 struct store_keys *ret_keys);
int pg_open_content(struct store *s, uint64_t queue_id, int *ret_fd);
int pg_read_content(struct store *s, uint64_t queue_id, size_t max,
		    struct arena *arena, struct slice *ret_octets);

/* One row of a result. */
struct pg_reader {
	struct store_row row;
	const PGresult *result;
	int number; /* of the row */
};
struct pg_reader pg_reader(const struct pg *s, const PGresult *result, int row,
			   struct arena *arena);
/* pg_ask() also outside of a transaction. */
int pg_ask_ready(struct pg *s, enum pg_statement which,
		 const struct pg_params *p, PGresult **ret_result);

/* store_pg_tls.c: likewise. */
int pg_keep_tls(struct store *s, const struct store_tls *tls, int64_t expired);
int pg_forget_tls(struct store *s, struct slice destination, int64_t expired,
		  uint64_t *ret_count);
int pg_load_tls(struct store *s, struct slice destination, struct arena *arena,
		struct store_tls *ret_tls);
int pg_list_tls(struct store *s, struct slice after,
		struct store_tls_page *page);

/* store_pg_sts.c: likewise. */
int pg_keep_sts(struct store *s, const struct store_sts *kept);
int pg_use_sts(struct store *s, struct slice domain, int64_t used);
int pg_expire_sts(struct store *s, int64_t now);
int pg_load_sts(struct store *s, struct slice domain, struct arena *arena,
		struct store_sts *ret_sts);
int pg_list_sts(struct store *s, int64_t now, int64_t used,
		struct store_sts_page *page);
/* store_pg_dmarc.c: likewise. */
int pg_count_dmarc(struct store *s, const struct store_dmarc_count *count);
int pg_expire_dmarc(struct store *s, int64_t day);
int pg_list_dmarc(struct store *s, int64_t day, struct slice domain,
		  struct store_dmarc_page *page);
/* store_pg_tlsrpt.c: likewise. */
int pg_count_tls(struct store *s, const struct store_tls_count *count,
		 int64_t due);
int pg_take_tls_report(struct store *s, int64_t now, int64_t again,
		       struct arena *arena,
		       struct store_tls_report *ret_report);
int pg_end_tls_report(struct store *s, int64_t day, struct slice domain,
		      bool *ret_was_there);
int pg_list_tls_counts(struct store *s, int64_t day, struct slice domain,
		       struct store_tls_counts *page);
int pg_list_tls_reports(struct store *s, int64_t day, struct slice domain,
			struct store_tls_reports *page);
/* store_pg_usage.c: likewise. */
int pg_add_usage(struct store *s, const struct store_usage *usage);
int pg_forget_usage(struct store *s, struct slice login, int64_t day,
		    uint64_t *ret_count);
int pg_keep_correspondent(struct store *s, struct slice login, uint64_t hash,
			  int64_t day);
int pg_load_usage(struct store *s, struct slice login, int64_t day,
		  struct arena *arena, struct store_usage *ret_usage);
int pg_list_usage(struct store *s, int64_t day, struct slice after,
		  struct store_usage_page *page);
int pg_load_correspondent(struct store *s, struct slice login, uint64_t hash,
			  int64_t *ret_day);

#endif
