/*
 * The queue's memory: messages, their content, and each recipient with what
 * became of it. This header is the seam (store.c): store_sqlite.c and its files
 * keep it all in one directory (queue.db, spool/); another store can share one
 * queue between nodes.
 *
 * What is changed between store_begin() and store_commit() is on disk, content
 * included, when store_commit() returns 0; after anything else none of it is.
 *
 * Functions return 0 or a negative errno: -ENOSPC no room, -EUCLEAN the store
 * is damaged, -ENOENT no such row, -EAGAIN another node was in the way: try the
 * transaction again, -ENOTCONN the database is away; -EIO and others: trouble
 * below.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include "base/arena.h"
#include "base/slice.h"
#include "proc/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Recipients wait in lines, so that none of them blocks the others. */
enum store_line {
	STORE_NEW,      /* never tried by us */
	STORE_DEFERRED, /* tried */
	STORE_REPORT,   /* of a report: the address is still to be resolved */
	STORE_HELD,     /* until somebody releases it: never due */
	STORE_LINES,
};

struct store_message {
	uint64_t queue_id; /* random, not 0 */
	struct slice trace;
	struct slice reverse_path; /* "" for the null sender */
	struct slice envid;
	struct slice login;
	uint32_t ret; /* enum dsn_ret */
	bool is_8bit;
	bool is_smtputf8;
	int64_t arrived;   /* wall-clock seconds */
	int64_t since;     /* its lifetime began: arrived, or its release */
	struct slice hold; /* why it is held; empty: it is not */
	uint64_t content_octets;
};

struct store_recipient {
	uint64_t row; /* the store's choice, never used again */
	uint64_t queue_id;
	uint32_t place; /* its place in ENQUEUE's list */
	struct target target;
	struct slice original; /* as the sender wrote it */
	struct slice orcpt_type;
	struct slice orcpt;
	uint32_t notify;            /* enum dsn_notify */
	enum tls_demand tls_demand; /* its message's */
	enum store_line line;
	int64_t due; /* wall-clock second of the next try */
	uint32_t attempts;
	uint64_t holder;     /* who delivers it in session, 0: nobody */
	int64_t last_try;    /* wall-clock seconds, 0: never */
	struct outcome last; /* of the last try */
};

struct store_entry {
	struct store_message message;
	struct store_recipient recipient;
};

/* Where the content of a new message is: one of the three. */
struct store_content {
	struct slice octets;
	int fd;                 /* a sealed memfd, or -1 */
	const char *spool_file; /* a name in store_spool_dir(), or NULL; moved
	                           away, or removed when the transaction fails */
};

/* Where the queue is. */
struct store_place {
	const char *dir; /* of this node alone; an absolute path */
	/* postgresql://..., shared with other nodes; or NULL or "": in dir. */
	const char *database;
};

/* Opens the store, and makes it at first use. */
int store_open(const struct store_place *place, struct store **ret_store);
void store_free(struct store **store);
/* The last failure in words, for the log. */
const char *store_problem(const struct store *s);
/* The directory of big contents and of files that are being received. */
int store_spool_dir(const struct store *s);
/* Whether the files there that are named as by body.h are the store's. */
bool store_keeps_contents(const struct store *s);

/* --- changes --------------------------------------------------------------- */

int store_begin(struct store *s);
int store_commit(struct store *s);
/* Also after a failed store_commit(); harmless without a transaction. */
void store_rollback(struct store *s);

/* since is not read. -EEXIST: the queue_id is taken. -EBADMSG: the content is not content_octets
 * long. */
int store_add_message(struct store *s, const struct store_message *m,
		      const struct store_content *content);
/* row is not read. */
int store_add_recipient(struct store *s, const struct store_recipient *r);
/* Removes a recipient, and the message with its last one. */
int store_remove(struct store *s, uint64_t queue_id, uint64_t row);
/* Tried in vain: counts, keeps the outcome, leaves its holder. */
int store_defer(struct store *s, uint64_t row, int64_t due, int64_t now,
		const struct outcome *outcome);
/* Not tried: only changes when it is due, and leaves its holder. */
int store_postpone(struct store *s, uint64_t row, int64_t due);
/* Due now, if it waits for a later time and nobody holds it. */
int store_hasten(struct store *s, uint64_t row, int64_t now);
/* The holder is gone (0: all holders are): its recipients are due then. */
int store_end_holds(struct store *s, uint64_t holder, int64_t due);
/* All recipients of queue_id (0: of all) that neither a session delivers nor
 * the operator holds are due now. */
int store_hurry(struct store *s, uint64_t queue_id, int64_t now,
		uint64_t *ret_count);
/* Recipients of queue_id (0: of all) that are held are new, and due now. */
int store_release(struct store *s, uint64_t queue_id, int64_t now,
		  uint64_t *ret_count);
/* Recipients of queue_id that neither a session delivers nor belong to a report
 * wait for the operator. */
int store_hold(struct store *s, uint64_t queue_id, struct slice reason,
	       uint64_t *ret_count);
/* Removes a message with all its recipients. */
int store_drop(struct store *s, uint64_t queue_id, uint64_t *ret_count);

/* A secret of the queue: made, wall-clock seconds. */
struct store_key {
	struct slice octets;
	int64_t made;
};
enum { STORE_KEYS = 2 }; /* that are given: the newest, and the one before */
struct store_keys {
	struct store_key items[STORE_KEYS];
	size_t count;
};
int store_add_key(struct store *s, struct slice name, struct slice octets,
		  int64_t made);

/* How well mail for a destination was protected, at its best. */
struct store_tls {
	struct slice destination; /* tls_memory.h */
	enum tls_level level;
	int64_t seen;        /* the last time, wall-clock seconds */
	struct slice reason; /* in words: with whom, and how */
};
/* Keeps it, unless a better one is known that was seen later than expired; the
 * same one only when an hour or more has passed. */
int store_keep_tls(struct store *s, const struct store_tls *tls,
		   int64_t expired);
/* An empty destination: all seen no later than expired; else expired is not
 * used. */
int store_forget_tls(struct store *s, struct slice destination, int64_t expired,
		     uint64_t *ret_count);

/* A policy of MTA-STS: tried is kept with it even if nothing else is new. */
struct store_sts {
	struct slice domain; /* canonical */
	struct sts sts;
	int64_t used; /* the last time a message wanted it, as kept */
};
/* Keeps it, unless one is there that was fetched later. used counts if none
 * was. */
int store_keep_sts(struct store *s, const struct store_sts *sts);
int store_use_sts(struct store *s, struct slice domain, int64_t used);
/* Removes those that have had their time. */
int store_expire_sts(struct store *s, int64_t now);
/* Messages of which DMARC made the same on that day (of UTC, since 1970).
 * domain: whose record it was. fact, outline: mail/dmarc_fact.h. */
struct store_dmarc_count {
	int64_t day;
	struct slice domain;
	struct slice fact;
	struct slice outline; /* kept in its place, if there are too many */
	uint64_t messages;
};
enum {
	STORE_DMARC_FACTS = 200,  /* of a domain and day, but for outlines */
	STORE_DMARC_ROWS = 10000, /* of a day; more are not counted */
};
/* Adds to what there is. */
int store_count_dmarc(struct store *s, const struct store_dmarc_count *count);
/* Forgets the days before that one. */
int store_expire_dmarc(struct store *s, int64_t day);
/* Sessions with the servers of a domain that met the same on that day (of UTC,
 * since 1970). fact, outline: mail/tlsrpt.h. */
struct store_tls_count {
	int64_t day;
	struct slice domain;
	struct slice fact;
	struct slice outline; /* kept in its place, if there are too many */
	uint64_t sessions;
};
enum { STORE_TLS_FACTS = 100 }; /* of a domain and day, but for outlines */
/* Adds to what there is. The day's report is due then, if that is the first. */
int store_count_tls(struct store *s, const struct store_tls_count *count,
		    int64_t due);
/* A report that is still to be made. */
struct store_tls_report {
	int64_t day;
	struct slice domain;
	int64_t due;
	uint32_t tries;
};
/* Takes the one that is longest overdue, in arena: it is due again at `again`.
 * -ENOENT: there is none. */
int store_take_tls_report(struct store *s, int64_t now, int64_t again,
			  struct arena *arena,
			  struct store_tls_report *ret_report);
/* It is done with, and so is what was counted. *ret_was_there: nobody else had
 * said so before. */
int store_end_tls_report(struct store *s, int64_t day, struct slice domain,
			 bool *ret_was_there);
/* What a login has sent on a day (since 1970, UTC), and its last limits. */
struct store_usage {
	struct slice login;
	int64_t day;
	uint64_t messages, message_limit;
	uint64_t recipients, recipient_limit; /* new ones; limit 0: none */
	bool is_told;                         /* the postmaster knows */
};
/* Adds the counts to those of that day; is_told stays once it is set. */
int store_add_usage(struct store *s, const struct store_usage *usage);
/* An empty login: of all, with their correspondents, the days before that
 * one; else that day of its. */
int store_forget_usage(struct store *s, struct slice login, int64_t day,
		       uint64_t *ret_count);
/* login has written on that day to whom that stands for. */
int store_keep_correspondent(struct store *s, struct slice login, uint64_t hash,
			     int64_t day);

/* --- reading; slices live in arena ------------------------------------------ */

/* Where many entries go. */
struct store_page {
	struct arena *arena;
	struct store_entry *entries; /* room for max */
	size_t max;
	size_t count; /* the result */
};

/*
 * Takes at most page->max recipients of a line that are due, the longest
 * overdue first. What is taken is not given again until store_give_back(),
 * whatever becomes of the row meanwhile, or until this process ends.
 */
int store_take_due(struct store *s, enum store_line line, int64_t now,
		   struct store_page *page);
void store_give_back(struct store *s, uint64_t row);

int store_load(struct store *s, uint64_t row, struct arena *arena,
	       struct store_entry *ret_entry);
int store_load_place(struct store *s, uint64_t queue_id, uint32_t place,
		     struct arena *arena, struct store_entry *ret_entry);
/* Recipients of queue_id (0: of all) with row > after, ascending. */
int store_list(struct store *s, uint64_t queue_id, uint64_t after,
	       struct store_page *page);
int store_count(struct store *s, uint64_t *ret_total);
/* What it holds on this node's disk, content included; 0 if that is elsewhere.
 * Cheap. */
uint64_t store_octets(struct store *s);
int store_has_message(struct store *s, uint64_t queue_id, bool *ret_has);

/* The keys of this name, the newest first. */
int store_load_keys(struct store *s, struct slice name, struct arena *arena,
		    struct store_keys *ret_keys);

int store_load_tls(struct store *s, struct slice destination,
		   struct arena *arena, struct store_tls *ret_tls);
/* Where many of them go. */
struct store_tls_page {
	struct arena *arena;
	struct store_tls *items; /* room for max */
	size_t max;
	size_t count; /* the result */
};
/* Those after that destination, ascending. */
int store_list_tls(struct store *s, struct slice after,
		   struct store_tls_page *page);

int store_load_sts(struct store *s, struct slice domain, struct arena *arena,
		   struct store_sts *ret_sts);
/* Where many of them go. */
struct store_sts_page {
	struct arena *arena;
	struct store_sts *items; /* room for max */
	size_t max;
	size_t count; /* the result */
};
/* Those used after `used` that are to be fetched anew: not tried for a day, or
 * for half of their time if that is less, but an hour at least. The longest
 * untried first. */
int store_list_sts(struct store *s, int64_t now, int64_t used,
		   struct store_sts_page *page);
/* Many of them, of that day and domain. */
struct store_dmarc_page {
	struct arena *arena;
	struct store_dmarc_count *items; /* room for max; outline is empty */
	size_t max;
	size_t count; /* the result */
};
int store_list_dmarc(struct store *s, int64_t day, struct slice domain,
		     struct store_dmarc_page *page);
/* Many of them, of that day and domain. */
struct store_tls_counts {
	struct arena *arena;
	struct store_tls_count *items; /* room for max; outline is empty */
	size_t max;
	size_t count; /* the result */
};
int store_list_tls_counts(struct store *s, int64_t day, struct slice domain,
			  struct store_tls_counts *page);
/* Many reports: those after that day and domain, ascending. */
struct store_tls_reports {
	struct arena *arena;
	struct store_tls_report *items; /* room for max */
	size_t max;
	size_t count; /* the result */
};
int store_list_tls_reports(struct store *s, int64_t day, struct slice domain,
			   struct store_tls_reports *page);
/* -ENOENT: nothing that day. */
int store_load_usage(struct store *s, struct slice login, int64_t day,
		     struct arena *arena, struct store_usage *ret_usage);
/* Where many of them go. */
struct store_usage_page {
	struct arena *arena;
	struct store_usage *items; /* room for max */
	size_t max;
	size_t count; /* the result */
};
/* Of that day those after that login, ascending. */
int store_list_usage(struct store *s, int64_t day, struct slice after,
		     struct store_usage_page *page);
/* The last day on which login has written there; -ENOENT: never. */
int store_load_correspondent(struct store *s, struct slice login, uint64_t hash,
			     int64_t *ret_day);

/* The content from offset 0: a sealed memfd or a file opened for reading; the
 * caller's. */
int store_open_content(struct store *s, uint64_t queue_id, int *ret_fd);
/* The first octets of the content, at most max. */
int store_read_content(struct store *s, uint64_t queue_id, size_t max,
		       struct arena *arena, struct slice *ret_octets);

/* --- housekeeping ------------------------------------------------------------ */

/* Moves what is in the log to its place, so that the log does not grow: when
 * the disk is nearly full. */
void store_settle(struct store *s);
/* Gives room that nobody uses back to the disk, a little of it at a time.
 * Outside of transactions. */
void store_shrink(struct store *s, bool is_urgent);
/* Keeps what is taken ours. Once a second, outside of transactions. */
void store_keep(struct store *s);

#endif
