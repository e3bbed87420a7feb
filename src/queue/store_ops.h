/*
 * What an implementation of store.h is: these functions, behind store.c. Only
 * store.c and the implementations include this.
 */
#ifndef QUEUE_STORE_OPS_H
#define QUEUE_STORE_OPS_H

#include "queue/store.h"

/* As the functions store_NAME() of store.h. */
struct store_ops {
	void (*free)(struct store *s);
	const char *(*problem)(const struct store *s);
	int (*begin)(struct store *s);
	int (*commit)(struct store *s);
	void (*rollback)(struct store *s);
	int (*add_message)(struct store *s, const struct store_message *m,
			   const struct store_content *content);
	int (*add_recipient)(struct store *s, const struct store_recipient *r);
	int (*remove)(struct store *s, uint64_t queue_id, uint64_t row);
	int (*defer)(struct store *s, uint64_t row, int64_t due, int64_t now,
		     const struct outcome *outcome);
	int (*postpone)(struct store *s, uint64_t row, int64_t due);
	int (*hasten)(struct store *s, uint64_t row, int64_t now);
	int (*end_holds)(struct store *s, uint64_t holder, int64_t due);
	int (*hurry)(struct store *s, uint64_t queue_id, int64_t now,
		     uint64_t *ret_count);
	int (*release)(struct store *s, uint64_t queue_id, int64_t now,
		       uint64_t *ret_count);
	int (*hold)(struct store *s, uint64_t queue_id, struct slice reason,
		    uint64_t *ret_count);
	int (*drop)(struct store *s, uint64_t queue_id, uint64_t *ret_count);
	int (*add_key)(struct store *s, struct slice name, struct slice octets,
		       int64_t made);
	int (*keep_tls)(struct store *s, const struct store_tls *tls,
			int64_t expired);
	int (*forget_tls)(struct store *s, struct slice destination,
			  int64_t expired, uint64_t *ret_count);
	int (*keep_sts)(struct store *s, const struct store_sts *sts);
	int (*use_sts)(struct store *s, struct slice domain, int64_t used);
	int (*expire_sts)(struct store *s, int64_t now);
	int (*count_dmarc)(struct store *s,
			   const struct store_dmarc_count *count);
	int (*expire_dmarc)(struct store *s, int64_t day);
	int (*list_dmarc)(struct store *s, int64_t day, struct slice domain,
			  struct store_dmarc_page *page);
	int (*count_tls)(struct store *s, const struct store_tls_count *count,
			 int64_t due);
	int (*take_tls_report)(struct store *s, int64_t now, int64_t again,
			       struct arena *arena,
			       struct store_tls_report *ret_report);
	int (*end_tls_report)(struct store *s, int64_t day, struct slice domain,
			      bool *ret_was_there);
	int (*list_tls_counts)(struct store *s, int64_t day,
			       struct slice domain,
			       struct store_tls_counts *page);
	int (*list_tls_reports)(struct store *s, int64_t day,
				struct slice domain,
				struct store_tls_reports *page);
	int (*add_usage)(struct store *s, const struct store_usage *usage);
	int (*forget_usage)(struct store *s, struct slice login, int64_t day,
			    uint64_t *ret_count);
	int (*keep_correspondent)(struct store *s, struct slice login,
				  uint64_t hash, int64_t day);
	int (*take_due)(struct store *s, enum store_line line, int64_t now,
			struct store_page *page);
	void (*give_back)(struct store *s, uint64_t row);
	int (*load)(struct store *s, uint64_t row, struct arena *arena,
		    struct store_entry *ret_entry);
	int (*load_place)(struct store *s, uint64_t queue_id, uint32_t place,
			  struct arena *arena, struct store_entry *ret_entry);
	int (*list)(struct store *s, uint64_t queue_id, uint64_t after,
		    struct store_page *page);
	int (*count)(struct store *s, uint64_t *ret_total);
	uint64_t (*octets)(struct store *s); /* NULL: it is elsewhere */
	int (*has_message)(struct store *s, uint64_t queue_id, bool *ret_has);
	int (*load_keys)(struct store *s, struct slice name,
			 struct arena *arena, struct store_keys *ret_keys);
	int (*load_tls)(struct store *s, struct slice destination,
			struct arena *arena, struct store_tls *ret_tls);
	int (*list_tls)(struct store *s, struct slice after,
			struct store_tls_page *page);
	int (*load_sts)(struct store *s, struct slice domain,
			struct arena *arena, struct store_sts *ret_sts);
	int (*list_sts)(struct store *s, int64_t now, int64_t used,
			struct store_sts_page *page);
	int (*load_usage)(struct store *s, struct slice login, int64_t day,
			  struct arena *arena, struct store_usage *ret_usage);
	int (*list_usage)(struct store *s, int64_t day, struct slice after,
			  struct store_usage_page *page);
	int (*load_correspondent)(struct store *s, struct slice login,
				  uint64_t hash, int64_t *ret_day);
	int (*open_content)(struct store *s, uint64_t queue_id, int *ret_fd);
	int (*read_content)(struct store *s, uint64_t queue_id, size_t max,
			    struct arena *arena, struct slice *ret_octets);
	void (*settle)(struct store *s);
	void (*shrink)(struct store *s, bool is_urgent);
	void (*keep)(struct store *s); /* NULL: there is nothing to do */
};

/* The first member of each implementation's own struct. */
struct store {
	const struct store_ops *ops;
	int spool_dir;       /* closed by store.c */
	bool keeps_contents; /* in spool_dir, files named by body.h */
};

/* Makes dir/spool when it is not there, and opens it; *ret_state_dir is dir
 * itself. Both are the caller's. Returns 0 or -errno. */
int store_open_dirs(const char *dir, int *ret_state_dir, int *ret_spool_dir);

int sqlite_open(const char *dir, struct store **ret_store);
/* A database that cannot be reached is no failure: it may come back. */
int pg_open(const struct store_place *place, struct store **ret_store);

#endif
