#include "deliver/remote.h"

#include "base/clock.h"
#include "base/mem.h"
#include "deliver/remote-private.h"

#include <assert.h>

enum { TICK_S = 1, CONFIG_OCTETS = 8192, NUMBER_BITS = 20 };

void remote_wake(struct remote *remote)
{
	event_active(remote->turn, EV_TIMEOUT, 1);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	remote_turn(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval again = { .tv_sec = TICK_S };
	struct remote *remote = arg;

	(void)fd;
	(void)what;
	remote_tick(remote);
	if (remote->destination_count > 0)
		(void)event_add(remote->tick, &again);
}

/* --- deliveries -------------------------------------------------------------------- */

struct remote_delivery *remote_deliver(struct remote *remote,
				       const struct remote_request *request,
				       remote_on_end *done, void *arg)
{
	struct remote_delivery *delivery = mem_new(sizeof(*delivery));
	struct destination *d = destination_for(remote, request);

	delivery->request = *request;
	delivery->done = done;
	delivery->arg = arg;
	line_enter(d, delivery);
	destination_sort(d);
	remote_wake(remote);
	if (!event_pending(remote->tick, EV_TIMEOUT, NULL))
		on_tick(-1, 0, remote);
	return delivery;
}

bool remote_withdraw(struct remote_delivery **delivery)
{
	if ((*delivery)->is_begun)
		return false;
	line_leave(*delivery);
	mem_free(delivery);
	return true;
}

/* --- routes ------------------------------------------------------------------------ */

static void on_route(const struct msg_route *m, void *arg)
{
	struct destination *d = arg;

	destination_use_route(d, m);
	remote_wake(d->remote);
}

void remote_use_lookup(struct remote *remote, struct link *lookup)
{
	remote_lookup_use(remote->lookup, lookup);
}

void remote_use_queue(struct remote *remote, struct link *queue)
{
	remote->queue = queue;
}

void remote_on_route(struct remote *remote, const struct msg_route *m)
{
	remote_lookup_on_route(remote->lookup, m);
}

/* --- life -------------------------------------------------------------------------- */

static const char *copy(struct arena *arena, const char *text)
{
	return arena_string(arena, slice_of(text));
}

void remote_configure(struct remote *remote, const struct remote_config *config)
{
	struct arena *arena = arena_new(CONFIG_OCTETS);
	struct destination *d;

	remote->config = *config;
	remote->config.hostname = copy(arena, config->hostname);
	remote->config.address4 = copy(arena, config->address4);
	remote->config.address6 = copy(arena, config->address6);
	arena_free(&remote->arena);
	remote->arena = arena;
	TAILQ_FOREACH(d, &remote->busy, entry)
		d->route_until_ms = 0;
	TAILQ_FOREACH(d, &remote->quiet, entry)
		d->route_until_ms = 0;
	remote_wake(remote);
}

void remote_use_tls(struct remote *remote, struct tls_client *tls)
{
	tls_client_free(&remote->tls);
	remote->tls = tls_client_ref(tls);
}

void remote_watch_tls(struct remote *remote, remote_on_tls *on_tls, void *arg)
{
	remote->on_tls = on_tls;
	remote->on_tls_arg = arg;
}

struct remote *remote_new(struct event_base *base,
			  const struct remote_config *config,
			  struct tls_client *tls)
{
	struct remote *remote = mem_new(sizeof(*remote));

	remote->base = base;
	/* Others than those of the process before us. */
	remote->last_destination = clock_monotonic_ms() << NUMBER_BITS;
	remote->tls = tls_client_ref(tls);
	remote->lookup = remote_lookup_new(base, on_route);
	remote->turn = evtimer_new(base, on_turn, remote);
	remote->tick = evtimer_new(base, on_tick, remote);
	assert(remote->turn != NULL && remote->tick != NULL);
	TAILQ_INIT(&remote->busy);
	TAILQ_INIT(&remote->quiet);
	for (size_t i = 0; i < REMOTE_BUCKETS; i++)
		TAILQ_INIT(&remote->buckets[i]);
	remote_configure(remote, config);
	return remote;
}

void remote_free(struct remote **remote)
{
	struct remote *r = *remote;
	struct destination *d;

	if (r == NULL)
		return;
	while ((d = TAILQ_FIRST(&r->busy)) != NULL ||
	       (d = TAILQ_FIRST(&r->quiet)) != NULL)
		destination_free(&d);
	remote_lookup_free(&r->lookup);
	event_free(r->turn);
	event_free(r->tick);
	tls_client_free(&r->tls);
	arena_free(&r->arena);
	mem_free(remote);
}

/* A visit that has nothing to do. */
static void leave(struct visit *v)
{
	if (v->is_ready)
		visit_quit(v);
	else if (TAILQ_EMPTY(&v->group) && !v->is_leaving)
		visit_free(&v);
}

void remote_drain(struct remote *remote)
{
	struct destination *d;
	struct visit *v, *next;

	remote->is_draining = true;
	TAILQ_FOREACH(d, &remote->busy, entry)
		TAILQ_FOREACH_SAFE(v, &d->visits, entry, next)
			leave(v);
	remote_wake(remote);
}
