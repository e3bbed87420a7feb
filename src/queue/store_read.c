#include "queue/store_sqlite.h"

#include "base/mem.h"
#include "queue/body.h"

#include <errno.h>
#include <unistd.h>

/* --- rows ------------------------------------------------------------------- */

static uint64_t number_of(const struct store_row *row, int column)
{
	const struct sqlite_reader *c = (const struct sqlite_reader *)row;

	return (uint64_t)sqlite3_column_int64(c->st, column);
}

static struct slice octets_of(const struct store_row *row, int column)
{
	const struct sqlite_reader *c = (const struct sqlite_reader *)row;
	const void *p = sqlite3_column_blob(c->st, column);
	int n = sqlite3_column_bytes(c->st, column);

	return (struct slice){ p, n > 0 ? (size_t)n : 0 };
}

struct sqlite_reader sqlite_reader(sqlite3_stmt *st, struct arena *arena)
{
	return (struct sqlite_reader){ .row = { .number = number_of,
						.octets = octets_of,
						.arena = arena },
				       .st = st };
}

enum { COLUMN_ROW = 12 };

static void read_entry(sqlite3_stmt *st, struct arena *arena,
		       struct store_entry *ret_entry)
{
	struct sqlite_reader c = sqlite_reader(st, arena);

	store_row_read(&c.row, ret_entry);
}

static int load(struct sqlite *s, enum statement which, struct arena *arena,
		struct store_entry *ret_entry)
{
	int r = store_fetch(s, which);

	if (r == 1)
		read_entry(s->statements[which], arena, ret_entry);
	store_reset(s, which);
	if (r < 0)
		return r;
	return r == 1 ? 0 : -ENOENT;
}

int sqlite_load(struct store *store, uint64_t row, struct arena *arena,
		struct store_entry *ret_entry)
{
	struct sqlite *s = sqlite_of(store);

	store_bind(s->statements[ST_LOAD], 1, row);
	return load(s, ST_LOAD, arena, ret_entry);
}

int sqlite_load_place(struct store *store, uint64_t queue_id, uint32_t place,
		      struct arena *arena, struct store_entry *ret_entry)
{
	struct sqlite *s = sqlite_of(store);

	store_bind(s->statements[ST_LOAD_PLACE], 1, queue_id);
	store_bind(s->statements[ST_LOAD_PLACE], 2, place);
	return load(s, ST_LOAD_PLACE, arena, ret_entry);
}

/* --- many rows ---------------------------------------------------------------- */

int sqlite_take_due(struct store *store, enum store_line line, int64_t now,
		    struct store_page *page)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_TAKE_DUE];
	size_t count = 0;
	int r = 0;

	store_bind(st, 1, line);
	store_bind(st, 2, (uint64_t)now);
	/* Those taken before may be the first we see. */
	store_bind(st, 3, page->max + s->taken.count);
	while (count < page->max && (r = store_fetch(s, ST_TAKE_DUE)) == 1) {
		if (id_set_has(&s->taken,
			       (uint64_t)sqlite3_column_int64(st, COLUMN_ROW)))
			continue;
		read_entry(st, page->arena, &page->entries[count]);
		count++;
	}
	store_reset(s, ST_TAKE_DUE);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		id_set_add(&s->taken, page->entries[i].recipient.row);
	page->count = count;
	return 0;
}

void sqlite_give_back(struct store *store, uint64_t row)
{
	struct sqlite *s = sqlite_of(store);

	id_set_remove(&s->taken, row);
}

int sqlite_list(struct store *store, uint64_t queue_id, uint64_t after,
		struct store_page *page)
{
	const enum statement which = queue_id != 0 ? ST_LIST_OF : ST_LIST;
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[which];
	size_t count = 0;
	int r = 0;

	store_bind(st, 1, after <= INT64_MAX ? after : INT64_MAX);
	store_bind(st, 2, page->max);
	if (queue_id != 0)
		store_bind(st, 3, queue_id);
	while (count < page->max && (r = store_fetch(s, which)) == 1)
		read_entry(st, page->arena, &page->entries[count++]);
	store_reset(s, which);
	if (r < 0)
		return r;
	page->count = count;
	return 0;
}

int sqlite_count(struct store *store, uint64_t *ret_total)
{
	struct sqlite *s = sqlite_of(store);
	int r = store_fetch(s, ST_COUNT);

	if (r == 1)
		*ret_total = (uint64_t)sqlite3_column_int64(
			s->statements[ST_COUNT], 0);
	store_reset(s, ST_COUNT);
	return r < 0 ? r : 0;
}

int sqlite_has_message(struct store *store, uint64_t queue_id, bool *ret_has)
{
	struct sqlite *s = sqlite_of(store);
	int r;

	store_bind(s->statements[ST_HAS_MESSAGE], 1, queue_id);
	r = store_fetch(s, ST_HAS_MESSAGE);
	store_reset(s, ST_HAS_MESSAGE);
	if (r < 0)
		return r;
	*ret_has = r == 1;
	return 0;
}

int sqlite_load_keys(struct store *store, struct slice name,
		     struct arena *arena, struct store_keys *ret_keys)
{
	struct sqlite *s = sqlite_of(store);
	sqlite3_stmt *st = s->statements[ST_LOAD_KEYS];
	struct sqlite_reader c = sqlite_reader(st, arena);
	size_t count = 0;
	int r = 0;

	store_bind_text(st, 1, name);
	store_bind(st, 2, STORE_KEYS);
	while (count < STORE_KEYS && (r = store_fetch(s, ST_LOAD_KEYS)) == 1) {
		c.row.column = 0;
		ret_keys->items[count].octets = store_row_octets(&c.row);
		ret_keys->items[count++].made =
			(int64_t)store_row_number(&c.row);
	}
	store_reset(s, ST_LOAD_KEYS);
	if (r < 0)
		return r;
	ret_keys->count = count;
	return 0;
}

/* --- content -------------------------------------------------------------------- */

/* 1: *ret_blob is valid until the reset; 0: it is in a file; -errno. */
static int fetch_content(struct sqlite *s, uint64_t queue_id,
			 struct slice *ret_blob)
{
	sqlite3_stmt *st = s->statements[ST_CONTENT];
	int r;

	store_bind(st, 1, queue_id);
	r = store_fetch(s, ST_CONTENT);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (sqlite3_column_type(st, 0) == SQLITE_NULL)
		return 0;
	ret_blob->p = sqlite3_column_blob(st, 0);
	ret_blob->n = (size_t)sqlite3_column_bytes(st, 0);
	return 1;
}

int sqlite_open_content(struct store *store, uint64_t queue_id, int *ret_fd)
{
	struct sqlite *s = sqlite_of(store);
	struct slice blob;
	int r = fetch_content(s, queue_id, &blob);

	if (r == 1)
		r = body_memfd(blob);
	else if (r == 0)
		r = body_open(s->store.spool_dir, queue_id);
	store_reset(s, ST_CONTENT);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

static int read_file(struct sqlite *s, uint64_t queue_id, size_t max,
		     struct arena *arena, struct slice *ret_octets)
{
	AUTO(fd_close) int fd = body_open(s->store.spool_dir, queue_id);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	size_t n;
	char *p;
	int r;

	if (fd < 0)
		return fd;
	if (size < 0)
		return -errno;
	n = (size_t)size < max ? (size_t)size : max;
	p = arena_alloc(arena, n + 1);
	r = body_read(fd, p, n);
	if (r == 0)
		*ret_octets = (struct slice){ p, n };
	return r;
}

int sqlite_read_content(struct store *store, uint64_t queue_id, size_t max,
			struct arena *arena, struct slice *ret_octets)
{
	struct sqlite *s = sqlite_of(store);
	struct slice blob;
	int r = fetch_content(s, queue_id, &blob);

	if (r == 1)
		*ret_octets = arena_copy(arena, slice_head(blob, max));
	store_reset(s, ST_CONTENT);
	if (r != 0)
		return r < 0 ? r : 0;
	return read_file(s, queue_id, max, arena, ret_octets);
}
