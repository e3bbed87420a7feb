#include "proc/role.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "proc/role_setting.h"
#include "proc/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

struct socket_request {
	TAILQ_ENTRY(socket_request) entry;
	uint64_t id;
	role_on_socket *done;
	void *arg;
};

struct role_self {
	const struct role_program *program;
	void *arg;
	unsigned index;
	char name[48];
	struct event_base *base;
	struct link *parent;
	struct link *peers[ROLE_COUNT][ROLE_INDEX_MAX];
	struct conf *conf, *next_conf; /* in use; between BEGIN and COMMIT */
	TAILQ_HEAD(, socket_request) socket_requests;
	uint64_t last_socket_id;
	bool is_started;
	bool is_leaving;
	int status;
};

static void leave(struct role_self *self, int status)
{
	self->status = status;
	self->is_leaving = true;
	(void)event_base_loopbreak(self->base);
}

void role_exit(struct role_self *self)
{
	leave(self, 0);
}

/* --- peers ------------------------------------------------------------------- */

static void on_peer_message(struct link *link, struct message *m, void *arg)
{
	struct role_self *self = arg;

	if (self->program->on_message != NULL)
		self->program->on_message(self, link, m, self->arg);
}

static void drop_peer(struct role_self *self, struct link **slot)
{
	struct link *link = *slot;

	if (link == NULL)
		return;
	*slot = NULL; /* role_peer() must not find it any more */
	if (self->program->on_peer_gone != NULL)
		self->program->on_peer_gone(self, link, self->arg);
	link_free(&link);
}

static void on_peer_closed(struct link *link, enum link_end end, void *arg)
{
	struct role_self *self = arg;
	enum role peer = link_peer(link);
	unsigned index = link_peer_index(link);

	if (end == LINK_MISBEHAVED) {
		struct message m = { .type = MESSAGE_MISBEHAVED,
				     .misbehaved = { .role = peer,
						     .index = index } };

		LOG(LOG_ERROR, NULL, "peer broke the rules of its link",
		    log_string("role", role_name(peer)),
		    log_number("index", index));
		link_send(self->parent, &m, -1);
	}
	drop_peer(self, &self->peers[peer][index]);
}

static void add_peer(struct role_self *self, struct message *m)
{
	uint32_t role = m->peer.role, index = m->peer.index;
	struct link **slot;

	if (role >= ROLE_COUNT || index >= ROLE_INDEX_MAX || m->fd < 0)
		return;
	slot = &self->peers[role][index];
	/* Its last words count: what it has done is not to be done again. */
	if (*slot != NULL)
		link_drain(*slot);
	drop_peer(self, slot);
	*slot = link_new(self->base, message_take_fd(m), self->program->role,
			 (enum role)role, index, on_peer_message,
			 on_peer_closed, self);
	if (self->program->on_peer != NULL)
		self->program->on_peer(self, *slot, self->arg);
}

/* --- configuration ------------------------------------------------------------- */

static void commit_conf(struct role_self *self)
{
	struct conf *old = self->conf;

	if (self->next_conf == NULL)
		return;
	self->conf = self->next_conf;
	self->next_conf = NULL;
	log_set_level(log_level_find(self->conf->log_level));
	if (self->program->on_conf != NULL)
		self->program->on_conf(self, self->arg);
	conf_free(&old);
}

static void conf_part(struct role_self *self, struct message *m)
{
	if (m->type == MESSAGE_CONF_BEGIN) {
		conf_free(&self->next_conf);
		self->next_conf = conf_new();
	}
	if (self->program->on_conf_part != NULL)
		self->program->on_conf_part(self, m, self->arg);
}

/* --- sockets ------------------------------------------------------------------- */

/* NOLINTNEXTLINE(readability-function-size): what, and whom to tell */
void role_want_socket(struct role_self *self, enum socket_kind kind,
		      struct slice name, unsigned attempt, role_on_socket *done,
		      void *arg)
{
	struct socket_request *r = mem_new(sizeof(*r));
	struct message m = { .type = MESSAGE_SOCKET_WANTED };

	r->id = ++self->last_socket_id;
	r->done = done;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&self->socket_requests, r, entry);
	m.socket_wanted = (struct msg_socket_wanted){
		.id = r->id, .kind = kind, .name = name, .attempt = attempt
	};
	link_send(self->parent, &m, -1);
}

void role_forget_socket(struct role_self *self, void *arg)
{
	struct socket_request *r, *next;

	TAILQ_FOREACH_SAFE(r, &self->socket_requests, entry, next) {
		if (r->arg != arg)
			continue;
		TAILQ_REMOVE(&self->socket_requests, r, entry);
		mem_free(&r);
	}
}

static void give_socket(struct role_self *self, struct message *m)
{
	struct socket_request *r;
	int error = m->socket.error != 0 ? -(int)m->socket.error : 0;

	TAILQ_FOREACH(r, &self->socket_requests, entry)
		if (r->id == m->socket.id)
			break;
	if (r == NULL)
		return; /* forgotten meanwhile */
	TAILQ_REMOVE(&self->socket_requests, r, entry);
	if (error == 0 && m->fd < 0)
		error = -EMFILE; /* it got lost on the way: link.h */
	r->done(message_take_fd(m), error, m->socket.has_more, m->socket.where,
		r->arg);
	mem_free(&r);
}

/* --- the parent ------------------------------------------------------------------ */

static void start(struct role_self *self)
{
	struct message ready = { .type = MESSAGE_READY };
	int r;

	if (self->is_started || self->conf == NULL)
		return;
	self->is_started = true;
	r = sandbox_enter(self->program->role, self->conf);
	if (r < 0) {
		LOG(LOG_ERROR, NULL, "cannot shut the cage",
		    log_number("errno", (uint64_t)-r));
		leave(self, 1);
		return;
	}
	self->program->start(self, self->arg);
	if (!self->is_leaving) /* start() may have found that it cannot work */
		link_send(self->parent, &ready, -1);
}

static void on_parent_message(struct link *link, struct message *m, void *arg)
{
	struct role_self *self = arg;

	/* The parent is trusted: what remains here is which part it is for. */
	switch ((int)m->type) {
	case MESSAGE_LOG_SINK:
		if (m->fd >= 0)
			log_use((enum log_sink)m->log_sink.kind,
				message_take_fd(m));
		break;
	case MESSAGE_CONF_SETTING:
		role_setting_take(self->next_conf, &m->conf_setting);
		break;
	case MESSAGE_CONF_BLOCK:
		role_setting_take_block(self->next_conf, &m->conf_block);
		break;
	case MESSAGE_CONF_BEGIN:
	case MESSAGE_CONF_DOMAIN:
	case MESSAGE_CONF_CERTIFICATE:
	case MESSAGE_CONF_KEY:
	case MESSAGE_CONF_DKIM_KEY:
	case MESSAGE_CONF_HOOKS:
	case MESSAGE_CONF_TRUST_ANCHOR:
	case MESSAGE_CONF_ROOTS:
	case MESSAGE_CONF_SMARTHOST_PASSWORD:
		conf_part(self, m);
		break;
	case MESSAGE_CONF_COMMIT:
		commit_conf(self);
		break;
	case MESSAGE_PEER:
		add_peer(self, m);
		break;
	case MESSAGE_SOCKET:
		give_socket(self, m);
		break;
	case MESSAGE_START:
		start(self);
		break;
	case MESSAGE_DRAIN:
		if (self->program->on_drain != NULL)
			self->program->on_drain(self, m->drain.timeout_ms,
						self->arg);
		else
			role_exit(self);
		break;
	default: /* CENSUS, LISTENER, WAITING_LINK, RELOADED */
		if (self->program->on_message != NULL)
			self->program->on_message(self, link, m, self->arg);
		break;
	}
}

static void on_parent_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	leave(arg, 1);
}

/* --- life ------------------------------------------------------------------------ */

static struct event_base *make_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	assert(c != NULL);
	(void)event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK |
					       EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(c);
	event_config_free(c);
	assert(base != NULL);
	/* Ordinary events get the middle; a batch's end the last. */
	(void)event_base_priority_init(base, 3);
	return base;
}

static void flush_links(struct role_self *self)
{
	for (size_t r = 0; r < ROLE_COUNT; r++)
		for (size_t i = 0; i < ROLE_INDEX_MAX; i++)
			if (self->peers[r][i] != NULL)
				link_flush(self->peers[r][i]);
	link_flush(self->parent);
}

int role_main(const struct role_program *program, unsigned index, void *arg)
{
	/* Not on the stack, nor freed: when this returns the program ends what
	 * it has under way, and that still looks for peers. */
	struct role_self *self = mem_new(sizeof(*self));

	self->program = program;
	self->arg = arg;
	self->index = index;
	(void)snprintf(self->name, sizeof(self->name), "culverd/%s.%u",
		       role_name(program->role), index);
	log_set_name(self->name);
	(void)umask(077);
	tzset(); /* reads a file: not possible in the cage */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C: the parent's */
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	self->base = make_base();
	TAILQ_INIT(&self->socket_requests);
	self->parent =
		link_new(self->base, ROLE_PARENT_FD, program->role, ROLE_PARENT,
			 0, on_parent_message, on_parent_closed, self);
	(void)event_base_dispatch(self->base);
	flush_links(self);
	return self->status;
}

struct event_base *role_base(const struct role_self *self)
{
	return self->base;
}

const struct conf *role_conf(const struct role_self *self)
{
	return self->conf;
}

unsigned role_index(const struct role_self *self)
{
	return self->index;
}

struct link *role_parent(const struct role_self *self)
{
	return self->parent;
}

struct link *role_peer(const struct role_self *self, enum role role,
		       unsigned index)
{
	assert(role < ROLE_COUNT && index < ROLE_INDEX_MAX);
	return self->peers[role][index];
}

size_t role_peers(const struct role_self *self, enum role role,
		  struct link *ret_links[ROLE_INDEX_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ROLE_INDEX_MAX; i++)
		if (self->peers[role][i] != NULL)
			ret_links[count++] = self->peers[role][i];
	return count;
}
