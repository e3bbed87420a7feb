#include "lookup/lookup.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "lookup/own.h"
#include "lookup/report_desk.h"
#include "lookup/reverse.h"
#include "lookup/route.h"
#include "proc/role.h"

#include <string.h>

enum {
	QUESTION_MS = 15000,
	RECHECK_MS = 300000,
	REQUESTS_MAX = 10000, /* the next is told to come again */
};

struct lookup;

struct request {
	TAILQ_ENTRY(request) entry;
	struct lookup *lookup;
	struct link *from;
	uint64_t id;
	struct arena *arena; /* of what is asked: */
	struct slice domain;
	struct slices hosts;
	/* One after the other. */
	struct reverse_wait *reverse;
	struct route *route;
};

struct lookup {
	struct role_self *self;
	char *anchors, *next_anchors; /* next: between BEGIN and COMMIT */
	char *roots, *next_roots;     /* PEM; likewise */
	char *hostname;
	struct tls_client *trust; /* by the roots */
	struct dns *dns;          /* from start() on, with the next four */
	struct reverse *reverse;
	struct fetcher *fetcher;
	struct sts_known *known;
	struct sts_desk *sts;
	struct report_desk *reports;
	struct route_world world;
	TAILQ_HEAD(, request) requests;
	size_t request_count;
};

/* --- ways ----------------------------------------------------------------------- */

static void request_free(struct request *q)
{
	TAILQ_REMOVE(&q->lookup->requests, q, entry);
	q->lookup->request_count--;
	reverse_cancel(&q->reverse);
	route_cancel(&q->route);
	arena_free(&q->arena);
	mem_free(&q);
}

static void send_route(const struct lookup *l, struct link *to, uint64_t id,
		       const struct route_answer *answer)
{
	const struct message m = {
		.type = MESSAGE_ROUTE,
		.fd = -1,
		.route = { .id = id,
			   .result = answer->result,
			   .hosts = answer->hosts,
			   .is_secure = answer->is_secure,
			   .problem = answer->problem,
			   .sts = answer->sts.sts,
			   .is_sts_fresh = answer->sts.is_fresh,
			   .sts_failure = answer->sts.failure,
			   .sts_problem = answer->sts.problem,
			   .uses_ipv6 = reverse_uses_ipv6(l->reverse),
			   .ipv6_reason = reverse_reason(l->reverse) }
	};

	link_send(to, &m, -1);
}

static void on_route(const struct route_answer *answer, void *arg)
{
	struct request *q = arg;

	q->route = NULL;
	send_route(q->lookup, q->from, q->id, answer);
	request_free(q);
}

/* It is known whether we use IPv6. */
static void on_reverse(void *arg)
{
	struct request *q = arg;

	q->reverse = NULL;
	q->route = route_start(&q->lookup->world, q->domain, q->hosts, on_route,
			       q);
}

static void keep_question(struct request *q, const struct msg_route_wanted *m)
{
	struct slice *hosts;

	q->arena = arena_new(2 * WIRE_OCTETS);
	hosts = arena_array(q->arena, m->hosts.count, sizeof(*hosts));
	for (size_t i = 0; i < m->hosts.count; i++)
		hosts[i] = arena_copy(q->arena, m->hosts.items[i]);
	q->domain = arena_copy(q->arena, m->domain);
	q->hosts = (struct slices){ hosts, m->hosts.count };
}

static void on_route_wanted(struct lookup *l, struct link *from,
			    const struct msg_route_wanted *m)
{
	struct request *q;

	if (l->request_count >= REQUESTS_MAX) {
		const struct route_answer busy = {
			.result = ROUTE_TRY_LATER,
			.problem = SLICE("too many questions wait for DNS")
		};

		send_route(l, from, m->id, &busy);
		return;
	}
	q = mem_new(sizeof(*q));
	q->lookup = l;
	q->from = from;
	q->id = m->id;
	TAILQ_INSERT_TAIL(&l->requests, q, entry);
	l->request_count++;
	keep_question(q, m);
	q->reverse = reverse_ask(l->reverse, on_reverse, q);
}

static bool is_own(struct slice address, void *arg)
{
	const struct lookup *l = arg;
	const struct conf *conf = role_conf(l->self);

	return own_is(conf->listen_smtp.items, conf->listen_smtp.count,
		      (unsigned)conf->outbound_port, address);
}

/* --- the links -------------------------------------------------------------------- */

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct lookup *l = arg;

	(void)self;
	if (l->dns == NULL)
		return; /* nobody may ask before START */
	if (m->type == MESSAGE_ROUTE_WANTED)
		on_route_wanted(l, from, &m->route_wanted);
	else if (m->type == MESSAGE_STS_KNOWN)
		sts_known_on_answer(l->known, &m->sts_known);
	else if (m->type == MESSAGE_STS_STALE)
		sts_refresh(l->sts, &m->sts_stale);
	else if (m->type == MESSAGE_TLSRPT_WANTED)
		report_desk_ask(l->reports, &m->tlsrpt_wanted);
	else if (m->type == MESSAGE_HTTPS_POST)
		report_desk_post(l->reports, &m->https_post);
}

/* cppcheck-suppress constParameter ; the type is role.h's */
static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	struct lookup *l = arg;
	struct request *q, *next;

	(void)self;
	TAILQ_FOREACH_SAFE(q, &l->requests, entry, next)
		if (q->from == peer)
			request_free(q);
	if (link_peer(peer) == ROLE_QUEUE && l->known != NULL)
		sts_known_lose(l->known);
	if (link_peer(peer) == ROLE_QUEUE && l->reports != NULL)
		report_desk_lose(l->reports);
}

static bool send_to_queue(const struct message *m, void *arg)
{
	const struct lookup *l = arg;
	struct link *queue = role_peer(l->self, ROLE_QUEUE, 0);

	if (queue != NULL)
		link_send(queue, m, -1);
	return queue != NULL;
}

/* --- configuration ------------------------------------------------------------------ */

static char *string_of(struct slice s)
{
	char *string = mem_new(s.n + 1);

	if (s.n > 0)
		memcpy(string, s.p, s.n);
	return string;
}

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct lookup *l = arg;

	(void)self;
	if (m->type == MESSAGE_CONF_TRUST_ANCHOR) {
		mem_free(&l->next_anchors);
		l->next_anchors = string_of(m->conf_trust_anchor.text);
	} else if (m->type == MESSAGE_CONF_ROOTS) {
		mem_free(&l->next_roots);
		l->next_roots = string_of(m->conf_roots.text);
	}
}

/* Reading them takes a while. */
static void take_roots(struct lookup *l)
{
	bool is_same = l->roots != NULL && l->next_roots != NULL &&
		       strcmp(l->roots, l->next_roots) == 0;

	mem_free(&l->roots);
	l->roots = l->next_roots;
	l->next_roots = NULL;
	if (is_same && l->trust != NULL)
		return;
	tls_client_free(&l->trust);
	l->trust = tls_client_new(slice_of(l->roots));
}

static struct dns_config dns_config(const struct lookup *l)
{
	const struct conf *conf = role_conf(l->self);

	return (struct dns_config){
		.resolvers = conf->resolver.items,
		.resolver_count = conf->resolver.count,
		.fallbacks = conf->resolver_fallback.items,
		.fallback_count = conf->resolver_fallback.count,
		.anchors = slice_of(l->anchors),
		.timeout_ms = QUESTION_MS,
		.recheck_ms = RECHECK_MS,
	};
}

static void configure_sts(struct lookup *l)
{
	const struct conf *conf = role_conf(l->self);

	fetcher_configure(l->fetcher, l->trust, conf->outbound_loopback);
	sts_desk_configure(l->sts, (unsigned)conf->sts_port);
}

static void configure_reverse(const struct lookup *l)
{
	const struct conf *conf = role_conf(l->self);

	reverse_configure(l->reverse, conf->outbound_ipv6,
			  conf->outbound_address6);
}

static void on_conf(struct role_self *self, void *arg)
{
	struct lookup *l = arg;
	struct dns_config config;

	l->self = self;
	mem_free(&l->anchors);
	l->anchors = l->next_anchors;
	l->next_anchors = NULL;
	mem_free(&l->hostname);
	l->hostname = mem_string(role_conf(self)->hostname);
	l->world.hostname = slice_of(l->hostname);
	take_roots(l);
	if (l->dns == NULL)
		return;
	config = dns_config(l);
	dns_configure(l->dns, &config);
	configure_sts(l);
	configure_reverse(l);
}

static void start(struct role_self *self, void *arg)
{
	struct lookup *l = arg;
	struct dns_config config = dns_config(l);

	l->dns = dns_new(role_base(self), &config);
	l->fetcher = fetcher_new(role_base(self), l->dns);
	l->known = sts_known_new(role_base(self), send_to_queue, l);
	l->sts = sts_desk_new(l->dns, l->fetcher, l->known);
	l->reports = report_desk_new(l->dns, l->fetcher, send_to_queue, l);
	configure_sts(l);
	l->reverse = reverse_new(role_base(self), l->dns, reverse_find_address);
	configure_reverse(l);
	l->world.base = role_base(self);
	l->world.dns = l->dns;
	l->world.sts = l->sts;
	l->world.is_own = is_own;
	l->world.is_own_arg = l;
}

int lookup_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_LOOKUP,
		.start = start,
		.on_message = on_message,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
	};
	struct lookup l = { .request_count = 0 };
	struct request *q;
	int status;

	TAILQ_INIT(&l.requests);
	if (!https_set_up()) /* it reads files: before the cage is shut */
		return 1;
	status = role_main(&program, index, &l);
	while ((q = TAILQ_FIRST(&l.requests)) != NULL)
		request_free(q);
	report_desk_free(&l.reports);
	sts_desk_free(&l.sts);
	sts_known_free(&l.known);
	fetcher_free(&l.fetcher);
	reverse_free(&l.reverse);
	dns_free(&l.dns);
	tls_client_free(&l.trust);
	mem_free(&l.roots);
	mem_free(&l.next_roots);
	mem_free(&l.anchors);
	mem_free(&l.next_anchors);
	mem_free(&l.hostname);
	return status;
}
