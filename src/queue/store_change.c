#include "queue/store_sqlite.h"

#include "queue/body.h"

#include <errno.h>

static int keep_blob(struct sqlite *s, sqlite3_stmt *st, uint64_t octets,
		     const struct store_content *content)
{
	const char *p = content->octets.p;

	if (content->fd >= 0) {
		int r = body_read(content->fd, s->content, octets);

		if (r < 0)
			return r;
		p = s->content;
	} else if (content->octets.n != octets) {
		return -EBADMSG;
	}
	(void)sqlite3_bind_blob64(st, 11, p != NULL ? p : "", octets,
				  SQLITE_STATIC);
	return 0;
}

static int keep_file(struct sqlite *s, const struct store_message *m,
		     const struct store_content *content)
{
	int r;

	if (content->spool_file != NULL)
		r = body_adopt(s->store.spool_dir, m->queue_id,
			       content->spool_file, m->content_octets);
	else if (content->fd >= 0)
		r = body_copy(s->store.spool_dir, m->queue_id, content->fd,
			      m->content_octets);
	else
		r = body_write(s->store.spool_dir, m->queue_id,
			       content->octets);
	if (r == 0) {
		id_set_add(&s->created, m->queue_id);
		s->created_octets += m->content_octets;
	}
	return r;
}

static int add_hold(struct sqlite *s, const struct store_message *m)
{
	store_bind(s->statements[ST_ADD_HOLD], 1, m->queue_id);
	store_bind_text(s->statements[ST_ADD_HOLD], 2, m->hold);
	return store_run(s, ST_ADD_HOLD);
}

int sqlite_add_message(struct store *store, const struct store_message *m,
		       const struct store_content *content)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_ADD_MESSAGE];
	bool is_blob = content->spool_file == NULL &&
		       m->content_octets <= STORE_BLOB_OCTETS;
	int r = 0;

	store_bind(st, 1, m->queue_id);
	store_bind_text(st, 2, m->trace);
	store_bind_text(st, 3, m->reverse_path);
	store_bind_text(st, 4, m->envid);
	store_bind_text(st, 5, m->login);
	store_bind(st, 6, m->ret);
	store_bind(st, 7, m->is_8bit);
	store_bind(st, 8, m->is_smtputf8);
	store_bind(st, 9, (uint64_t)m->arrived);
	store_bind(st, 10, m->content_octets);
	if (is_blob)
		r = keep_blob(s, st, m->content_octets, content);
	else
		(void)sqlite3_bind_null(st, 11);
	if (r == 0)
		r = store_run(s, ST_ADD_MESSAGE);
	if (r == 0 && m->hold.n > 0)
		r = add_hold(s, m);
	/* The row first: it proves that the name is free. */
	if (r == 0 && !is_blob)
		r = keep_file(s, m, content);
	return r;
}

static uint32_t pack_status(const uint8_t status[3])
{
	return (uint32_t)status[0] << 16 | (uint32_t)status[1] << 8 | status[2];
}

/* Kind, code, status and text at position and the three after it. */
static void bind_outcome(sqlite3_stmt *st, int position,
			 const struct outcome *o)
{
	store_bind(st, position, o->kind);
	store_bind(st, position + 1, o->code);
	store_bind(st, position + 2, pack_status(o->status));
	store_bind_text(st, position + 3, o->text);
}

int sqlite_add_recipient(struct store *store, const struct store_recipient *r)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_ADD_RECIPIENT];

	store_bind(st, 1, r->queue_id);
	store_bind(st, 2, r->place);
	store_bind_text(st, 3, r->target.address);
	store_bind_text(st, 4, r->original);
	store_bind_text(st, 5, r->orcpt_type);
	store_bind_text(st, 6, r->orcpt);
	store_bind(st, 7, r->notify);
	store_bind(st, 8, r->line);
	store_bind(st, 9, (uint64_t)r->due);
	store_bind(st, 10, r->attempts);
	if (r->holder != 0)
		store_bind(st, 11, r->holder);
	else
		(void)sqlite3_bind_null(st, 11);
	store_bind(st, 12, (uint64_t)r->last_try);
	bind_outcome(st, 13, &r->last);
	store_bind(st, 17, r->target.kind);
	store_bind_text(st, 18, r->target.via);
	store_bind(st, 19, r->target.is_forwarded);
	store_bind(st, 20, ++s->last_row);
	store_bind(st, 21, r->tls_demand);
	return store_run(s, ST_ADD_RECIPIENT);
}

static int remove_message(struct sqlite *s, uint64_t queue_id)
{
	sqlite3_stmt *st = s->statements[ST_IS_IN_FILE];
	uint64_t octets = 0;
	bool is_in_file;
	int r;

	store_bind(st, 1, queue_id);
	r = store_fetch(s, ST_IS_IN_FILE);
	is_in_file = r == 1 && sqlite3_column_int(st, 0) != 0;
	if (is_in_file)
		octets = (uint64_t)sqlite3_column_int64(st, 1);
	store_reset(s, ST_IS_IN_FILE);
	if (r <= 0)
		return r;
	store_bind(s->statements[ST_REMOVE_MESSAGE], 1, queue_id);
	r = store_run(s, ST_REMOVE_MESSAGE);
	store_bind(s->statements[ST_REMOVE_HOLD], 1, queue_id);
	if (r == 0)
		r = store_run(s, ST_REMOVE_HOLD);
	if (r == 0 && is_in_file)
		id_set_add(&s->removed, queue_id);
	if (r == 0)
		s->removed_octets += octets;
	return r;
}

int sqlite_remove(struct store *store, uint64_t queue_id, uint64_t row)
{
	struct sqlite *s = sqlite_of(store);
	int r;

	store_bind(s->statements[ST_REMOVE_RECIPIENT], 1, row);
	r = store_run(s, ST_REMOVE_RECIPIENT);
	if (r < 0)
		return r;
	store_bind(s->statements[ST_HAS_RECIPIENT], 1, queue_id);
	r = store_fetch(s, ST_HAS_RECIPIENT);
	store_reset(s, ST_HAS_RECIPIENT);
	if (r != 0)
		return r < 0 ? r : 0;
	return remove_message(s, queue_id);
}

int sqlite_defer(struct store *store, uint64_t row, int64_t due, int64_t now,
		 const struct outcome *outcome)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_DEFER];

	store_bind(st, 1, (uint64_t)due);
	store_bind(st, 2, (uint64_t)now);
	bind_outcome(st, 3, outcome);
	store_bind(st, 7, row);
	return store_run(s, ST_DEFER);
}

int sqlite_postpone(struct store *store, uint64_t row, int64_t due)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_POSTPONE];

	store_bind(st, 1, (uint64_t)due);
	store_bind(st, 2, row);
	return store_run(s, ST_POSTPONE);
}

int sqlite_hasten(struct store *store, uint64_t row, int64_t now)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_HASTEN];

	store_bind(st, 1, (uint64_t)now);
	store_bind(st, 2, row);
	return store_run(s, ST_HASTEN);
}

int sqlite_end_holds(struct store *store, uint64_t holder, int64_t due)
{
	struct sqlite *s = sqlite_of(store);
	enum statement which = holder != 0 ? ST_END_HOLDS : ST_END_ALL_HOLDS;

	store_bind(s->statements[which], 1, (uint64_t)due);
	if (holder != 0)
		store_bind(s->statements[which], 2, holder);
	return store_run(s, which);
}

int sqlite_hurry(struct store *store, uint64_t queue_id, int64_t now,
		 uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	enum statement which = queue_id != 0 ? ST_HURRY : ST_HURRY_ALL;
	int r;

	store_bind(s->statements[which], 1, (uint64_t)now);
	if (queue_id != 0)
		store_bind(s->statements[which], 2, queue_id);
	r = store_run(s, which);
	if (r == 0)
		*ret_count = (uint64_t)sqlite3_changes(s->db);
	return r;
}

int sqlite_release(struct store *store, uint64_t queue_id, int64_t now,
		   uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	bool is_all = queue_id == 0;
	const enum statement recipients = is_all ? ST_RELEASE_ALL : ST_RELEASE;
	const enum statement holds =
		is_all ? ST_FORGET_ALL_REASONS : ST_FORGET_REASON;
	uint64_t count;
	int r;

	store_bind(s->statements[recipients], 1, (uint64_t)now);
	store_bind(s->statements[holds], 1, (uint64_t)now);
	if (!is_all) {
		store_bind(s->statements[recipients], 2, queue_id);
		store_bind(s->statements[holds], 2, queue_id);
	}
	r = store_run(s, recipients);
	count = (uint64_t)sqlite3_changes(s->db);
	if (r == 0)
		r = store_run(s, holds);
	if (r == 0)
		*ret_count = count;
	return r;
}

int sqlite_hold(struct store *store, uint64_t queue_id, struct slice reason,
		uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t count;
	int r;

	store_bind(s->statements[ST_HOLD], 1, queue_id);
	r = store_run(s, ST_HOLD);
	count = (uint64_t)sqlite3_changes(s->db);
	store_bind(s->statements[ST_KEEP_REASON], 1, queue_id);
	store_bind_text(s->statements[ST_KEEP_REASON], 2, reason);
	if (r == 0 && count > 0)
		r = store_run(s, ST_KEEP_REASON);
	if (r == 0)
		*ret_count = count;
	return r;
}

int sqlite_drop(struct store *store, uint64_t queue_id, uint64_t *ret_count)
{
	struct sqlite *s = sqlite_of(store);
	uint64_t count;
	int r;

	store_bind(s->statements[ST_DROP], 1, queue_id);
	r = store_run(s, ST_DROP);
	count = (uint64_t)sqlite3_changes(s->db);
	if (r == 0)
		r = remove_message(s, queue_id);
	if (r == 0)
		*ret_count = count;
	return r;
}

int sqlite_add_key(struct store *store, struct slice name, struct slice octets,
		   int64_t made)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_ADD_KEY];

	store_bind_text(st, 1, name);
	store_bind(st, 2, (uint64_t)made);
	(void)sqlite3_bind_blob64(st, 3, octets.p, octets.n, SQLITE_STATIC);
	return store_run(s, ST_ADD_KEY);
}
