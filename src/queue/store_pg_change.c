#include "queue/store_pg.h"

#include "base/mem.h"
#include "queue/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- content -------------------------------------------------------------------- */

/* Where content is read from: a descriptor, or octets. */
struct source {
	int fd; /* or -1 */
	struct slice octets;
};

static int read_source(const struct source *from, uint64_t offset, size_t n,
		       char *buffer, struct slice *ret_octets)
{
	size_t done = 0;

	if (from->fd < 0) {
		*ret_octets = slice_head(slice_tail(from->octets, offset), n);
		return 0;
	}
	while (done < n) {
		ssize_t got = pread(from->fd, buffer + done, n - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		done += (size_t)got;
	}
	*ret_octets = (struct slice){ buffer, n };
	return 0;
}

static int add_pieces(struct pg *s, const struct store_message *m,
		      const struct source *from)
{
	uint64_t offset = 0;
	int r = 0;

	for (uint64_t n = 0; offset < m->content_octets && r == 0; n++) {
		uint64_t left = m->content_octets - offset;
		size_t size =
			left < PG_PIECE_OCTETS ? (size_t)left : PG_PIECE_OCTETS;
		struct pg_params p = { .count = 0 };
		struct slice octets = { NULL, 0 };

		r = read_source(from, offset, size, s->piece, &octets);
		if (r < 0)
			break;
		pg_number(&p, m->queue_id);
		pg_number(&p, n);
		pg_bytes(&p, octets);
		r = pg_post(s, PG_ADD_PIECE, &p);
		offset += size;
	}
	return r;
}

/* The row; the answer is waited for, as the name may be taken. */
static int add_row(struct pg *s, const struct store_message *m,
		   const struct slice *content)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, m->queue_id);
	pg_bytes(&p, m->trace);
	pg_bytes(&p, m->reverse_path);
	pg_bytes(&p, m->envid);
	pg_bytes(&p, m->login);
	pg_number(&p, m->ret);
	pg_number(&p, m->is_8bit);
	pg_number(&p, m->is_smtputf8);
	pg_time(&p, s, m->arrived);
	pg_number(&p, m->content_octets);
	if (content != NULL)
		pg_bytes(&p, *content);
	else
		pg_null(&p);
	r = pg_ask(s, PG_ADD_MESSAGE, &p, &result);
	if (r == 0 && pg_changed(result) == 0)
		r = -EEXIST;
	PQclear(result);
	return r;
}

static int add_content(struct pg *s, const struct store_message *m,
		       const struct source *from)
{
	struct slice octets = { NULL, 0 };
	int r;

	if (m->content_octets > PG_INLINE_OCTETS) {
		r = add_row(s, m, NULL);
		return r < 0 ? r : add_pieces(s, m, from);
	}
	r = read_source(from, 0, (size_t)m->content_octets, s->piece, &octets);
	return r < 0 ? r : add_row(s, m, &octets);
}

static void note_used(struct pg *s, const char *spool_file)
{
	if (s->used_count == s->used_room) {
		s->used_room = s->used_room * 2 + 16;
		s->used = mem_resize(s->used, s->used_room, sizeof(*s->used));
	}
	(void)snprintf(s->used[s->used_count++], sizeof(*s->used), "%s",
		       spool_file);
}

static int add_spool_file(struct pg *s, const struct store_message *m,
			  const char *name)
{
	AUTO(fd_close)
	int fd = openat(s->store.spool_dir, name,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct source from = { .fd = fd };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != m->content_octets)
		return -EBADMSG;
	r = add_content(s, m, &from);
	if (r == 0)
		note_used(s, name);
	return r;
}

int pg_add_message(struct store *store, const struct store_message *m,
		   const struct store_content *content)
{
	struct source from = { .fd = content->fd, .octets = content->octets };
	struct pg_params hold = { .count = 0 };
	struct pg *s = pg_of(store);
	int r;

	if (content->spool_file != NULL)
		r = add_spool_file(s, m, content->spool_file);
	else if (from.fd < 0 && from.octets.n != m->content_octets)
		r = -EBADMSG;
	else
		r = add_content(s, m, &from);
	if (r < 0 || m->hold.n == 0)
		return r;
	pg_number(&hold, m->queue_id);
	pg_bytes(&hold, m->hold);
	return pg_post(s, PG_ADD_HOLD, &hold);
}

/* --- recipients ---------------------------------------------------------------------- */

/* Kind, code, status and text. */
static void put_outcome(struct pg_params *p, const struct outcome *o)
{
	pg_number(p, o->kind);
	pg_number(p, o->code);
	pg_number(p, (uint64_t)o->status[0] << 16 |
			     (uint64_t)o->status[1] << 8 | o->status[2]);
	pg_bytes(p, o->text);
}

/* 0 for never stays that. */
static void put_last_try(struct pg_params *p, const struct pg *s, int64_t time)
{
	if (time != 0)
		pg_time(p, s, time);
	else
		pg_number(p, 0);
}

int pg_add_recipient(struct store *store, const struct store_recipient *r)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);

	pg_number(&p, r->queue_id);
	pg_number(&p, r->place);
	pg_number(&p, r->target.kind);
	pg_bytes(&p, r->target.address);
	pg_bytes(&p, r->target.via);
	pg_number(&p, r->target.is_forwarded);
	pg_bytes(&p, r->original);
	pg_bytes(&p, r->orcpt_type);
	pg_bytes(&p, r->orcpt);
	pg_number(&p, r->notify);
	pg_number(&p, r->line);
	pg_time(&p, s, r->due);
	pg_number(&p, r->attempts);
	if (r->holder != 0) {
		pg_number(&p, s->node);
		pg_number(&p, r->holder);
	} else {
		pg_null(&p);
		pg_null(&p);
	}
	put_last_try(&p, s, r->last_try);
	put_outcome(&p, &r->last);
	pg_number(&p, r->tls_demand);
	return pg_post(s, PG_ADD_RECIPIENT, &p);
}

static int post_by_id(struct pg *s, enum pg_statement which, uint64_t id)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, id);
	return pg_post(s, which, &p);
}

/* Two nodes may each remove one of the last two: the lock lets the second see
 * what the first has done. */
static int remove_empty(struct pg *s, uint64_t queue_id)
{
	int r = post_by_id(s, PG_LOCK_MESSAGE, queue_id);

	return r < 0 ? r : post_by_id(s, PG_REMOVE_EMPTY, queue_id);
}

int pg_remove(struct store *store, uint64_t queue_id, uint64_t row)
{
	struct pg *s = pg_of(store);
	int r = post_by_id(s, PG_REMOVE_RECIPIENT, row);

	return r < 0 ? r : remove_empty(s, queue_id);
}

int pg_defer(struct store *store, uint64_t row, int64_t due, int64_t now,
	     const struct outcome *outcome)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);

	pg_time(&p, s, due);
	pg_number(&p, s->node);
	put_last_try(&p, s, now);
	put_outcome(&p, outcome);
	pg_number(&p, row);
	return pg_post(s, PG_DEFER, &p);
}

int pg_postpone(struct store *store, uint64_t row, int64_t due)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);

	pg_time(&p, s, due);
	pg_number(&p, s->node);
	pg_number(&p, row);
	return pg_post(s, PG_POSTPONE, &p);
}

int pg_hasten(struct store *store, uint64_t row, int64_t now)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);

	pg_time(&p, s, now);
	pg_number(&p, row);
	return pg_post(s, PG_HASTEN, &p);
}

int pg_end_holds(struct store *store, uint64_t holder, int64_t due)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);

	pg_time(&p, s, due);
	pg_number(&p, s->node);
	if (holder != 0)
		pg_number(&p, holder);
	return pg_post(s, holder != 0 ? PG_END_HOLDS : PG_END_ALL_HOLDS, &p);
}

/* --- the operator's ---------------------------------------------------------------- */

static int ask_count(struct pg *s, enum pg_statement which,
		     const struct pg_params *p, uint64_t *ret_count)
{
	PGresult *result = NULL;
	int r = pg_ask(s, which, p, &result);

	if (r == 0)
		*ret_count = pg_changed(result);
	PQclear(result);
	return r;
}

/* Now, and the queue_id unless that is 0. */
static void put_now_and_id(struct pg_params *p, const struct pg *s, int64_t now,
			   uint64_t queue_id)
{
	pg_time(p, s, now);
	if (queue_id != 0)
		pg_number(p, queue_id);
}

int pg_hurry(struct store *store, uint64_t queue_id, int64_t now,
	     uint64_t *ret_count)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	put_now_and_id(&p, s, now, queue_id);
	return ask_count(s, queue_id != 0 ? PG_HURRY : PG_HURRY_ALL, &p,
			 ret_count);
}

int pg_release(struct store *store, uint64_t queue_id, int64_t now,
	       uint64_t *ret_count)
{
	const bool is_all = queue_id == 0;
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	int r;

	put_now_and_id(&p, s, now, queue_id);
	r = ask_count(s, is_all ? PG_RELEASE_ALL : PG_RELEASE, &p, ret_count);
	if (r == 0)
		r = pg_post(s, is_all ? PG_END_EVERY_HOLD : PG_END_HOLD, &p);
	return r;
}

int pg_hold(struct store *store, uint64_t queue_id, struct slice reason,
	    uint64_t *ret_count)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };
	int r;

	pg_number(&p, queue_id);
	r = ask_count(s, PG_HOLD, &p, ret_count);
	pg_bytes(&p, reason);
	if (r == 0 && *ret_count > 0)
		r = pg_post(s, PG_KEEP_REASON, &p);
	return r;
}

int pg_drop(struct store *store, uint64_t queue_id, uint64_t *ret_count)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);
	int r;

	pg_number(&p, queue_id);
	r = ask_count(s, PG_DROP, &p, ret_count);
	return r < 0 ? r : remove_empty(s, queue_id);
}

int pg_add_key(struct store *store, struct slice name, struct slice octets,
	       int64_t made)
{
	struct pg_params p = { .count = 0 };

	pg_bytes(&p, name);
	pg_number(&p, (uint64_t)made);
	pg_bytes(&p, octets);
	return pg_post(pg_of(store), PG_ADD_KEY, &p);
}
