#include "queue/store_pg.h"

#include "base/mem.h"
#include "queue/body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

/* --- rows ------------------------------------------------------------------------ */

static uint64_t number_of(const struct store_row *row, int column)
{
	const struct pg_reader *c = (const struct pg_reader *)row;

	return pg_get_number(c->result, c->number, column);
}

static struct slice octets_of(const struct store_row *row, int column)
{
	const struct pg_reader *c = (const struct pg_reader *)row;

	return pg_get_bytes(c->result, c->number, column);
}

struct pg_reader pg_reader(const struct pg *s, const PGresult *result, int row,
			   struct arena *arena)
{
	return (struct pg_reader){ .row = { .number = number_of,
					    .octets = octets_of,
					    .arena = arena,
					    .skew_s = s->skew_s },
				   .result = result,
				   .number = row };
}

static void read_entry(const struct pg *s, const PGresult *result, int row,
		       struct arena *arena, struct store_entry *ret_entry)
{
	struct pg_reader c = pg_reader(s, result, row, arena);

	store_row_read(&c.row, ret_entry);
}

int pg_ask_ready(struct pg *s, enum pg_statement which,
		 const struct pg_params *p, PGresult **ret_result)
{
	int r = pg_ready(s);

	return r < 0 ? r : pg_ask(s, which, p, ret_result);
}

static int load(struct pg *s, enum pg_statement which,
		const struct pg_params *p, struct arena *arena,
		struct store_entry *ret_entry)
{
	PGresult *result = NULL;
	int r = pg_ask_ready(s, which, p, &result);

	if (r == 0 && PQntuples(result) == 0)
		r = -ENOENT;
	if (r == 0)
		read_entry(s, result, 0, arena, ret_entry);
	PQclear(result);
	return r;
}

int pg_load(struct store *store, uint64_t row, struct arena *arena,
	    struct store_entry *ret_entry)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, row);
	return load(pg_of(store), PG_LOAD, &p, arena, ret_entry);
}

int pg_load_place(struct store *store, uint64_t queue_id, uint32_t place,
		  struct arena *arena, struct store_entry *ret_entry)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, queue_id);
	pg_number(&p, place);
	return load(pg_of(store), PG_LOAD_PLACE, &p, arena, ret_entry);
}

/* --- many rows ---------------------------------------------------------------------- */

/* In the transaction of what is asked next. */
static int post_returned(struct pg *s)
{
	struct pg_params p = { .count = 0 };
	AUTO(mem_free_string) char *list = pg_id_list(&s->returned);

	if (s->returned.count == 0)
		return 0;
	pg_number(&p, s->node);
	pg_text(&p, list);
	return pg_post(s, PG_GIVE_BACK, &p);
}

/* What came back while we still have it, as its lease had run out, is not
 * given a second time. */
static void take_rows(struct pg *s, const PGresult *result,
		      struct store_page *page)
{
	int rows = PQntuples(result);

	page->count = 0;
	for (int i = 0; i < rows && page->count < page->max; i++) {
		struct store_entry *e = &page->entries[page->count];

		read_entry(s, result, i, page->arena, e);
		if (id_set_has(&s->taken, e->recipient.row))
			continue;
		id_set_add(&s->taken, e->recipient.row);
		page->count++;
	}
}

int pg_take_due(struct store *store, enum store_line line, int64_t now,
		struct store_page *page)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	int r = pg_ready(s);

	if (r == 0)
		r = post_returned(s);
	pg_number(&p, line);
	pg_time(&p, s, now);
	pg_number(&p, s->node);
	pg_number(&p, page->max);
	if (r == 0)
		r = pg_ask(s, PG_TAKE_DUE, &p, &result);
	if (r == 0) {
		s->returned.count = 0;
		take_rows(s, result, page);
	}
	PQclear(result);
	return r;
}

int pg_list(struct store *store, uint64_t queue_id, uint64_t after,
	    struct store_page *page)
{
	struct pg_params p = { .count = 0 };
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	int r;

	pg_number(&p, after <= INT64_MAX ? after : INT64_MAX);
	pg_number(&p, page->max);
	if (queue_id != 0)
		pg_number(&p, queue_id);
	r = pg_ask_ready(s, queue_id != 0 ? PG_LIST_OF : PG_LIST, &p, &result);
	if (r == 0) {
		page->count = (size_t)PQntuples(result);
		for (size_t i = 0; i < page->count; i++)
			read_entry(s, result, (int)i, page->arena,
				   &page->entries[i]);
	}
	PQclear(result);
	return r;
}

int pg_count(struct store *store, uint64_t *ret_total)
{
	PGresult *result = NULL;
	int r = pg_ask_ready(pg_of(store), PG_COUNT, NULL, &result);

	if (r == 0)
		*ret_total = pg_get_number(result, 0, 0);
	PQclear(result);
	return r;
}

int pg_has_message(struct store *store, uint64_t queue_id, bool *ret_has)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, queue_id);
	r = pg_ask_ready(pg_of(store), PG_HAS_MESSAGE, &p, &result);
	if (r == 0)
		*ret_has = PQntuples(result) > 0;
	PQclear(result);
	return r;
}

int pg_load_keys(struct store *store, struct slice name, struct arena *arena,
		 struct store_keys *ret_keys)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_bytes(&p, name);
	pg_number(&p, STORE_KEYS);
	r = pg_ask_ready(pg_of(store), PG_LOAD_KEYS, &p, &result);
	if (r == 0) {
		size_t count = (size_t)PQntuples(result);

		ret_keys->count = count < STORE_KEYS ? count : STORE_KEYS;
		for (size_t i = 0; i < ret_keys->count; i++) {
			struct store_key *key = &ret_keys->items[i];

			key->octets = arena_copy(
				arena, pg_get_bytes(result, (int)i, 0));
			key->made = (int64_t)pg_get_number(result, (int)i, 1);
		}
	}
	PQclear(result);
	return r;
}

/* --- content ------------------------------------------------------------------------- */

/* At most max octets of it; *ret_result owns *ret_octets. *ret_size: of all.
 * 1: it is in pieces. */
static int ask_content(struct pg *s, uint64_t queue_id, size_t max,
		       PGresult **ret_result, uint64_t *ret_size)
{
	struct pg_params p = { .count = 0 };
	int r;

	pg_number(&p, queue_id);
	pg_number(&p, max);
	r = pg_ask_ready(s, PG_CONTENT, &p, ret_result);
	if (r < 0)
		return r;
	if (PQntuples(*ret_result) == 0)
		return -ENOENT;
	*ret_size = pg_get_number(*ret_result, 0, 0);
	return PQgetisnull(*ret_result, 0, 1);
}

static int ask_piece(struct pg *s, uint64_t queue_id, uint64_t n, size_t max,
		     PGresult **ret_result)
{
	struct pg_params p = { .count = 0 };
	int r;

	pg_number(&p, queue_id);
	pg_number(&p, n);
	pg_number(&p, max);
	r = pg_ask_ready(s, PG_PIECE, &p, ret_result);
	return r == 0 && PQntuples(*ret_result) == 0 ? -ENOENT : r;
}

static int write_pieces(struct pg *s, uint64_t queue_id, uint64_t size, int fd)
{
	uint64_t done = 0;
	int r = 0;

	for (uint64_t n = 0; done < size && r == 0; n++) {
		PGresult *result = NULL;

		r = ask_piece(s, queue_id, n, PG_PIECE_OCTETS, &result);
		if (r == 0) {
			struct slice octets = pg_get_bytes(result, 0, 0);

			r = octets.n > 0 ? body_append(fd, octets) : -EBADMSG;
			done += octets.n;
		}
		PQclear(result);
	}
	return r == 0 && done != size ? -EBADMSG : r;
}

/* A file without a name; one that is left by a crash is swept as those that
 * were being received. Returns a descriptor for reading or -errno. */
static int open_pieces(struct pg *s, uint64_t queue_id, uint64_t size)
{
	const int flags = O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	AUTO(fd_close) int writing = -1;
	char name[SPOOL_NAME_OCTETS];
	uint64_t id;
	int fd, r;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	spool_name(id, name);
	writing = openat(s->store.spool_dir, name, O_WRONLY | flags, 0600);
	if (writing < 0)
		return -errno;
	fd = openat(s->store.spool_dir, name,
		    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	(void)unlinkat(s->store.spool_dir, name, 0);
	if (r == 0)
		r = write_pieces(s, queue_id, size, writing);
	if (r < 0)
		fd_close(&fd);
	return r < 0 ? r : fd;
}

int pg_open_content(struct store *store, uint64_t queue_id, int *ret_fd)
{
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	uint64_t size;
	int r = ask_content(s, queue_id, PG_INLINE_OCTETS, &result, &size);

	if (r == 0)
		r = body_memfd(pg_get_bytes(result, 0, 1));
	else if (r == 1)
		r = open_pieces(s, queue_id, size);
	PQclear(result);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

int pg_read_content(struct store *store, uint64_t queue_id, size_t max,
		    struct arena *arena, struct slice *ret_octets)
{
	const size_t limit = max < PG_PIECE_OCTETS ? max : PG_PIECE_OCTETS;
	struct pg *s = pg_of(store);
	PGresult *content = NULL, *piece = NULL;
	uint64_t size;
	int r = ask_content(s, queue_id, limit, &content, &size);

	if (r == 0)
		*ret_octets = arena_copy(arena, pg_get_bytes(content, 0, 1));
	if (r == 1) {
		r = ask_piece(s, queue_id, 0, limit, &piece);
		if (r == 0)
			*ret_octets =
				arena_copy(arena, pg_get_bytes(piece, 0, 0));
	}
	PQclear(content);
	PQclear(piece);
	return r;
}
