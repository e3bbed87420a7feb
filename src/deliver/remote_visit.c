/* Sessions of a destination: remote.h. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "deliver/remote-private.h"

enum { FAILURE_OCTETS = 8192 };

/* --- what became of it ------------------------------------------------------------- */

static void grow(struct destination *d)
{
	d->rest_ms = 0;
	if (d->allowed < d->remote->config.connections_per_destination)
		d->allowed++;
}

static bool has_other_session(const struct visit *visit)
{
	const struct visit *v;

	TAILQ_FOREACH(v, &visit->destination->visits, entry)
		if (v != visit && remote_session_is_established(v->session))
			return true;
	return false;
}

static void rest(struct destination *d, const struct outcome *failure)
{
	const struct remote_config *config = &d->remote->config;
	uint64_t now_ms = clock_monotonic_ms();

	arena_free(&d->failure_arena);
	d->failure_arena = arena_new(FAILURE_OCTETS);
	d->failure = outcome_copy(failure, d->failure_arena);
	if (destination_is_resting(d, now_ms))
		return; /* several tried at once, and failed as one */
	d->rest_ms = d->rest_ms == 0 ? config->rest_ms : d->rest_ms * 2;
	if (d->rest_ms > config->rest_max_ms)
		d->rest_ms = config->rest_max_ms;
	d->rest_until_ms = now_ms + d->rest_ms;
	d->route_until_ms = 0; /* there may be another one meanwhile */
}

static void shrink(struct visit *v)
{
	struct destination *d = v->destination;

	d->allowed = d->allowed > 1 ? d->allowed / 2 : 1;
	if (!remote_session_is_proven(v->session) && !has_other_session(v))
		rest(d, remote_session_failure(v->session));
}

/* --- messages ---------------------------------------------------------------------- */

/* RFC 4954 6: we are wrong, and not the mail. */
static bool is_about_login(const struct outcome *o)
{
	return o->kind == OUTCOME_REFUSED &&
	       (o->code == 530 || o->code == 534 || o->code == 535 ||
		o->code == 538);
}

static void speak_for_smarthost(const struct smarthost *s,
				struct remote_end *end)
{
	end->tls_reason = S("");
	if (!is_about_login(&end->outcome))
		return;
	end->outcome.kind = OUTCOME_DEFERRED;
	end->outcome.status[0] = 4;
	LOG(LOG_ERROR, NULL,
	    "the smarthost wants another login: its mail waits",
	    log_text("host", s->host), log_number("port", s->port),
	    log_text("user", s->login.user),
	    log_text("text", end->outcome.text));
}

static void end_one(struct visit *v, struct remote_delivery *delivery,
		    const struct smtp_result *result)
{
	const struct remote_hop *hop = remote_session_hop(v->session);
	struct remote_end end = {
		.outcome = result->outcome,
		.host = hop->host,
		.address = hop->address,
		.tls = remote_session_tls(v->session),
		.tls_level = remote_session_level(v->session),
		.tls_reason = remote_session_tls_reason(v->session),
	};

	if (v->destination->smarthost != NULL)
		speak_for_smarthost(v->destination->smarthost, &end);
	v->destination->served++;
	end.outcome.server = slice_head(hop->host, WIRE_NAME_OCTETS);
	end.outcome.is_dsn_taken_over = result->is_dsn_taken_over;
	delivery_end(delivery, &end);
}

/* The group ends; what was untouched has another chance. Those go back in
 * reverse, as each goes to the head. */
static void end_group(struct visit *v)
{
	struct destination *d = v->destination;
	struct remote_line untouched = TAILQ_HEAD_INITIALIZER(untouched);
	struct remote_delivery *each;

	for (size_t i = 0; (each = TAILQ_FIRST(&v->group)) != NULL; i++) {
		const struct smtp_result *result =
			remote_session_result(v->session, i);

		TAILQ_REMOVE(&v->group, each, entry);
		if (result->is_untouched && !each->is_second_try)
			TAILQ_INSERT_HEAD(&untouched, each, entry);
		else
			end_one(v, each, result);
	}
	while ((each = TAILQ_FIRST(&untouched)) != NULL) {
		TAILQ_REMOVE(&untouched, each, entry);
		line_return(d, each);
	}
	mem_free(&v->recipients);
}

/* Its recipients go into v->recipients, in the group's order. */
static void fill_message(struct visit *v, size_t count)
{
	const struct remote_request *request = &TAILQ_FIRST(&v->group)->request;
	const struct remote_delivery *each;
	size_t i = 0;

	v->recipients = mem_array(count, sizeof(*v->recipients));
	TAILQ_FOREACH(each, &v->group, entry)
		v->recipients[i++] = each->request.recipient;
	v->message = (struct smtp_message){
		.reverse_path = request->reverse_path,
		.envid = request->envid,
		.ret = request->ret,
		.is_8bit = request->is_8bit,
		.is_smtputf8 = request->is_smtputf8,
		.content_fd = request->content_fd,
		.content_octets = request->content_octets,
		.requires_tls = request->tls_demand == TLS_DEMAND_REQUIRED,
		.recipients = v->recipients,
		.recipient_count = count,
	};
}

static void begin(struct visit *v)
{
	v->is_ready = false;
	v->messages++;
	fill_message(v, line_take_group(v->destination, &v->group));
	remote_session_begin(v->session, &v->message);
}

/* Others have no session at all, and this destination has had its turn. */
static bool is_to_make_room(const struct visit *v)
{
	struct remote *remote = v->destination->remote;

	if (remote->starving == 0 || v->messages < REMOTE_TURN_MESSAGES)
		return false;
	remote->starving--;
	return true;
}

/* It is known meanwhile that the destination can do better. */
static bool is_too_open(const struct visit *v)
{
	return v->destination->tls_demand == TLS_DEMAND_USUAL &&
	       remote_session_level(v->session) < v->destination->tls_floor;
}

void visits_begin(struct destination *d)
{
	struct visit *v;

	TAILQ_FOREACH(v, &d->visits, entry) {
		if (!v->is_ready || v->is_leaving || d->waiting_count == 0)
			continue;
		if (v->messages >= REMOTE_MESSAGES_MAX || is_too_open(v) ||
		    is_to_make_room(v))
			visit_quit(v);
		else
			begin(v);
	}
}

/* --- sessions ---------------------------------------------------------------------- */

static void on_ready(void *arg)
{
	struct visit *v = arg;
	struct destination *d = v->destination;

	v->is_ready = true;
	v->ready_ms = clock_monotonic_ms();
	d->rest_until_ms = 0;
	if (v->route == d->route)
		d->good_hop = remote_session_place(v->session);
	if (remote_session_is_proven(v->session))
		grow(d);
	remote_wake(d->remote);
}

static void on_done(void *arg)
{
	struct visit *v = arg;

	end_group(v);
	remote_wake(v->destination->remote);
}

static void on_over(void *arg)
{
	struct visit *v = arg;
	struct remote *remote = v->destination->remote;

	if (!v->is_ready && !v->is_leaving)
		shrink(v);
	destination_go_last(v->destination);
	visit_free(&v);
	remote_wake(remote);
}

/* RFC 8460 3: what goes out whatever becomes of TLS is not counted. */
static void on_tls(const struct tlsrpt_fact *fact, void *arg)
{
	const struct visit *v = arg;

	if (v->destination->tls_demand != TLS_DEMAND_NONE)
		destination_tell_tls(v->destination, fact);
}

static const struct remote_session_calls session_calls = {
	.on_ready = on_ready,
	.on_done = on_done,
	.on_over = on_over,
	.on_tls = on_tls,
};

void visit_open(struct destination *d)
{
	struct remote *remote = d->remote;
	const struct remote_session_config config = {
		.hostname = remote->config.hostname,
		.tls = remote->tls,
		.address4 = remote->config.address4,
		.address6 = remote->config.address6,
		.patience_ms = remote->config.patience_ms,
		.tls_floor = d->tls_floor,
		.tls_demand = d->tls_demand,
		.smarthost = d->smarthost,
	};
	struct visit *v = mem_new(sizeof(*v));

	v->destination = d;
	v->route = d->route;
	TAILQ_INIT(&v->group);
	v->session = remote_session_new(remote->base, &config, d->route,
					d->good_hop, &session_calls, v);
	TAILQ_INSERT_TAIL(&d->visits, v, entry);
	d->visit_count++;
	remote->visit_count++;
}

void visit_free(struct visit **visit)
{
	struct visit *v = *visit;

	TAILQ_REMOVE(&v->destination->visits, v, entry);
	v->destination->visit_count--;
	v->destination->remote->visit_count--;
	v->destination->remote->leaving_count -= v->is_leaving;
	remote_session_free(&v->session);
	line_free(&v->group);
	mem_free(&v->recipients);
	mem_free(visit);
}

void visit_quit(struct visit *v)
{
	v->is_ready = false;
	v->is_leaving = true;
	v->destination->remote->leaving_count++;
	remote_session_quit(v->session);
}

void visits_tick(struct destination *d, uint64_t now_ms)
{
	struct visit *v;

	TAILQ_FOREACH(v, &d->visits, entry)
		if (v->is_ready &&
		    now_ms - v->ready_ms >= d->remote->config.idle_ms)
			visit_quit(v);
}
