#include "receive/resolve-private.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* A tripwire, far above what resolve_walk.c's bounds allow. */
enum { RESOLVE_ARENA_OCTETS = 64 << 20 };

static void put_on(struct resolution *r, struct resolution_list *list)
{
	if (r->list != NULL)
		TAILQ_REMOVE(r->list, r, entry);
	r->list = list;
	if (list != NULL)
		TAILQ_INSERT_TAIL(list, r, entry);
}

static void resolution_free(struct resolution **resolution)
{
	struct resolution *r = *resolution;

	arena_free(&r->arena);
	mem_free(resolution);
}

void resolution_run(struct resolution *r)
{
	resolve_walk(r);
	if (!r->is_done)
		return;
	put_on(r, NULL);
	r->on_answer(&r->answer, r->arg);
	resolution_free(&r);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *resolver = arg;
	struct resolution *r;

	(void)fd;
	(void)what;
	while ((r = TAILQ_FIRST(&resolver->ready)) != NULL) {
		put_on(r, &resolver->waiting);
		arena_clear(r->arena);
		resolve_walk_begin(r);
		resolution_run(r);
	}
}

static void make_ready(struct resolution *r)
{
	put_on(r, &r->resolver->ready);
	event_active(r->resolver->ready_event, EV_TIMEOUT, 0);
}

struct resolution *resolve_start(struct resolver *resolver,
				 const struct address *address, unsigned flags,
				 resolve_on_answer *on_answer, void *arg)
{
	struct slice local = address->local;
	struct slice domain = address->domain;
	struct resolution *r = mem_new(sizeof(*r) + local.n + domain.n);
	char *octets = (char *)(r + 1);

	assert(resolver->domains != NULL);
	if (local.n > 0)
		memcpy(octets, local.p, local.n);
	if (domain.n > 0)
		memcpy(octets + local.n, domain.p, domain.n);
	r->asked = *address;
	r->asked.local.p = octets;
	r->asked.domain.p = octets + local.n;
	r->resolver = resolver;
	r->with_steps = (flags & RESOLVE_WITH_STEPS) != 0;
	r->with_users = (flags & RESOLVE_WITH_USERS) != 0;
	r->is_for_host = (flags & RESOLVE_FOR_HOST) != 0;
	r->is_report = (flags & RESOLVE_NULL_SENDER) != 0;
	r->may_relay = (flags & RESOLVE_MAY_RELAY) != 0;
	r->on_answer = on_answer;
	r->arg = arg;
	r->arena = arena_new(RESOLVE_ARENA_OCTETS);
	make_ready(r);
	return r;
}

static void stop(struct resolution *r)
{
	if (r->lookup != NULL)
		userdb_cancel(&r->lookup);
	if (r->call != NULL)
		hook_call_cancel(&r->call);
}

void resolve_cancel(struct resolution **resolution)
{
	struct resolution *r = *resolution;

	if (r == NULL)
		return;
	stop(r);
	put_on(r, NULL);
	resolution_free(resolution);
}

struct resolver *resolver_new(struct event_base *base,
			      struct userdb_client *users, struct hooks *hooks,
			      const struct srs_keys *keys)
{
	struct resolver *resolver = mem_new(sizeof(*resolver));

	resolver->users = users;
	resolver->hooks = hooks;
	resolver->keys = keys;
	resolver->cache = user_cache_new();
	resolver->ready_event = event_new(base, -1, 0, on_ready, resolver);
	TAILQ_INIT(&resolver->ready);
	TAILQ_INIT(&resolver->waiting);
	return resolver;
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;

	if (r == NULL)
		return;
	assert(TAILQ_EMPTY(&r->ready) && TAILQ_EMPTY(&r->waiting));
	event_free(r->ready_event);
	user_cache_free(&r->cache);
	mem_free(resolver);
}

bool resolver_is_ours(const struct resolver *resolver, struct slice domain)
{
	return domains_is_local(resolver->domains, domain) ||
	       resolver_is_host(resolver, domain);
}

bool resolver_is_host(const struct resolver *resolver, struct slice domain)
{
	const struct conf *conf = resolver->conf;

	return slice_equal(domain, slice_of(conf->mailname)) ||
	       slice_equal(domain, slice_of(conf->hostname)) ||
	       slice_equal(domain, S("localhost"));
}

void resolver_use(struct resolver *resolver, const struct conf *conf,
		  const struct domains *domains)
{
	struct resolution *r;

	resolver->conf = conf;
	resolver->domains = domains;
	user_cache_clear(resolver->cache);
	while ((r = TAILQ_FIRST(&resolver->waiting)) != NULL) {
		stop(r);
		make_ready(r);
	}
}
