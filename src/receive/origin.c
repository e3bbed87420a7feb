#include "receive/origin.h"

#include "conf/network.h"
#include "receive/origin_count.h"
#include "receive/origin_fields.h"
#include "receive/origin_policy.h"
#include "receive/queue_call.h"
#include "receive/session-private.h"
#include "receive/verify.h"

static bool is_trusted(const struct session *s)
{
	const conf_list networks = s->server->conf->trusted_networks;
	struct network network;

	for (size_t i = 0; i < networks.count; i++)
		if (network_parse(slice_of(networks.items[i]), &network) &&
		    network_has(&network, &s->peer.any))
			return true;
	return false;
}

static bool is_outside(const struct session *s)
{
	return s->service == LISTENER_SMTP && s->login == NULL &&
	       !is_trusted(s);
}

/* --- SPF ------------------------------------------------------------------------- */

static void log_spf(const struct session *s, const struct msg_spf *answer)
{
	if (answer->problem.n == 0)
		return;
	LOG(LOG_DEBUG, &s->tx->log, "SPF has no clear answer",
	    log_string("spf", authres_word(answer->result)),
	    log_text("domain", answer->domain),
	    log_text("problem", answer->problem));
}

/* All is known that RCPT waits for. */
static void end_spf(struct session *s)
{
	struct origin *o = &s->tx->origin;
	origin_on_spf *then = o->on_spf;

	o->has_spf = true;
	if (then == NULL)
		return;
	o->on_spf = NULL;
	session_op_done(s);
	arena_clear(s->server->scratch);
	then(s);
	session_run(s);
}

static void on_tls(const struct msg_sender_tls *answer, void *arg)
{
	struct session *s = arg;
	struct origin *o = &s->tx->origin;

	o->tls_call = NULL;
	if (answer->error != 0)
		o->tls = TLS_UNKNOWN;
	else if (answer->level >= TLS_LEVEL_TLS)
		o->tls = TLS_WANTED;
	end_spf(s);
}

/* Who the sender's domain is, is certain. */
static bool is_remembered(const struct session *s)
{
	const struct origin *o = &s->tx->origin;

	return o->spf == AUTHRES_PASS && !o->is_helo &&
	       s->server->conf->tls_memory > 0;
}

static void on_spf(const struct msg_spf *answer, void *arg)
{
	struct session *s = arg;
	struct transaction *t = s->tx;
	struct origin *o = &t->origin;

	o->call = NULL;
	o->spf = answer->result < AUTHRES_COUNT ? answer->result
						: AUTHRES_TEMPERROR;
	o->is_helo = answer->is_helo;
	o->spf_domain = arena_copy(t->arena, answer->domain);
	o->spf_explanation = arena_copy(t->arena, answer->explanation);
	log_spf(s, answer);
	if (is_remembered(s) && !stream_is_tls(s->stream))
		o->tls_call = queue_call_sender_tls(s->server->queue_calls,
						    o->spf_domain, on_tls, s);
	else
		end_spf(s);
}

void origin_begin(struct session *s)
{
	struct transaction *t = s->tx;
	const struct msg_spf_wanted question = {
		.trace = t->trace,
		.client_address = slice_of(s->peer_ip),
		.helo = slice_of(s->hello),
		.reverse_path = t->reverse_path,
	};

	t->origin.is_asked = is_outside(s);
	if (t->origin.is_asked)
		t->origin.call =
			verify_spf(s->server->verifier, &question, on_spf, s);
}

bool origin_has_spf(struct session *s, origin_on_spf *then)
{
	struct origin *o = &s->tx->origin;

	if (!o->is_asked || o->has_spf)
		return true;
	o->on_spf = then;
	s->op = OP_ORIGIN;
	return false;
}

const struct reply *origin_spf_refusal(const struct session *s,
				       struct reply *room)
{
	const struct origin *o = &s->tx->origin;

	if (o->tls == TLS_WANTED)
		return &REPLY_SENDER_NEEDS_TLS;
	if (o->tls == TLS_UNKNOWN)
		return &REPLY_INTERNAL;
	if (!o->has_spf || o->spf != AUTHRES_FAIL ||
	    !origin_refuses_spf(s->server->conf))
		return NULL;
	*room = origin_spf_reply(s);
	return room;
}

/* --- DKIM and DMARC ---------------------------------------------------------------- */

/* One line for each message. */
static void log_results(const struct session *s,
			const struct msg_verified *answer, struct slice results)
{
	const struct transaction *t = s->tx;
	struct slice from = { .n = 0 };

	if (answer->from_domains.count > 0)
		from = answer->from_domains.items[0];
	LOG(LOG_INFO, &t->log, "checked",
	    log_string("spf", authres_word(t->origin.spf)),
	    log_string("dmarc", authres_word(answer->dmarc)),
	    log_string("aligned", authres_word(answer->alignment)),
	    log_text("author", from), log_text("results", results),
	    log_text("problem", answer->problem));
}

static void on_verified(const struct msg_verified *answer, void *arg)
{
	struct session *s = arg;
	struct origin *o = &s->tx->origin;
	origin_on_verdict *then = o->on_verdict;
	struct reply room;
	const struct reply *refusal;

	o->call = NULL;
	session_op_done(s);
	arena_clear(s->server->scratch);
	log_results(s, answer, origin_results(s, answer));
	refusal = origin_refusal(s, answer, &room);
	origin_count(s, answer, refusal != NULL);
	then(s, refusal, refusal != NULL ? S("") : origin_fields(s, answer));
	session_run(s);
}

void origin_verify(struct session *s, origin_on_verdict *on_verdict)
{
	struct transaction *t = s->tx;
	const struct msg_verify message = {
		.trace = t->trace,
		.content_octets = content_octets(t->content),
		.own_octets = t->own.n,
		.spf_result = t->origin.spf,
		.spf_domain = t->origin.spf_domain,
	};

	t->origin.on_verdict = on_verdict;
	s->op = OP_ORIGIN;
	t->origin.call = verify_message(s->server->verifier, &message,
					content_fd(t->content), on_verified, s);
}

void origin_accepted(const struct session *s)
{
	const struct slice parts[] = { SLICE("from "), slice_of(s->peer_ip),
				       SLICE(", "),
				       stream_tls_version(s->stream) };

	if (s->tx->origin.has_spf && is_remembered(s) &&
	    stream_is_tls(s->stream))
		queue_calls_tls_seen(s->server->queue_calls,
				     s->tx->origin.spf_domain,
				     arena_join(s->server->scratch, parts, 4));
}

bool origin_is_asking(const struct origin *o)
{
	return o->call != NULL || o->tls_call != NULL;
}

void origin_cancel(struct origin *o)
{
	queue_call_cancel(&o->tls_call);
	verify_call_cancel(&o->call);
}
