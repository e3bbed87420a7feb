#include "verify/verify.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/bridge.h"
#include "proc/role.h"
#include "verify/origin.h"
#include "verify/pool.h"
#include "verify/spf.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
	QUESTION_MS = 10000, /* to DNS */
	RECHECK_MS = 300000,
	JOB_MS = 20000, /* RFC 7208 4.6.4: at least */
	STUCK_MS = 22000,
	THREADS = 32,
	WAITING_MAX = 500,
	EXIT_STUCK = 75,
	/* for the question, and for a check of either kind */
	ARENA_OCTETS = SPF_ARENA_OCTETS + (int)ORIGIN_ARENA_OCTETS,
};

struct verify;

/* A question and what a thread makes of it. */
struct request {
	TAILQ_ENTRY(request) entry;
	struct verify *verify;
	struct link *from; /* NULL: nobody waits for it any more */
	struct arena *arena;
	_Atomic uint64_t deadline_ms; /* 0: nobody waits for it */
	struct slice hostname;
	struct message question, answer; /* in arena */
};

struct verify {
	struct role_self *self;
	char *anchors, *next_anchors; /* next: between BEGIN and COMMIT */
	struct dns *dns;              /* these from start() on */
	struct dns_bridge *bridge;
	struct pool *pool;
	TAILQ_HEAD(, request) requests;
};

/* --- by a thread ------------------------------------------------------------------ */

static void ask_dns(struct slice name, enum dns_type type, struct arena *arena,
		    struct dns_answer *ret_answer, void *arg)
{
	const struct request *q = arg;

	dns_bridge_ask(q->verify->bridge, name, type, &q->deadline_ms, arena,
		       ret_answer);
}

static void check_spf(struct request *q, const struct spf_world *world)
{
	const struct msg_spf_wanted *m = &q->question.spf_wanted;
	const struct spf_question question = { .client_address =
						       m->client_address,
					       .helo = m->helo,
					       .reverse_path =
						       m->reverse_path };
	struct spf_answer answer;

	spf_check(world, &question, q->arena, &answer);
	q->answer.spf = (struct msg_spf){ .id = m->id,
					  .result = answer.result,
					  .is_helo = answer.is_helo,
					  .domain = answer.domain,
					  .explanation = answer.explanation,
					  .problem = answer.problem };
}

static void check_origin(struct request *q, const struct spf_world *world)
{
	const struct origin_request request = { .fd = q->question.fd,
						.message = &q->question.verify,
						.now_s = clock_wall_s(),
						.deadline_ms =
							&q->deadline_ms };

	origin_check(world, &request, q->arena, &q->answer.verified);
	q->answer.verified.id = q->question.verify.id;
}

static void run(void *job)
{
	struct request *q = job;
	const struct spf_world world = { .ask = ask_dns,
					 .arg = q,
					 .hostname = q->hostname };

	if (atomic_load(&q->deadline_ms) == 0)
		return;
	if (q->question.type == MESSAGE_SPF_WANTED)
		check_spf(q, &world);
	else
		check_origin(q, &world);
}

/* --- by the loop ------------------------------------------------------------------ */

static void request_free(struct request *q)
{
	TAILQ_REMOVE(&q->verify->requests, q, entry);
	fd_close(&q->question.fd);
	arena_free(&q->arena);
	mem_free(&q);
}

/* What the operator may want to tell the domain's. */
static void log_spf(const struct request *q)
{
	const struct msg_spf *m = &q->answer.spf;

	if (m->problem.n > 0)
		LOG(LOG_INFO, NULL, "SPF cannot be checked",
		    log_text("trace", q->question.spf_wanted.trace),
		    log_text("domain", m->domain),
		    log_string("result",
			       authres_word((enum authres_result)m->result)),
		    log_text("problem", m->problem));
}

static void on_done(void *job)
{
	struct request *q = job;

	if (q->from != NULL) {
		if (q->answer.type == MESSAGE_SPF)
			log_spf(q);
		link_send(q->from, &q->answer, -1);
	}
	request_free(q);
}

static void set_failure(struct request *q, const char *problem)
{
	if (q->answer.type == MESSAGE_SPF) {
		q->answer.spf.result = AUTHRES_TEMPERROR;
		q->answer.spf.problem = slice_of(problem);
	} else {
		q->answer.verified.dmarc = AUTHRES_TEMPERROR;
		q->answer.verified.alignment = AUTHRES_TEMPERROR;
		q->answer.verified.problem = slice_of(problem);
	}
}

static struct request *request_new(struct verify *v, struct link *from)
{
	struct request *q = mem_new(sizeof(*q));

	q->verify = v;
	q->from = from;
	q->question.fd = q->answer.fd = -1;
	atomic_init(&q->deadline_ms, clock_monotonic_ms() + JOB_MS);
	q->arena = arena_new(ARENA_OCTETS);
	q->hostname =
		arena_copy(q->arena, slice_of(role_conf(v->self)->hostname));
	TAILQ_INSERT_TAIL(&v->requests, q, entry);
	return q;
}

static void begin(struct request *q)
{
	if (pool_submit(q->verify->pool, run, on_done, q))
		return;
	set_failure(q, "too many checks are waiting");
	on_done(q);
}

static void on_spf_wanted(struct verify *v, struct link *from,
			  const struct msg_spf_wanted *m)
{
	struct request *q = request_new(v, from);

	q->question.type = MESSAGE_SPF_WANTED;
	q->question.spf_wanted = (struct msg_spf_wanted){
		.id = m->id,
		.trace = arena_copy(q->arena, m->trace),
		.client_address = arena_copy(q->arena, m->client_address),
		.helo = arena_copy(q->arena, m->helo),
		.reverse_path = arena_copy(q->arena, m->reverse_path)
	};
	q->answer.type = MESSAGE_SPF;
	q->answer.spf.id = m->id;
	begin(q);
}

static void on_verify(struct verify *v, struct link *from, struct message *m)
{
	struct request *q = request_new(v, from);

	q->question.type = MESSAGE_VERIFY;
	q->question.verify = m->verify;
	q->question.verify.trace = arena_copy(q->arena, m->verify.trace);
	q->question.verify.spf_domain =
		arena_copy(q->arena, m->verify.spf_domain);
	q->question.fd = message_take_fd(m);
	q->answer.type = MESSAGE_VERIFIED;
	q->answer.verified.id = m->verify.id;
	if (q->question.fd >= 0) {
		begin(q);
	} else {
		set_failure(q, "the message got lost on its way");
		on_done(q);
	}
}

/* Threads are few, and one client could begin and leave any number of checks
 * that wait for its own DNS. */
static void forget(struct request *q)
{
	q->from = NULL;
	atomic_store(&q->deadline_ms, 0);
	dns_bridge_wake(q->verify->bridge);
}

static uint64_t id_of(const struct request *q)
{
	return q->answer.type == MESSAGE_SPF ? q->answer.spf.id
					     : q->answer.verified.id;
}

static void on_cancel(const struct verify *v, const struct link *from,
		      uint64_t id)
{
	struct request *q;

	TAILQ_FOREACH(q, &v->requests, entry)
		if (q->from == from && id_of(q) == id)
			forget(q);
}

/* --- the links -------------------------------------------------------------------- */

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct verify *v = arg;

	(void)self;
	if (v->pool == NULL)
		return; /* nobody may ask before START */
	if (m->type == MESSAGE_SPF_WANTED)
		on_spf_wanted(v, from, &m->spf_wanted);
	else if (m->type == MESSAGE_VERIFY)
		on_verify(v, from, m);
	else if (m->type == MESSAGE_VERIFY_CANCEL)
		on_cancel(v, from, m->verify_cancel.id);
}

/* cppcheck-suppress constParameter ; the type is role.h's */
static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	const struct verify *v = arg;
	struct request *q;

	(void)self;
	TAILQ_FOREACH(q, &v->requests, entry)
		if (q->from == peer)
			forget(q);
}

/* --- configuration ------------------------------------------------------------------ */

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	struct verify *v = arg;
	struct slice text = m->conf_trust_anchor.text;

	(void)self;
	if (m->type != MESSAGE_CONF_TRUST_ANCHOR)
		return;
	mem_free(&v->next_anchors);
	v->next_anchors = mem_new(text.n + 1);
	if (text.n > 0)
		memcpy(v->next_anchors, text.p, text.n);
}

static struct dns_config dns_config(const struct verify *v)
{
	const struct conf *conf = role_conf(v->self);

	return (struct dns_config){
		.resolvers = conf->resolver.items,
		.resolver_count = conf->resolver.count,
		.fallbacks = conf->resolver_fallback.items,
		.fallback_count = conf->resolver_fallback.count,
		.anchors = slice_of(v->anchors),
		.timeout_ms = QUESTION_MS,
		.recheck_ms = RECHECK_MS,
	};
}

static void on_conf(struct role_self *self, void *arg)
{
	struct verify *v = arg;
	struct dns_config config;

	v->self = self;
	mem_free(&v->anchors);
	v->anchors = v->next_anchors;
	v->next_anchors = NULL;
	if (v->dns == NULL)
		return;
	config = dns_config(v);
	dns_configure(v->dns, &config);
}

/* --- life ------------------------------------------------------------------------- */

/* Whoever asked is told by its end, and asks the next one. */
static void on_stuck(void)
{
	log_plain(LOG_ERROR, NULL, "a check does not end: starting anew");
	_exit(EXIT_STUCK);
}

static void start(struct role_self *self, void *arg)
{
	static const struct pool_limits limits = { .threads = THREADS,
						   .waiting = WAITING_MAX,
						   .stuck_ms = STUCK_MS,
						   .on_stuck = on_stuck };
	struct verify *v = arg;
	struct dns_config config = dns_config(v);

	v->dns = dns_new(role_base(self), &config);
	v->bridge = dns_bridge_new(role_base(self), v->dns);
	v->pool = pool_new(role_base(self), &limits);
	if (v->pool == NULL) {
		log_plain(LOG_ERROR, NULL, "cannot make threads");
		role_exit(self);
	}
}

int verify_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_VERIFY,
		.start = start,
		.on_message = on_message,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
	};
	struct verify v = { .self = NULL };
	struct request *q;
	int status;

	TAILQ_INIT(&v.requests);
	status = role_main(&program, index, &v);
	if (v.bridge != NULL)
		dns_bridge_stop(v.bridge);
	pool_free(&v.pool);
	while ((q = TAILQ_FIRST(&v.requests)) != NULL)
		request_free(q);
	dns_bridge_free(&v.bridge);
	dns_free(&v.dns);
	mem_free(&v.anchors);
	mem_free(&v.next_anchors);
	return status;
}
