#include "dns/dns.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/dns-private.h"

#include <assert.h>
#include <string.h>

enum { ANSWER_OCTETS = 256 << 10 };

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
	struct unbound *r = dns->mode == DNS_VALIDATES
				    ? dns->stage->validating
				    : dns->plain_stage->plain;

	if (r != NULL &&
	    unbound_ask(r, q->name, (int)q->type, on_answer, q, &q->id) == 0)
		q->at = r;
	else
		set_timer(q, 0);
}

/* --- for dns_probe.c -------------------------------------------------------------- */

void dns_ask_all(struct dns *dns)
{
	struct dns_query *q, *next;

	TAILQ_FOREACH_SAFE(q, &dns->queries, entry, next)
		if (q->at == NULL)
			ask(q);
}

void dns_fail_waiting(struct dns *dns)
{
	struct dns_query *q;

	TAILQ_FOREACH(q, &dns->queries, entry)
		if (q->at == NULL)
			set_timer(q, 0);
}

void dns_take_back(struct dns *dns, const struct unbound *from)
{
	struct dns_query *q;

	TAILQ_FOREACH(q, &dns->queries, entry) {
		if (q->at == NULL || q->at != from)
			continue;
		unbound_cancel(q->at, q->id);
		q->at = NULL;
	}
}

bool dns_has_questions(const struct dns *dns, const struct unbound *at)
{
	const struct dns_query *q;

	TAILQ_FOREACH(q, &dns->queries, entry)
		if (q->at != NULL && q->at == at)
			return true;
	return false;
}

struct unbound *dns_make_resolver(const struct dns *dns,
				  const struct dns_stage *stage,
				  const char *anchors)
{
	return unbound_new(dns->base, (const char *const *)stage->addresses,
			   stage->count, slice_of(anchors));
}

static void on_recheck(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dns_probe(arg);
}

static void on_patience(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dns_probe_on_patience(arg);
}

static void on_tidy(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dns_probe_tidy(arg);
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
	} else {
		dns_probe(dns);
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
	for (size_t i = 0; i < dns->stage_count; i++) {
		struct dns_stage *s = &dns->stages[i];

		for (size_t k = 0; k < s->count; k++)
			mem_free(&s->addresses[k]);
		mem_free(&s->addresses);
	}
	memset(dns->stages, 0, sizeof(dns->stages));
	dns->stage_count = 0;
	mem_free(&dns->anchors);
}

static struct dns_stage *add_stage(struct dns *dns)
{
	assert(dns->stage_count < DNS_STAGES_MAX);
	return &dns->stages[dns->stage_count++];
}

static void add_address(struct dns_stage *s, const char *address)
{
	s->addresses =
		mem_resize(s->addresses, s->count + 1, sizeof(*s->addresses));
	s->addresses[s->count++] = mem_string(address);
}

/* Addresses that follow each other are asked together. */
static void add_fallbacks(struct dns *dns, const struct dns_config *config)
{
	struct dns_stage *s = NULL;

	for (size_t i = 0; i < config->fallback_count; i++) {
		const char *word = config->fallbacks[i];
		bool is_local = strcmp(word, "local") == 0;
		bool is_recursion = strcmp(word, "recursion") == 0;

		if (s == NULL || is_local || is_recursion)
			s = add_stage(dns);
		if (is_local) {
			add_address(s, "127.0.0.1");
			add_address(s, "::1");
		} else if (!is_recursion) {
			add_address(s, word);
			continue;
		}
		s = NULL;
	}
}

static void keep_config(struct dns *dns, const struct dns_config *config)
{
	if (config->resolver_count > 0) {
		struct dns_stage *s = add_stage(dns);

		s->is_chosen = true;
		for (size_t i = 0; i < config->resolver_count; i++)
			add_address(s, config->resolvers[i]);
	}
	add_fallbacks(dns, config);
	dns->anchors = mem_new(config->anchors.n + 1);
	if (config->anchors.n > 0)
		memcpy(dns->anchors, config->anchors.p, config->anchors.n);
	dns->timeout_ms = config->timeout_ms;
	dns->recheck_ms = config->recheck_ms;
}

static bool is_same_stage(const struct dns_stage *a, const struct dns_stage *b)
{
	if (a->count != b->count || a->is_chosen != b->is_chosen)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->addresses[i], b->addresses[i]) != 0)
			return false;
	return true;
}

static bool is_changed(const struct dns *dns, const struct dns_config *config)
{
	struct dns other = { .stage_count = 0 };
	bool is_same;

	keep_config(&other, config);
	is_same = strcmp(dns->anchors, other.anchors) == 0 &&
		  dns->stage_count == other.stage_count;
	for (size_t i = 0; is_same && i < dns->stage_count; i++)
		is_same = is_same_stage(&dns->stages[i], &other.stages[i]);
	forget_config(&other);
	return !is_same;
}

static void forget_resolvers(struct dns *dns)
{
	(void)event_del(dns->on_recheck);
	(void)event_del(dns->on_patience);
	for (size_t i = 0; i < dns->stage_count; i++) {
		unbound_free(&dns->stages[i].validating);
		unbound_free(&dns->stages[i].plain);
	}
	dns->mode = DNS_UNTRIED;
	dns->stage = dns->plain_stage = dns->probed = NULL;
	dns->rest_until_ms = 0;
}

struct dns *dns_new(struct event_base *base, const struct dns_config *config)
{
	struct dns *dns = mem_new(sizeof(*dns));

	dns->base = base;
	dns->on_recheck = evtimer_new(base, on_recheck, dns);
	dns->on_patience = evtimer_new(base, on_patience, dns);
	dns->on_tidy = evtimer_new(base, on_tidy, dns);
	assert(dns->on_recheck != NULL && dns->on_patience != NULL &&
	       dns->on_tidy != NULL);
	TAILQ_INIT(&dns->queries);
	keep_config(dns, config);
	assert(dns->stage_count > 0);
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
	dns_probe(dns);
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
	event_free(d->on_patience);
	event_free(d->on_tidy);
	mem_free(dns);
}

enum dns_mode dns_mode(const struct dns *dns)
{
	return dns->mode;
}
