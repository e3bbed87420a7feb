#include "dns/dns.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/dns-private.h"
#include "dns/unbound.h"

#include <assert.h>
#include <string.h>

enum {
	TYPE_SOA = 6,
	TYPE_DNSKEY = 48,
	REST_MS = 3000, /* after a probe without any answer */
	ANSWER_OCTETS = 256 << 10,
};

struct dns_query {
	TAILQ_ENTRY(dns_query) entry;
	struct dns *dns;
	char *name;
	enum dns_type type;
	struct unbound *at; /* who has it; NULL: it waits for the mode */
	int id;             /* of unbound_ask() */
	struct event *on_timeout;
	dns_done *done;
	void *arg;
};

struct dns {
	struct event_base *base;
	char **resolvers;
	size_t resolver_count;
	char *anchors;
	unsigned timeout_ms, recheck_ms;
	enum dns_mode mode;
	/* Those who answer: validating, or not. While the mode is not known,
	 * both may be there and none is used but for the probe. */
	struct unbound *validating, *plain;
	bool is_probing;
	uint64_t rest_until_ms; /* nobody answered the probe just now */
	struct event *on_recheck;
	TAILQ_HEAD(, dns_query) queries;
};

/* --- answers ------------------------------------------------------------------- */

static void query_free(struct dns_query *q)
{
	TAILQ_REMOVE(&q->dns->queries, q, entry);
	event_free(q->on_timeout);
	mem_free(&q->name);
	mem_free(&q);
}

/* The question ends here. */
static void give(struct dns_query *q, const struct dns_answer *answer)
{
	dns_done *done = q->done;
	void *arg = q->arg;

	query_free(q);
	done(answer, arg);
}

static void give_silence(struct dns_query *q, const char *problem)
{
	const struct dns_answer answer = { .result = DNS_FAILED,
					   .is_silence = true,
					   .problem = slice_of(problem) };

	give(q, &answer);
}

static void on_answer(int error, const struct ub_result *result, void *arg)
{
	AUTO(arena_free) struct arena *arena = arena_new(ANSWER_OCTETS);
	struct dns_answer answer = { .result = DNS_FAILED };
	struct dns_query *q = arg;

	if (error != 0)
		answer.problem = slice_of(ub_strerror(error));
	else
		dns_read(result, arena, &answer);
	give(q, &answer);
}

static void on_timeout(int fd, short what, void *arg)
{
	struct dns_query *q = arg;

	(void)fd;
	(void)what;
	if (q->at != NULL)
		unbound_cancel(q->at, q->id);
	give_silence(q, q->at != NULL ? "no answer in time"
				      : "no resolver answers");
}

/* --- asking -------------------------------------------------------------------- */

static void set_timer(const struct dns_query *q, unsigned ms)
{
	(void)event_add(q->on_timeout,
			&(struct timeval){ .tv_sec = ms / 1000,
					   .tv_usec = ms % 1000 * 1000L });
}

static void ask(struct dns_query *q)
{
	const struct dns *dns = q->dns;
	struct unbound *r =
		dns->mode == DNS_VALIDATES ? dns->validating : dns->plain;

	if (r != NULL &&
	    unbound_ask(r, q->name, (int)q->type, on_answer, q, &q->id) == 0)
		q->at = r;
	else
		set_timer(q, 0);
}

static void ask_all(struct dns *dns)
{
	struct dns_query *q, *next;

	TAILQ_FOREACH_SAFE(q, &dns->queries, entry, next)
		if (q->at == NULL)
			ask(q);
}

/* --- do signatures come through? ------------------------------------------------- */

static struct unbound *make_resolver(const struct dns *dns, const char *anchors)
{
	return unbound_new(dns->base, (const char *const *)dns->resolvers,
			   dns->resolver_count, slice_of(anchors));
}

static void fail_waiting(struct dns *dns)
{
	struct dns_query *q;

	dns->is_probing = false;
	dns->rest_until_ms = clock_monotonic_ms() + REST_MS;
	TAILQ_FOREACH(q, &dns->queries, entry)
		if (q->at == NULL)
			set_timer(q, 0);
}

static void set_mode(struct dns *dns, enum dns_mode mode)
{
	dns->is_probing = false;
	dns->mode = mode;
	if (mode == DNS_VALIDATES)
		log_plain(LOG_INFO, NULL, "DNS answers are validated");
	else
		LOG(LOG_ERROR, NULL,
		    "DNS answers are not validated, and DANE is off",
		    log_string("reason",
			       dns->anchors[0] == '\0'
				       ? "there is no trust anchor"
				       : "the resolver does not pass on what "
					 "proves the root's keys; a validating "
					 "resolver on this machine would"));
	ask_all(dns);
}

static void recheck_later(const struct dns *dns)
{
	const struct timeval later = { .tv_sec = dns->recheck_ms / 1000,
				       .tv_usec =
					       dns->recheck_ms % 1000 * 1000L };

	(void)event_add(dns->on_recheck, &later);
}

static void on_plain_probe(int error, const struct ub_result *r, void *arg)
{
	struct dns *dns = arg;

	if (error == 0 && (r->havedata || r->nxdomain || r->rcode == 0)) {
		set_mode(dns, DNS_UNVALIDATED);
		recheck_later(dns);
	} else {
		fail_waiting(dns);
	}
}

static void probe_plain(struct dns *dns)
{
	int id;

	if (dns->plain == NULL)
		dns->plain = make_resolver(dns, "");
	if (dns->plain == NULL || unbound_ask(dns->plain, ".", TYPE_SOA,
					      on_plain_probe, dns, &id) != 0)
		fail_waiting(dns);
}

static void on_probe(int error, const struct ub_result *r, void *arg)
{
	struct dns *dns = arg;

	if (error == 0 && r->secure)
		set_mode(dns, DNS_VALIDATES);
	else if (dns->mode == DNS_UNTRIED)
		probe_plain(dns);
	else /* still not */
		recheck_later(dns);
}

/* With an empty memory: it remembers what was bogus. */
static void probe(struct dns *dns)
{
	int id;

	if (dns->anchors[0] == '\0') {
		dns->plain = make_resolver(dns, "");
		set_mode(dns, DNS_UNVALIDATED);
		return;
	}
	unbound_free(&dns->validating);
	if (dns->mode == DNS_UNTRIED)
		unbound_free(&dns->plain);
	dns->validating = make_resolver(dns, dns->anchors);
	if (dns->validating == NULL ||
	    unbound_ask(dns->validating, ".", TYPE_DNSKEY, on_probe, dns,
			&id) != 0)
		fail_waiting(dns);
}

static void on_recheck(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	probe(arg);
}

/* --- questions ------------------------------------------------------------------- */

struct dns_query *dns_ask(struct dns *dns, struct slice name,
			  enum dns_type type, dns_done *done, void *arg)
{
	struct dns_query *q = mem_new(sizeof(*q));

	assert(slice_find(name, '\0') == name.n);
	q->dns = dns;
	q->name = mem_new(name.n + 1);
	if (name.n > 0)
		memcpy(q->name, name.p, name.n);
	q->type = type;
	q->done = done;
	q->arg = arg;
	q->on_timeout = evtimer_new(dns->base, on_timeout, q);
	assert(q->on_timeout != NULL);
	TAILQ_INSERT_TAIL(&dns->queries, q, entry);
	set_timer(q, dns->timeout_ms);
	if (dns->mode != DNS_UNTRIED) {
		ask(q);
	} else if (clock_monotonic_ms() < dns->rest_until_ms) {
		set_timer(q, 0);
	} else if (!dns->is_probing) {
		dns->is_probing = true;
		probe(dns);
	}
	return q;
}

void dns_cancel(struct dns_query **query)
{
	struct dns_query *q = *query;

	if (q == NULL)
		return;
	if (q->at != NULL)
		unbound_cancel(q->at, q->id);
	query_free(q);
	*query = NULL;
}

/* --- life ------------------------------------------------------------------------ */

static void forget_config(struct dns *dns)
{
	for (size_t i = 0; i < dns->resolver_count; i++)
		mem_free(&dns->resolvers[i]);
	mem_free(&dns->resolvers);
	mem_free(&dns->anchors);
	dns->resolver_count = 0;
}

static void keep_config(struct dns *dns, const struct dns_config *config)
{
	size_t count = config->resolver_count;

	dns->resolvers = mem_array(count, sizeof(*dns->resolvers));
	for (size_t i = 0; i < count; i++)
		dns->resolvers[i] = mem_string(config->resolvers[i]);
	dns->resolver_count = count;
	dns->anchors = mem_new(config->anchors.n + 1);
	if (config->anchors.n > 0)
		memcpy(dns->anchors, config->anchors.p, config->anchors.n);
	dns->timeout_ms = config->timeout_ms;
	dns->recheck_ms = config->recheck_ms;
}

static bool is_changed(const struct dns *dns, const struct dns_config *config)
{
	if (dns->resolver_count != config->resolver_count ||
	    !slice_equal(slice_of(dns->anchors), config->anchors))
		return true;
	for (size_t i = 0; i < dns->resolver_count; i++)
		if (strcmp(dns->resolvers[i], config->resolvers[i]) != 0)
			return true;
	return false;
}

static void forget_resolvers(struct dns *dns)
{
	(void)event_del(dns->on_recheck);
	unbound_free(&dns->validating);
	unbound_free(&dns->plain);
	dns->mode = DNS_UNTRIED;
	dns->is_probing = false;
	dns->rest_until_ms = 0;
}

struct dns *dns_new(struct event_base *base, const struct dns_config *config)
{
	struct dns *dns = mem_new(sizeof(*dns));

	dns->base = base;
	dns->on_recheck = evtimer_new(base, on_recheck, dns);
	assert(dns->on_recheck != NULL);
	TAILQ_INIT(&dns->queries);
	keep_config(dns, config);
	return dns;
}

void dns_configure(struct dns *dns, const struct dns_config *config)
{
	struct dns_query *q;

	if (!is_changed(dns, config))
		return;
	forget_resolvers(dns);
	forget_config(dns);
	keep_config(dns, config);
	TAILQ_FOREACH(q, &dns->queries, entry)
		q->at = NULL;
	if (TAILQ_EMPTY(&dns->queries))
		return;
	dns->is_probing = true;
	probe(dns);
}

void dns_free(struct dns **dns)
{
	struct dns *d = *dns;

	if (d == NULL)
		return;
	assert(TAILQ_EMPTY(&d->queries));
	forget_resolvers(d);
	forget_config(d);
	event_free(d->on_recheck);
	mem_free(dns);
}

enum dns_mode dns_mode(const struct dns *dns)
{
	return dns->mode;
}
