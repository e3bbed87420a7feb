#include "queue/store_ops.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int store_open(const struct store_place *place, struct store **ret_store)
{
	if (place->database != NULL && place->database[0] != '\0')
		return pg_open(place, ret_store);
	return sqlite_open(place->dir, ret_store);
}

int store_open_dirs(const char *dir, int *ret_state_dir, int *ret_spool_dir)
{
	int state = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (state < 0)
		return -errno;
	*ret_state_dir = state;
	if (mkdirat(state, "spool", 0700) < 0 && errno != EEXIST)
		return -errno;
	*ret_spool_dir =
		openat(state, "spool",
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_spool_dir < 0 ? -errno : 0;
}

void store_free(struct store **store)
{
	if (*store == NULL)
		return;
	fd_close(&(*store)->spool_dir);
	(*store)->ops->free(*store);
	*store = NULL;
}

int store_spool_dir(const struct store *s)
{
	return s->spool_dir;
}

bool store_keeps_contents(const struct store *s)
{
	return s->keeps_contents;
}

uint64_t store_octets(struct store *s)
{
	return s->ops->octets != NULL ? s->ops->octets(s) : 0;
}

void store_keep(struct store *s)
{
	if (s->ops->keep != NULL)
		s->ops->keep(s);
}

/* --- straight on ------------------------------------------------------------- */

const char *store_problem(const struct store *s)
{
	return s->ops->problem(s);
}

int store_begin(struct store *s)
{
	return s->ops->begin(s);
}

int store_commit(struct store *s)
{
	return s->ops->commit(s);
}

void store_rollback(struct store *s)
{
	s->ops->rollback(s);
}

int store_add_message(struct store *s, const struct store_message *m,
		      const struct store_content *content)
{
	return s->ops->add_message(s, m, content);
}

int store_add_recipient(struct store *s, const struct store_recipient *r)
{
	return s->ops->add_recipient(s, r);
}

int store_remove(struct store *s, uint64_t queue_id, uint64_t row)
{
	return s->ops->remove(s, queue_id, row);
}

int store_defer(struct store *s, uint64_t row, int64_t due, int64_t now,
		const struct outcome *outcome)
{
	return s->ops->defer(s, row, due, now, outcome);
}

int store_postpone(struct store *s, uint64_t row, int64_t due)
{
	return s->ops->postpone(s, row, due);
}

int store_hasten(struct store *s, uint64_t row, int64_t now)
{
	return s->ops->hasten(s, row, now);
}

int store_end_holds(struct store *s, uint64_t holder, int64_t due)
{
	return s->ops->end_holds(s, holder, due);
}

int store_hurry(struct store *s, uint64_t queue_id, int64_t now,
		uint64_t *ret_count)
{
	return s->ops->hurry(s, queue_id, now, ret_count);
}

int store_release(struct store *s, uint64_t queue_id, int64_t now,
		  uint64_t *ret_count)
{
	return s->ops->release(s, queue_id, now, ret_count);
}

int store_hold(struct store *s, uint64_t queue_id, struct slice reason,
	       uint64_t *ret_count)
{
	return s->ops->hold(s, queue_id, reason, ret_count);
}

int store_drop(struct store *s, uint64_t queue_id, uint64_t *ret_count)
{
	return s->ops->drop(s, queue_id, ret_count);
}

int store_add_key(struct store *s, struct slice name, struct slice octets,
		  int64_t made)
{
	return s->ops->add_key(s, name, octets, made);
}

int store_keep_tls(struct store *s, const struct store_tls *tls,
		   int64_t expired)
{
	return s->ops->keep_tls(s, tls, expired);
}

int store_forget_tls(struct store *s, struct slice destination, int64_t expired,
		     uint64_t *ret_count)
{
	return s->ops->forget_tls(s, destination, expired, ret_count);
}

int store_keep_sts(struct store *s, const struct store_sts *sts)
{
	return s->ops->keep_sts(s, sts);
}

int store_use_sts(struct store *s, struct slice domain, int64_t used)
{
	return s->ops->use_sts(s, domain, used);
}

int store_expire_sts(struct store *s, int64_t now)
{
	return s->ops->expire_sts(s, now);
}

int store_take_due(struct store *s, enum store_line line, int64_t now,
		   struct store_page *page)
{
	return s->ops->take_due(s, line, now, page);
}

void store_give_back(struct store *s, uint64_t row)
{
	s->ops->give_back(s, row);
}

int store_load(struct store *s, uint64_t row, struct arena *arena,
	       struct store_entry *ret_entry)
{
	return s->ops->load(s, row, arena, ret_entry);
}

int store_load_place(struct store *s, uint64_t queue_id, uint32_t place,
		     struct arena *arena, struct store_entry *ret_entry)
{
	return s->ops->load_place(s, queue_id, place, arena, ret_entry);
}

int store_list(struct store *s, uint64_t queue_id, uint64_t after,
	       struct store_page *page)
{
	return s->ops->list(s, queue_id, after, page);
}

int store_count(struct store *s, uint64_t *ret_total)
{
	return s->ops->count(s, ret_total);
}

int store_has_message(struct store *s, uint64_t queue_id, bool *ret_has)
{
	return s->ops->has_message(s, queue_id, ret_has);
}

int store_load_keys(struct store *s, struct slice name, struct arena *arena,
		    struct store_keys *ret_keys)
{
	return s->ops->load_keys(s, name, arena, ret_keys);
}

int store_load_tls(struct store *s, struct slice destination,
		   struct arena *arena, struct store_tls *ret_tls)
{
	return s->ops->load_tls(s, destination, arena, ret_tls);
}

int store_count_dmarc(struct store *s, const struct store_dmarc_count *count)
{
	return s->ops->count_dmarc(s, count);
}

int store_expire_dmarc(struct store *s, int64_t day)
{
	return s->ops->expire_dmarc(s, day);
}

int store_list_dmarc(struct store *s, int64_t day, struct slice domain,
		     struct store_dmarc_page *page)
{
	return s->ops->list_dmarc(s, day, domain, page);
}

int store_count_tls(struct store *s, const struct store_tls_count *count,
		    int64_t due)
{
	return s->ops->count_tls(s, count, due);
}

int store_take_tls_report(struct store *s, int64_t now, int64_t again,
			  struct arena *arena,
			  struct store_tls_report *ret_report)
{
	return s->ops->take_tls_report(s, now, again, arena, ret_report);
}

int store_end_tls_report(struct store *s, int64_t day, struct slice domain,
			 bool *ret_was_there)
{
	return s->ops->end_tls_report(s, day, domain, ret_was_there);
}

int store_list_tls_counts(struct store *s, int64_t day, struct slice domain,
			  struct store_tls_counts *page)
{
	return s->ops->list_tls_counts(s, day, domain, page);
}

int store_list_tls_reports(struct store *s, int64_t day, struct slice domain,
			   struct store_tls_reports *page)
{
	return s->ops->list_tls_reports(s, day, domain, page);
}

int store_list_tls(struct store *s, struct slice after,
		   struct store_tls_page *page)
{
	return s->ops->list_tls(s, after, page);
}

int store_load_sts(struct store *s, struct slice domain, struct arena *arena,
		   struct store_sts *ret_sts)
{
	return s->ops->load_sts(s, domain, arena, ret_sts);
}

int store_list_sts(struct store *s, int64_t now, int64_t used,
		   struct store_sts_page *page)
{
	return s->ops->list_sts(s, now, used, page);
}

int store_open_content(struct store *s, uint64_t queue_id, int *ret_fd)
{
	return s->ops->open_content(s, queue_id, ret_fd);
}

int store_read_content(struct store *s, uint64_t queue_id, size_t max,
		       struct arena *arena, struct slice *ret_octets)
{
	return s->ops->read_content(s, queue_id, max, arena, ret_octets);
}

void store_settle(struct store *s)
{
	s->ops->settle(s);
}

void store_shrink(struct store *s, bool is_urgent)
{
	s->ops->shrink(s, is_urgent);
}

/* --- what logins send ---------------------------------------------------------- */

int store_add_usage(struct store *s, const struct store_usage *usage)
{
	return s->ops->add_usage(s, usage);
}

int store_forget_usage(struct store *s, struct slice login, int64_t day,
		       uint64_t *ret_count)
{
	return s->ops->forget_usage(s, login, day, ret_count);
}

int store_keep_correspondent(struct store *s, struct slice login, uint64_t hash,
			     int64_t day)
{
	return s->ops->keep_correspondent(s, login, hash, day);
}

int store_load_usage(struct store *s, struct slice login, int64_t day,
		     struct arena *arena, struct store_usage *ret_usage)
{
	return s->ops->load_usage(s, login, day, arena, ret_usage);
}

int store_list_usage(struct store *s, int64_t day, struct slice after,
		     struct store_usage_page *page)
{
	return s->ops->list_usage(s, day, after, page);
}

int store_load_correspondent(struct store *s, struct slice login, uint64_t hash,
			     int64_t *ret_day)
{
	return s->ops->load_correspondent(s, login, hash, ret_day);
}
