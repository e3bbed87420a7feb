#include "receive/clients.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "receive/session.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 1000 };

struct door {
	TAILQ_ENTRY(door) entry;
	struct clients *clients;
	enum listener_service service;
	int fd; /* until it is open */
	struct listener *listener;
};

struct clients {
	struct server *server;
	TAILQ_HEAD(, door) doors;
	struct event *tick;
	bool is_started;
};

/* --- who comes in ---------------------------------------------------------------- */

static const struct reply *refusal(const struct server *server,
				   const struct sockaddr_storage *peer)
{
	const struct conf *conf = server->conf;
	const struct sockaddr *address = (const struct sockaddr *)peer;

	if (server->census == NULL)
		return NULL;
	if (census_total(server->census) >= conf->connection_limit)
		return &REPLY_TOO_MANY_CONNECTIONS;
	if (census_from(server->census, address) >=
	    conf->connection_limit_per_address)
		return &REPLY_TOO_MANY_FROM_YOU;
	return NULL;
}

static void log_refusal(const struct server *server,
			const struct sockaddr_storage *peer,
			const struct reply *r)
{
	union session_peer p;

	memcpy(&p, peer, sizeof(p));
	LOG(LOG_INFO, NULL, "refused", log_string("command", "connect"),
	    log_number("code", r->code), log_text("text", r->text),
	    log_text("peer", session_peer_text(&p, server->scratch)));
}

/* One that waits for TLS would not understand the words. */
static void turn_away(const struct door *d, int fd, const struct reply *r)
{
	struct slice words = reply_format(r, d->clients->server->scratch);

	if (d->service != LISTENER_SUBMISSIONS)
		(void)!send(fd, words.p, words.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

/* Who connected, by the kernel's word. */
static bool find_user(int fd, struct sockaddr_storage *ret_peer)
{
	struct census_user user = { .family = AF_UNIX };
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return false;
	user.uid = credentials.uid;
	memset(ret_peer, 0, sizeof(*ret_peer));
	memcpy(ret_peer, &user, sizeof(user));
	return true;
}

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
	struct door *d = arg;
	struct clients *c = d->clients;
	struct sockaddr_storage user;
	const struct reply *r;

	if (d->service == LISTENER_LOCAL) {
		if (!find_user(fd, &user)) {
			(void)close(fd);
			return;
		}
		peer = &user;
	}
	r = refusal(c->server, peer);
	if (r != NULL) {
		arena_clear(c->server->scratch);
		log_refusal(c->server, peer, r);
		turn_away(d, fd, r);
		return;
	}
	session_new(c->server, d->service, fd, peer);
	if (!event_pending(c->tick, EV_TIMEOUT, NULL))
		(void)event_add(c->tick,
				&(struct timeval){ .tv_sec = TICK_MS / 1000 });
}

/* --- doors -------------------------------------------------------------------------- */

static void door_free(struct door *d)
{
	TAILQ_REMOVE(&d->clients->doors, d, entry);
	listener_free(&d->listener);
	fd_close(&d->fd);
	mem_free(&d);
}

static void close_doors(struct clients *c)
{
	while (!TAILQ_EMPTY(&c->doors))
		door_free(TAILQ_FIRST(&c->doors));
}

static void open_door(struct door *d)
{
	if (d->listener == NULL)
		d->listener = listener_new(d->clients->server->base, d->fd,
					   on_accept, d);
	d->fd = -1; /* the listener's */
}

void clients_listen(struct clients *clients, enum listener_service service,
		    int fd, bool is_first)
{
	struct door *d;

	if (is_first)
		close_doors(clients);
	if (clients->server->is_draining) {
		(void)close(fd);
		return;
	}
	d = mem_new(sizeof(*d));
	d->clients = clients;
	d->service = service;
	d->fd = fd;
	TAILQ_INSERT_TAIL(&clients->doors, d, entry);
	if (clients->is_started)
		open_door(d);
}

void clients_start(struct clients *clients)
{
	struct door *d;

	clients->is_started = true;
	TAILQ_FOREACH(d, &clients->doors, entry)
		open_door(d);
}

/* --- all sessions -------------------------------------------------------------------- */

/* No event of one session frees another: the next is safe. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct clients *c = arg;
	uint64_t now_ms = clock_monotonic_ms();
	struct session *s;
	struct session *next;

	(void)fd;
	(void)what;
	for (s = TAILQ_FIRST(&c->server->sessions); s != NULL; s = next) {
		next = session_next(s);
		session_tick(s, now_ms);
	}
	if (TAILQ_EMPTY(&c->server->sessions))
		(void)event_del(c->tick);
}

void clients_drain(struct clients *clients)
{
	struct session *s;
	struct session *next;

	clients->server->is_draining = true;
	close_doors(clients);
	for (s = TAILQ_FIRST(&clients->server->sessions); s != NULL; s = next) {
		next = session_next(s);
		session_drain(s);
	}
}

void clients_shut(struct clients *clients)
{
	struct session *s;
	struct session *next;

	for (s = TAILQ_FIRST(&clients->server->sessions); s != NULL; s = next) {
		next = session_next(s);
		session_shut(s);
	}
}

struct clients *clients_new(struct server *server)
{
	struct clients *c = mem_new(sizeof(*c));

	c->server = server;
	TAILQ_INIT(&c->doors);
	c->tick = event_new(server->base, -1, EV_PERSIST, on_tick, c);
	return c;
}

void clients_free(struct clients **clients)
{
	struct session *s;

	if (*clients == NULL)
		return;
	close_doors(*clients);
	while ((s = TAILQ_FIRST(&(*clients)->server->sessions)) != NULL)
		session_free(&s);
	event_free((*clients)->tick);
	mem_free(clients);
}
