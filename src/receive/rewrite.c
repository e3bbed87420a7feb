#include "receive/rewrite.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum {
	TURN_OCTETS = 1 << 20,
	RUN_OCTETS = 64 << 10,
};

struct rewrite {
	struct content *content;
	struct event *turn;
	char *head; /* prefix and header; NULL when written */
	size_t head_octets;
	struct milter_body body; /* what is left of it */
	char *run;
	rewrite_on_done *on_done;
	void *arg;
};

void rewrite_cancel(struct rewrite **rewrite)
{
	struct rewrite *r = *rewrite;

	if (r == NULL)
		return;
	event_free(r->turn);
	content_free(&r->content);
	mem_free(&r->head);
	mem_free(&r->run);
	mem_free(rewrite);
}

/* A timer, so that others have their turn before. */
static void go_on_later(struct rewrite *r)
{
	(void)event_add(r->turn, &(const struct timeval){ .tv_sec = 0 });
}

static void on_ready(void *arg)
{
	go_on_later(arg);
}

static void end(struct rewrite *r, enum content_state state)
{
	struct content *content = state == CONTENT_OPEN ? r->content : NULL;
	rewrite_on_done *on_done = r->on_done;
	void *arg = r->arg;

	if (content != NULL)
		r->content = NULL;
	rewrite_cancel(&r);
	on_done(state, &content, arg);
	content_free(&content);
}

static void copy_head(struct rewrite *r)
{
	if (r->head == NULL)
		return;
	content_write(r->content, (struct slice){ r->head, r->head_octets });
	mem_free(&r->head);
}

/* Returns false if the old content cannot be read. */
static bool copy_run(struct rewrite *r)
{
	size_t n = r->body.octets < RUN_OCTETS ? (size_t)r->body.octets
					       : RUN_OCTETS;

	if (file_read_at(r->body.fd, r->run, n, r->body.offset) != 0)
		return false;
	content_write(r->content, (struct slice){ r->run, n });
	r->body.offset += n;
	r->body.octets -= n;
	return true;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct rewrite *r = arg;
	const uint64_t left = r->body.octets;
	enum content_state state;

	(void)fd;
	(void)what;
	copy_head(r);
	while (content_state(r->content) == CONTENT_OPEN &&
	       r->body.octets > 0 && left - r->body.octets < TURN_OCTETS)
		if (!copy_run(r)) {
			end(r, CONTENT_BROKEN);
			return;
		}
	state = content_state(r->content);
	if (state == CONTENT_WAITING)
		return; /* on_ready() */
	if (state == CONTENT_OPEN && r->body.octets > 0)
		go_on_later(r);
	else
		end(r, content_finish(r->content));
}

struct rewrite *rewrite_start(struct event_base *base, struct spooler *spool,
			      const struct rewrite_parts *parts,
			      rewrite_on_done *on_done, void *arg)
{
	const struct slice prefix = parts->prefix, header = parts->header;
	struct rewrite *r = mem_new(sizeof(*r));

	r->content = content_new(spool, on_ready, r);
	r->turn = event_new(base, -1, 0, on_turn, r);
	r->head_octets = prefix.n + header.n;
	r->head = mem_new(r->head_octets + 1);
	if (prefix.n > 0)
		memcpy(r->head, prefix.p, prefix.n);
	if (header.n > 0)
		memcpy(r->head + prefix.n, header.p, header.n);
	r->body = parts->body;
	r->run = mem_new(RUN_OCTETS);
	r->on_done = on_done;
	r->arg = arg;
	go_on_later(r);
	return r;
}
