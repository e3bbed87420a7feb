#include "fake_role.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

struct link {
	enum role peer;
	struct role_self *self;
};

static struct link fake_queue = { .peer = ROLE_QUEUE };
static struct link fake_deliver = { .peer = ROLE_DELIVER };
static struct link fake_hook = { .peer = ROLE_HOOK };
static struct link fake_verify = { .peer = ROLE_VERIFY };
static struct link fake_control = { .peer = ROLE_CONTROL };

void fake_role_init(struct role_self *self)
{
	memset(self, 0, sizeof(*self));
	self->base = event_base_new();
	self->arena = arena_new(64 << 20);
	self->has_queue = true;
	self->has_deliver = true;
	self->has_hook = true;
	self->has_verify = true;
	fake_queue.self = self;
	fake_deliver.self = self;
	fake_hook.self = self;
	fake_control.self = self;
	fake_verify.self = self;
}

void fake_role_done(struct role_self *self)
{
	for (size_t i = 0; i < self->sent_count; i++)
		fd_close(&self->sent[i].m.fd);
	arena_free(&self->arena);
	event_base_free(self->base);
}

void fake_role_turn(struct role_self *self)
{
	(void)event_base_loop(self->base, EVLOOP_NONBLOCK);
}

const struct message *fake_role_sent(const struct role_self *self,
				     enum message_type type, size_t n)
{
	for (size_t i = 0; i < self->sent_count; i++)
		if (self->sent[i].m.type == type && n-- == 0)
			return &self->sent[i].m;
	return NULL;
}

size_t fake_role_count(const struct role_self *self, enum message_type type)
{
	size_t n = 0;

	while (fake_role_sent(self, type, n) != NULL)
		n++;
	return n;
}

/* --- what role.h and link.h declare ----------------------------------------- */

struct event_base *role_base(const struct role_self *self)
{
	return self->base;
}

const struct conf *role_conf(const struct role_self *self)
{
	return &self->conf;
}

struct link *role_peer(const struct role_self *self, enum role role,
		       unsigned index)
{
	assert(index == 0);
	if (role == ROLE_QUEUE)
		return self->has_queue ? &fake_queue : NULL;
	if (role == ROLE_CONTROL)
		return &fake_control;
	if (role == ROLE_HOOK)
		return self->has_hook ? &fake_hook : NULL;
	if (role == ROLE_VERIFY)
		return self->has_verify ? &fake_verify : NULL;
	return self->has_deliver ? &fake_deliver : NULL;
}

size_t link_backlog(const struct link *link)
{
	return link->self->backlog[link->peer];
}

/* Through the real codec, so that what is kept is what a peer would see. */
void link_send(struct link *link, const struct message *m, int fd)
{
	struct role_self *self = link->self;
	struct sent *s = &self->sent[self->sent_count++];
	struct wire_writer w = { 0 };
	struct slice octets;

	assert(self->sent_count < sizeof(self->sent) / sizeof(self->sent[0]));
	assert(message_is_allowed(m->type, ROLE_RECEIVE, link->peer));
	assert(fd < 0 || message_has_fd(m->type));
	assert(message_encode(m, &w) == 0);
	octets = arena_copy(self->arena, (struct slice){ w.bytes, w.n });
	mem_free(&w.bytes);
	assert(message_decode(octets, self->arena, &s->m) == 0);
	s->to = link->peer;
	s->m.fd = fd >= 0 ? dup(fd) : -1;
}
