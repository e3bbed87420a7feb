#include "receive/content.h"

#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum {
	RUN_OCTETS = 64 << 10,      /* the most that is gathered */
	RUN_FIRST_OCTETS = 4 << 10, /* most messages fit */
};

struct spooler {
	struct role_self *self;
	uint64_t last_id;
	/* Those that wait for a spool file or have one. */
	TAILQ_HEAD(, content) contents;
};

struct content {
	struct spooler *spool;
	TAILQ_ENTRY(content) entry;
	bool is_listed;
	void (*on_ready)(void *arg);
	void *arg;
	enum content_state state;
	int fd;           /* memfd or spool file; -1 until needed */
	uint64_t octets;  /* taken */
	uint64_t written; /* of them in fd */
	char *run;        /* the rest, gathered */
	size_t run_n;
	size_t run_room;
	uint64_t wanted_id; /* of SPOOL_WANTED, while it is not answered */
	uint64_t spool_id;
	bool is_finished;
	bool is_orphan;
};

struct content *content_new(struct spooler *spool, void (*on_ready)(void *arg),
			    void *arg)
{
	struct content *c = mem_new(sizeof(*c));

	c->spool = spool;
	c->on_ready = on_ready;
	c->arg = arg;
	c->fd = -1;
	return c;
}

static void unlist(struct content *c)
{
	if (c->is_listed)
		TAILQ_REMOVE(&c->spool->contents, c, entry);
	c->is_listed = false;
}

static void drop_spool_file(struct role_self *self, uint64_t spool_id)
{
	struct link *queue = role_peer(self, ROLE_QUEUE, 0);
	struct message m = { .type = MESSAGE_SPOOL_DROP, .fd = -1 };

	if (queue == NULL)
		return; /* its spool files went with it */
	m.spool_drop.spool_id = spool_id;
	link_send(queue, &m, -1);
}

void content_free(struct content **content)
{
	struct content *c = *content;

	if (c == NULL)
		return;
	if (c->spool_id != 0 && !c->is_orphan)
		drop_spool_file(c->spool->self, c->spool_id);
	unlist(c);
	fd_close(&c->fd);
	mem_free(&c->run);
	mem_free(content);
}

/* No use to go on: what was taken is forgotten, so is what comes. */
static void fail(struct content *c, int error)
{
	c->state = error == -ENOSPC || error == -EDQUOT || error == -EFBIG
			   ? CONTENT_NO_ROOM
			   : CONTENT_BROKEN;
	fd_close(&c->fd);
	mem_free(&c->run);
	c->run_n = c->run_room = 0;
}

static int open_memfd(struct content *c)
{
	c->fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return c->fd < 0 ? -errno : 0;
}

static void put_out(struct content *c, struct slice octets)
{
	int error = c->fd < 0 ? open_memfd(c) : 0;

	if (error == 0)
		error = file_write_at(c->fd, octets, c->written);
	if (error != 0)
		fail(c, error);
	else
		c->written += octets.n;
}

static void put_run_out(struct content *c)
{
	struct slice run = { c->run, c->run_n };

	c->run_n = 0;
	put_out(c, run);
}

/* Room for n more octets, at most RUN_OCTETS in all. */
static void make_room(struct content *c, size_t n)
{
	size_t room = c->run_room > 0 ? c->run_room : RUN_FIRST_OCTETS;

	while (room < c->run_n + n)
		room *= 2;
	if (room == c->run_room)
		return;
	c->run = mem_resize(c->run, room, 1);
	c->run_room = room;
}

static void gather(struct content *c, struct slice octets)
{
	make_room(c, octets.n);
	memcpy(c->run + c->run_n, octets.p, octets.n);
	c->run_n += octets.n;
}

static void want_spool_file(struct content *c)
{
	struct link *queue = role_peer(c->spool->self, ROLE_QUEUE, 0);
	struct message m = { .type = MESSAGE_SPOOL_WANTED, .fd = -1 };

	if (queue == NULL) {
		fail(c, -ENOTCONN);
		return;
	}
	c->state = CONTENT_WAITING;
	c->wanted_id = ++c->spool->last_id;
	c->is_listed = true;
	TAILQ_INSERT_TAIL(&c->spool->contents, c, entry);
	m.spool_wanted.id = c->wanted_id;
	link_send(queue, &m, -1);
}

void content_write(struct content *content, struct slice octets)
{
	struct content *c = content;

	assert(!c->is_finished && c->state != CONTENT_WAITING);
	if (c->state != CONTENT_OPEN || octets.n == 0)
		return;
	c->octets += octets.n;
	if (c->run_n > 0 && c->run_n + octets.n > RUN_OCTETS)
		put_run_out(c);
	if (c->state == CONTENT_OPEN && octets.n >= RUN_OCTETS)
		put_out(c, octets);
	else if (c->state == CONTENT_OPEN)
		gather(c, octets);
	if (c->state == CONTENT_OPEN && c->spool_id == 0 &&
	    c->octets > CONTENT_MEMFD_OCTETS)
		want_spool_file(c);
}

enum content_state content_state(const struct content *content)
{
	return content->state;
}

enum content_state content_finish(struct content *content)
{
	struct content *c = content;

	if (c->state != CONTENT_OPEN)
		return c->state;
	put_run_out(c);
	mem_free(&c->run);
	c->run_room = 0;
	c->is_finished = true;
	if (c->state == CONTENT_OPEN && c->spool_id == 0 &&
	    fcntl(c->fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		fail(c, -errno);
	return c->state;
}

int content_fd(const struct content *content)
{
	return content->fd;
}

int content_read(const struct content *content, char *p, size_t octets,
		 uint64_t at)
{
	return file_read_at(content->fd, p, octets, at);
}

uint64_t content_octets(const struct content *content)
{
	return content->octets;
}

uint64_t content_spool_id(const struct content *content)
{
	return content->spool_id;
}

void content_hand_over(struct content *content)
{
	content->spool_id = 0;
	unlist(content);
}

bool content_is_orphan(const struct content *content)
{
	return content->is_orphan;
}

/* --- the spooler ---------------------------------------------------------- */

struct spooler *spooler_new(struct role_self *self)
{
	struct spooler *s = mem_new(sizeof(*s));

	s->self = self;
	TAILQ_INIT(&s->contents);
	return s;
}

void spooler_free(struct spooler **spooler)
{
	if (*spooler == NULL)
		return;
	assert(TAILQ_EMPTY(&(*spooler)->contents));
	mem_free(spooler);
}

/* What the memfd holds goes into the spool file; the gathered run stays. */
static int move_to(struct content *c, int fd)
{
	AUTO(mem_free_string) char *octets = mem_new(RUN_OCTETS);
	uint64_t at = 0;

	while (at < c->written) {
		uint64_t left = c->written - at;
		size_t n = left < RUN_OCTETS ? (size_t)left : RUN_OCTETS;
		int error = file_read_at(c->fd, octets, n, at);

		if (error == 0)
			error = file_write_at(fd, (struct slice){ octets, n },
					      at);
		if (error != 0)
			return error;
		at += n;
	}
	return 0;
}

static void take_spool_file(struct content *c, struct message *m)
{
	int fd = message_take_fd(m);
	int error = m->spool.error != 0 ? -(int)m->spool.error
		    : fd < 0            ? -EBADF
					: 0;

	c->wanted_id = 0;
	c->spool_id = m->spool.error == 0 ? m->spool.spool_id : 0;
	if (error == 0)
		error = move_to(c, fd);
	if (error != 0) {
		fd_close(&fd);
		fail(c, error);
		return;
	}
	fd_close(&c->fd);
	c->fd = fd;
	c->state = CONTENT_OPEN;
}

void spooler_on_spool(struct spooler *spooler, struct message *m)
{
	struct content *c;

	TAILQ_FOREACH(c, &spooler->contents, entry)
		if (c->wanted_id != 0 && c->wanted_id == m->spool.id)
			break;
	if (c == NULL) {
		/* Nobody waits any more. */
		if (m->spool.error == 0)
			drop_spool_file(spooler->self, m->spool.spool_id);
		return;
	}
	take_spool_file(c, m);
	c->on_ready(c->arg);
}

/* One that waits, told so; NULL when there is none. */
static struct content *end_one_wait(struct spooler *spooler)
{
	struct content *c;

	TAILQ_FOREACH(c, &spooler->contents, entry)
		if (c->wanted_id != 0)
			break;
	if (c == NULL)
		return NULL;
	c->wanted_id = 0;
	unlist(c);
	fail(c, -ENOTCONN);
	return c;
}

void spooler_on_queue_gone(struct spooler *spooler)
{
	struct content *c;

	/* Marked before anyone is called: on_ready() may free contents. */
	TAILQ_FOREACH(c, &spooler->contents, entry)
		c->is_orphan = c->spool_id != 0;
	while ((c = end_one_wait(spooler)) != NULL)
		c->on_ready(c->arg);
}
