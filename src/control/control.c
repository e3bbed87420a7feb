#include "control/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/answer.h"
#include "control/control-private.h"
#include "control/peer.h"
#include "net/listener.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 32,
	REQUEST_OCTETS = 256 << 10, /* of arena, for a line of 16 KiB */
};

/* --- clients ------------------------------------------------------------------------------ */

static void on_line(struct client *client, struct slice line, void *arg)
{
	struct session *s = arg;
	const char *wrong;

	(void)client;
	arena_free(&s->arena);
	s->arena = arena_new(REQUEST_OCTETS);
	s->request = (struct request){ .with_header = false };
	wrong = request_parse(line, s->arena, &s->request);
	if (wrong != NULL)
		session_fail(s, wrong);
	else
		session_begin(s);
}

static void on_sent(struct client *client, void *arg)
{
	struct session *s = arg;

	(void)client;
	if (s->wants_page)
		session_ask_page(s);
}

static void on_client_closed(struct client *client, void *arg)
{
	struct session *s = arg;

	TAILQ_REMOVE(&s->control->sessions, s, entry);
	s->control->session_count--;
	event_free(s->timer);
	milters_free(&s->milters);
	arena_free(&s->arena);
	client_free(&client);
	mem_free(&s);
}

static const struct client_events client_events = {
	.on_line = on_line,
	.on_sent = on_sent,
	.on_closed = on_client_closed,
};

static void add_session(struct control *c, int fd, const char *refusal)
{
	struct session *s = mem_new(sizeof(*s));

	s->control = c;
	s->timer = evtimer_new(role_base(c->self), session_timeout, s);
	s->client = client_new(role_base(c->self), fd, &client_events, s);
	TAILQ_INSERT_TAIL(&c->sessions, s, entry);
	c->session_count++;
	if (refusal == NULL)
		return;
	answer_error(client_output(s->client), refusal);
	client_close(s->client);
}

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
	struct control *c = arg;
	uid_t uid;

	(void)peer;
	if (c->session_count >= CLIENTS_MAX) {
		(void)close(fd);
		return;
	}
	if (peer_is_allowed(fd, &uid)) {
		add_session(c, fd, NULL);
		return;
	}
	LOG(LOG_WARNING, NULL, "control client refused",
	    log_number("uid", uid));
	add_session(c, fd, "you may not use this");
}

/* --- the role ---------------------------------------------------------------------------- */

static void listen_on(struct control *c, int fd)
{
	listener_free(&c->listener);
	c->listener = listener_new(role_base(c->self), fd, on_accept, c);
}

static void take_listener(struct control *c, struct message *m)
{
	int fd = message_take_fd(m);

	if (fd < 0)
		return;
	if (m->listener.service != LISTENER_CONTROL) {
		(void)close(fd);
		return;
	}
	if (c->is_started) {
		listen_on(c, fd);
		return;
	}
	fd_close(&c->waiting_fd);
	c->waiting_fd = fd;
}

static void start(struct role_self *self, void *arg)
{
	struct control *c = arg;

	c->self = self;
	c->is_started = true;
	if (c->waiting_fd >= 0)
		listen_on(c, c->waiting_fd);
	c->waiting_fd = -1;
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct control *c = arg;

	(void)self;
	if (m->type == MESSAGE_LISTENER)
		take_listener(c, m);
	else
		replies_take(c, from, m);
}

static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	(void)self;
	replies_end(arg, peer);
}

static const struct role_program program = {
	.role = ROLE_CONTROL,
	.start = start,
	.on_message = on_message,
	.on_peer_gone = on_peer_gone,
};

int control_main(unsigned index)
{
	struct control c = { .waiting_fd = -1 };

	json_set_alloc_funcs(mem_new, free);
	/* jansson would open /dev/urandom for its hash: not in the cage. */
	json_object_seed(0);
	TAILQ_INIT(&c.sessions);
	return role_main(&program, index, &c);
}
