#include "queue/store_pg.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/database.h"
#include "queue/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { SKEW_LEAST_S = 3 }; /* less of it is of no matter */

static const char *problem(const struct store *store)
{
	return ((const struct pg *)(const void *)store)->problem;
}

/* --- transactions --------------------------------------------------------------- */

static int begin(struct store *store)
{
	struct pg *s = pg_of(store);
	int r = pg_ready(s);

	if (r == 0)
		r = pg_post(s, PG_BEGIN, NULL);
	s->in_transaction = true;
	return r;
}

/* The contents of these files are in the database now. */
static void remove_used(struct pg *s)
{
	for (size_t i = 0; i < s->used_count; i++)
		(void)unlinkat(s->store.spool_dir, s->used[i], 0);
	s->used_count = 0;
}

static int commit(struct store *store)
{
	struct pg *s = pg_of(store);
	PGresult *result = NULL;
	int r = pg_ask(s, PG_COMMIT, NULL, &result);

	/* The end of a transaction that had failed is a rollback. */
	if (r == 0 && strcmp(PQcmdStatus(result), "COMMIT") != 0)
		r = -EIO;
	PQclear(result);
	if (r < 0)
		return r;
	s->in_transaction = false;
	remove_used(s);
	return 0;
}

/* What was posted may have failed, and would take the ROLLBACK with it. */
static void rollback(struct store *store)
{
	struct pg *s = pg_of(store);

	if (s->in_transaction && s->conn != NULL) {
		if (s->posted > 0)
			(void)pg_settle(s);
		if (s->conn != NULL && pg_ask(s, PG_ROLLBACK, NULL, NULL) < 0)
			pg_close(s);
	}
	s->in_transaction = false;
	s->used_count = 0;
}

static void no_settle(struct store *store)
{
	(void)store;
}

/* The database looks after its room itself. */
static void no_shrink(struct store *store, bool is_urgent)
{
	(void)store;
	(void)is_urgent;
}

/* --- who has what ------------------------------------------------------------------ */

static void give_back(struct store *store, uint64_t row)
{
	struct pg *s = pg_of(store);

	if (!id_set_has(&s->taken, row))
		return;
	id_set_remove(&s->taken, row);
	id_set_add(&s->returned, row);
}

static int renew(struct pg *s)
{
	struct pg_params p = { .count = 0 };

	pg_number(&p, s->node);
	return pg_post(s, PG_RENEW, &p);
}

static void keep(struct store *store)
{
	struct pg *s = pg_of(store);
	uint64_t now_ms = clock_monotonic_ms();
	int r;

	if (s->kept_ms != 0 && now_ms - s->kept_ms < PG_KEEP_MS)
		return;
	r = pg_ready(s);
	if (r == 0)
		r = renew(s);
	if (r == 0)
		r = pg_post(s, PG_BURY, NULL);
	/* Its own transaction: it sees who is gone. */
	if (r == 0)
		r = pg_settle(s);
	if (r == 0)
		r = pg_ask(s, PG_TAKE_OVER, NULL, NULL);
	if (r == 0)
		s->kept_ms = now_ms;
}

/* --- a new connection ---------------------------------------------------------------- */

/* Who has our name, has our mail: nobody else may. */
static int identify(struct pg *s)
{
	struct pg_params p = { .count = 0 };
	PGresult *result = NULL;
	int r;

	pg_number(&p, s->node);
	r = pg_ask(s, PG_IDENTIFY, &p, &result);
	if (r < 0)
		return r;
	s->skew_s = (int64_t)pg_get_number(result, 0, 1) - clock_wall_s();
	if (llabs(s->skew_s) < SKEW_LEAST_S)
		s->skew_s = 0;
	if (pg_get_number(result, 0, 2) > PG_SCHEMA_VERSION)
		r = -EPROTONOSUPPORT;
	else if (pg_get_number(result, 0, 0) == 0)
		r = -EBUSY;
	PQclear(result);
	if (r < 0)
		(void)snprintf(s->problem, sizeof(s->problem), "%s",
			       r == -EBUSY ? "another server is this node: "
					     "state_dir/node was copied, or an "
					     "old connection lasts"
					   : "it is of a later release");
	return r;
}

/* Of what the database holds for us, only this we still know of. */
static int release_others(struct pg *s)
{
	struct pg_params p = { .count = 0 };
	AUTO(mem_free_string) char *list = pg_id_list(&s->taken);

	pg_number(&p, s->node);
	pg_text(&p, list);
	return pg_ask(s, PG_RELEASE_OTHERS, &p, NULL);
}

int pg_greet(struct pg *s)
{
	int r = identify(s);

	if (r == 0)
		r = renew(s);
	if (r == 0)
		r = release_others(s);
	if (r == 0)
		s->returned.count = 0;
	return r;
}

/* --- birth ------------------------------------------------------------------------------ */

/* This node's name: 16 hexadecimal digits in state_dir/node, made at the first
 * start. */
static int make_node(int state_dir, uint64_t *ret_node)
{
	char name[BODY_NAME_OCTETS];
	uint64_t node = 0;
	int fd, r = 0;

	if (getrandom(&node, sizeof(node), 0) != sizeof(node))
		return -EIO;
	body_name(node, name);
	fd = openat(state_dir, "node.new",
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) != (ssize_t)strlen(name) ||
	    fsync(fd) < 0 ||
	    renameat(state_dir, "node.new", state_dir, "node") < 0)
		r = -errno;
	fd_close(&fd);
	*ret_node = node;
	return r;
}

static int read_node(int state_dir, uint64_t *ret_node)
{
	AUTO(fd_close)
	int fd = openat(state_dir, "node", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char name[17] = "";

	if (fd < 0)
		return -errno;
	if (body_read(fd, name, 16) < 0 || !body_parse_name(name, ret_node))
		return -ENOENT;
	return 0;
}

static void free_pg(struct store *store)
{
	struct pg *s = pg_of(store);
	struct pg_params p = { .count = 0 };

	/* What we had is for the others now. */
	pg_number(&p, s->node);
	s->taken.count = 0;
	if (s->conn != NULL && !s->in_transaction && release_others(s) == 0)
		(void)pg_ask(s, PG_EXPIRE, &p, NULL);
	pg_close(s);
	mem_free(&s->taken.ids);
	mem_free(&s->returned.ids);
	mem_free(&s->used);
	mem_free(&s->piece);
	mem_free(&s->uri);
	mem_free(&s);
}

static const struct store_ops ops = {
	.free = free_pg,
	.problem = problem,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.add_message = pg_add_message,
	.add_recipient = pg_add_recipient,
	.remove = pg_remove,
	.defer = pg_defer,
	.postpone = pg_postpone,
	.hasten = pg_hasten,
	.end_holds = pg_end_holds,
	.hurry = pg_hurry,
	.release = pg_release,
	.hold = pg_hold,
	.drop = pg_drop,
	.add_key = pg_add_key,
	.keep_tls = pg_keep_tls,
	.forget_tls = pg_forget_tls,
	.keep_sts = pg_keep_sts,
	.use_sts = pg_use_sts,
	.expire_sts = pg_expire_sts,
	.take_due = pg_take_due,
	.give_back = give_back,
	.load = pg_load,
	.load_place = pg_load_place,
	.list = pg_list,
	.count = pg_count,
	.has_message = pg_has_message,
	.load_keys = pg_load_keys,
	.load_tls = pg_load_tls,
	.list_tls = pg_list_tls,
	.load_sts = pg_load_sts,
	.list_sts = pg_list_sts,
	.count_dmarc = pg_count_dmarc,
	.expire_dmarc = pg_expire_dmarc,
	.list_dmarc = pg_list_dmarc,
	.count_tls = pg_count_tls,
	.take_tls_report = pg_take_tls_report,
	.end_tls_report = pg_end_tls_report,
	.list_tls_counts = pg_list_tls_counts,
	.list_tls_reports = pg_list_tls_reports,
	.add_usage = pg_add_usage,
	.forget_usage = pg_forget_usage,
	.keep_correspondent = pg_keep_correspondent,
	.load_usage = pg_load_usage,
	.list_usage = pg_list_usage,
	.load_correspondent = pg_load_correspondent,
	.open_content = pg_open_content,
	.read_content = pg_read_content,
	.settle = no_settle,
	.shrink = no_shrink,
	.keep = keep,
};

int pg_open(const struct store_place *place, struct store **ret_store)
{
	struct pg *s = mem_new(sizeof(*s));
	AUTO(store_free) struct store *store = &s->store;
	AUTO(fd_close) int state_dir = -1;
	struct database database;
	int r;

	s->store = (struct store){ .ops = &ops, .spool_dir = -1 };
	s->uri = mem_string(place->database);
	s->is_remote = database_parse(slice_of(s->uri), &database) == NULL &&
		       !database.is_unix && !database.is_loopback;
	s->piece = mem_array(PG_PIECE_OCTETS, 1);
	r = store_open_dirs(place->dir, &state_dir, &s->store.spool_dir);
	if (r == 0)
		r = read_node(state_dir, &s->node);
	if (r == -ENOENT)
		r = make_node(state_dir, &s->node);
	if (r == 0 && fsync(state_dir) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (faccessat(state_dir, "queue.db", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		log_plain(LOG_WARNING, NULL,
			  "state_dir has a queue.db: mail in it waits until "
			  "queue_database is empty again");
	/* A database that is away comes back. */
	if (pg_ready(s) < 0)
		LOG(LOG_ERROR, NULL, "cannot reach the queue's database",
		    log_string("database", s->problem));
	*ret_store = store;
	store = NULL;
	return 0;
}
