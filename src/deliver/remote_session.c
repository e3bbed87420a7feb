#include "deliver/remote_session.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver/remote_dial.h"
#include "deliver/remote_report.h"
#include "deliver/smarthosts.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { REASON_OCTETS = 400, TELL_OCTETS = 1 << 20 };

struct remote_session {
	struct event_base *base;
	const struct remote_session_calls *calls;
	void *arg;
	struct remote_route *route;
	char *hostname, *address4, *address6;
	struct tls_client *tls;
	unsigned patience_ms;
	enum tls_level tls_floor;
	enum tls_demand tls_demand;
	struct smarthost *smarthost; /* or NULL */

	struct event *dial; /* the next hop, soon */
	struct smtp_conn *conn;
	size_t hop;       /* whom we are with, or try */
	size_t hops_left; /* behind it */
	bool is_plain;    /* the handshake failed: without TLS now */
	bool is_established;
	bool has_begun, is_proven;
	bool is_passed_over; /* it does not keep what REQUIRETLS promises */
	unsigned lacking;    /* hosts of which that is known */
	unsigned failing;    /* and those of which it is not */

	struct outcome failure;
	char failure_text[WIRE_TEXT_OCTETS];
	enum tls_level level;
	char reason[REASON_OCTETS];
};

static const struct remote_hop *hop_of(const struct remote_session *s)
{
	return remote_route_hop(s->route, s->hop);
}

/* --- hops ------------------------------------------------------------------------ */

static void fail(struct remote_session *s, const struct outcome *why)
{
	const struct remote_hop *hop = hop_of(s);

	s->failure = *why;
	s->failure.kind = OUTCOME_DEFERRED;
	s->failure.status[0] = 4;
	s->failure.text = slice_head(why->text, sizeof(s->failure_text));
	memcpy(s->failure_text, s->failure.text.p, s->failure.text.n);
	s->failure.text.p = s->failure_text;
	s->failure.server = hop->host;
	s->failing++;
	if (s->is_established)
		return; /* mail on it tells, and an idle one may end */
	/* Where all mail goes this way, somebody has to look. */
	LOG(s->smarthost != NULL ? LOG_WARNING : LOG_INFO, NULL,
	    "a host takes no mail now", log_text("host", hop->host),
	    log_text("address", hop->address), log_number("code", why->code),
	    log_text("text", why->text));
}

/* The same; another time it is no better. */
static void fail_for_good(struct remote_session *s, const struct outcome *why)
{
	fail(s, why);
	s->failing--;
	s->lacking++;
}

/* RFC 8689 4.2.1: what cannot be sent safely, and never could be. */
static void refuse_if_all_lack(struct remote_session *s)
{
	static const uint8_t status[] = { 5, 7, 30 };
	char text[WIRE_TEXT_OCTETS];
	int n;

	if (s->tls_demand != TLS_DEMAND_REQUIRED || s->lacking == 0 ||
	    s->failing > 0)
		return;
	n = snprintf(text, sizeof(text),
		     "the sender wants REQUIRETLS, and no server of the "
		     "recipient keeps that: %.*s",
		     (int)slice_head(s->failure.text, 800).n,
		     s->failure.text.p);
	memcpy(s->failure_text, text, (size_t)n);
	s->failure.text.n = (size_t)n;
	s->failure.kind = OUTCOME_REFUSED;
	s->failure.code = 0;
	memcpy(s->failure.status, status, sizeof(status));
}

/* What policy demands of the hop, or what it had before, whichever is more;
 * but what the message demands goes first. */
static enum smtp_security security_of(const struct remote_session *s)
{
	enum smtp_security security = hop_of(s)->security;

	/* Who is not proven gets no login of ours, whatever the message says. */
	if (s->tls_demand == TLS_DEMAND_NONE && s->smarthost == NULL)
		return SMTP_OPPORTUNISTIC;
	if (s->tls_demand == TLS_DEMAND_REQUIRED && security < SMTP_VERIFIED)
		return SMTP_VERIFIED;
	if (s->tls_floor == TLS_LEVEL_VERIFIED && security < SMTP_VERIFIED)
		return SMTP_VERIFIED;
	if (s->tls_floor == TLS_LEVEL_TLS && security < SMTP_ENCRYPTED)
		return SMTP_ENCRYPTED;
	return security;
}

/* Who wants better TLS than the host has; NULL: what it says is clear. */
static const char *demand_of(const struct remote_session *s)
{
	if (s->tls_demand == TLS_DEMAND_NONE)
		return NULL;
	if (security_of(s) == hop_of(s)->security)
		return hop_of(s)->sts == STS_ENFORCE
			       ? "its policy (MTA-STS) demands TLS with a "
				 "certificate that proves who the host is"
			       : NULL;
	return s->tls_floor == TLS_LEVEL_VERIFIED
		       ? "mail for this domain was protected by verified TLS "
			 "before, and less is not accepted"
		       : "mail for this domain was protected by TLS before, "
			 "and less is not accepted";
}

static void fail_end(struct remote_session *s, enum smtp_end end,
		     const struct outcome *why)
{
	const bool is_tls = end == SMTP_END_TLS_MISSING ||
			    end == SMTP_END_TLS_FAILED ||
			    end == SMTP_END_TLS_UNVERIFIED;
	char text[WIRE_TEXT_OCTETS];
	struct outcome o = *why;
	int n;

	if (s->tls_demand == TLS_DEMAND_REQUIRED) {
		if (is_tls && end != SMTP_END_TLS_FAILED &&
		    s->smarthost == NULL)
			fail_for_good(s, &o);
		else
			fail(s, &o);
		return;
	}
	if (is_tls && s->tls_demand == TLS_DEMAND_USUAL &&
	    demand_of(s) != NULL) {
		n = snprintf(text, sizeof(text), "%s: %.*s", demand_of(s),
			     (int)slice_head(why->text, 800).n, why->text.p);
		o.text = (struct slice){ text, (size_t)n };
	}
	fail(s, &o);
}

/* That is for the operator to mend: all mail waits until then. */
static void log_login(const struct remote_session *s)
{
	LOG(LOG_ERROR, NULL, "the smarthost takes no login: its mail waits",
	    log_text("host", s->smarthost->host),
	    log_number("port", s->smarthost->port),
	    log_text("user", s->smarthost->login.user),
	    log_text("text", smtp_conn_failure(s->conn)->text));
}

static void try_hop(struct remote_session *s);

/* The session may be gone after this. */
static void try_next_hop(struct remote_session *s)
{
	s->is_plain = false;
	s->is_passed_over = false;
	if (s->hops_left == 0) {
		refuse_if_all_lack(s);
		s->calls->on_over(s->arg);
		return;
	}
	s->hops_left--;
	s->hop = (s->hop + 1) % remote_route_count(s->route);
	try_hop(s);
}

/* A policy in testing: what it would forbid is told, and done all the same. */
static void note_testing(const struct remote_session *s)
{
	const struct remote_hop *hop = hop_of(s);
	struct stream_tls_peer peer;
	const char *problem = NULL;

	if (hop->sts != STS_TESTING)
		return;
	if (hop->is_unnamed)
		problem = "the policy does not name it";
	else if (!smtp_conn_is_tls(s->conn, &peer))
		problem = "there is no TLS";
	else if (!peer.is_verified_pkix)
		problem = peer.problem;
	if (problem != NULL)
		LOG(LOG_INFO, NULL,
		    "a policy of MTA-STS, in testing, would not have this host",
		    log_text("host", hop->host),
		    log_text("address", hop->address),
		    log_string("problem", problem));
}

static void see_level(struct remote_session *s)
{
	const struct slice host = hop_of(s)->host;
	const struct slice version = smtp_conn_tls_version(s->conn);
	struct stream_tls_peer peer;
	const char *proof = "nobody's word for its certificate";

	s->level = TLS_LEVEL_NONE;
	if (!smtp_conn_is_tls(s->conn, &peer)) {
		(void)snprintf(s->reason, sizeof(s->reason), "no TLS with %.*s",
			       (int)host.n, host.p);
		return;
	}
	s->level = peer.is_verified_dane || peer.is_verified_pkix
			   ? TLS_LEVEL_VERIFIED
			   : TLS_LEVEL_TLS;
	if (peer.is_verified_dane)
		proof = "a certificate by DANE";
	else if (peer.is_verified_pkix)
		proof = "a certificate by an authority that is trusted";
	(void)snprintf(s->reason, sizeof(s->reason), "%.*s with %.*s, %s",
		       (int)version.n, version.p, (int)host.n, host.p, proof);
}

/* It is TLS with a proof, but nobody promises that for the rest of the way. */
static bool is_lacking_requiretls(const struct remote_session *s)
{
	return s->tls_demand == TLS_DEMAND_REQUIRED &&
	       !smtp_conn_features(s->conn)->has_requiretls;
}

static void pass_over(struct remote_session *s)
{
	static const struct outcome why = {
		.text = SLICE("it does not offer REQUIRETLS"),
	};

	fail_for_good(s, &why);
	s->is_passed_over = true;
	smtp_conn_quit(s->conn);
}

/* A connection in plain text follows one of which this was told. */
static void tell_tls(struct remote_session *s, enum smtp_end end)
{
	AUTO(arena_free) struct arena *arena = arena_new(TELL_OCTETS);
	struct remote_seen seen = {
		.hop = hop_of(s),
		.end = end,
		.own_address = smtp_conn_own_address(s->conn),
	};
	struct tlsrpt_fact fact;

	if (end != SMTP_END_QUIT)
		seen.reason = smtp_conn_failure(s->conn)->text;
	seen.is_tls = smtp_conn_is_tls(s->conn, &seen.peer);
	if (!s->is_plain && remote_report(s->route, &seen, arena, &fact))
		s->calls->on_tls(&fact, s->arg);
}

static void on_idle(void *arg)
{
	struct remote_session *s = arg;

	if (!s->is_established)
		tell_tls(s, SMTP_END_QUIT);
	if (!s->is_established && is_lacking_requiretls(s)) {
		pass_over(s);
		return;
	}
	if (!s->is_established) {
		see_level(s);
		note_testing(s);
	}
	s->is_established = true;
	s->is_proven = s->has_begun;
	s->calls->on_ready(s->arg);
}

static void on_done(void *arg)
{
	struct remote_session *s = arg;

	s->calls->on_done(s->arg);
}

static void on_ended(enum smtp_end end, void *arg)
{
	struct remote_session *s = arg;
	bool was_handshake = end == SMTP_END_TLS_FAILED;

	if (end == SMTP_END_LOGIN && s->smarthost != NULL)
		log_login(s);
	if (!s->is_established && !s->is_passed_over)
		tell_tls(s, end);
	if (end != SMTP_END_QUIT && !s->is_passed_over)
		fail_end(s, end, smtp_conn_failure(s->conn));
	if (s->is_established) {
		s->calls->on_over(s->arg);
		return;
	}
	smtp_conn_free(&s->conn);
	if (was_handshake && security_of(s) == SMTP_OPPORTUNISTIC &&
	    !s->is_plain) {
		s->is_plain = true;
		try_hop(s);
	} else {
		try_next_hop(s);
	}
}

static const struct smtp_conn_calls conn_calls = {
	.on_idle = on_idle,
	.on_done = on_done,
	.on_ended = on_ended,
};

static void talk(struct remote_session *s, int fd)
{
	static const struct smtp_login no_login = { .user = SLICE("") };
	const struct smarthost *smarthost = s->smarthost;
	const struct remote_hop *hop = hop_of(s);
	const bool is_sts = hop->sts != STS_NONE;
	const struct slices names = remote_route_names(s->route);
	const struct smtp_conn_config config = {
		.hostname = s->hostname,
		.security = s->is_plain ? SMTP_PLAIN : security_of(s),
		.tls = s->tls,
		.who = {
			.server_name = hop->host,
			.other_names = names.items,
			.other_count = is_sts ? 0 : names.count,
			.ignores_common_name = is_sts,
			.tlsa = hop->tlsa.items,
			.tlsa_count = hop->tlsa.count,
		},
		.patience_ms = s->patience_ms,
		.is_tls_first = smarthost != NULL && smarthost->is_tls_first,
		.login = smarthost != NULL ? smarthost->login : no_login,
	};

	s->conn = smtp_conn_new(s->base, fd, &config, &conn_calls, s);
}

static void try_hop(struct remote_session *s)
{
	const struct remote_hop *hop = hop_of(s);
	struct outcome why = { .status = { 4, 4, 1 } };
	int fd = -1;
	int r;

	if (s->tls_demand == TLS_DEMAND_REQUIRED && !hop->is_host_proven) {
		why.text =
			S("that it is the recipient's is not proven, neither "
			  "by DNSSEC nor by MTA-STS");
		fail_for_good(s, &why);
		event_active(s->dial, EV_TIMEOUT, 1); /* the next one */
		return;
	}
	r = remote_dial(&hop->to, hop->to_octets, s->address4, s->address6,
			&fd);
	if (r == 0) {
		talk(s, fd);
		return;
	}
	why.text = slice_of(strerrordesc_np(-r));
	if (r == -EACCES && s->smarthost != NULL) /* Landlock's word */
		why.text = S("the smarthost's port is new, and can be used "
			     "after a restart only");
	fail(s, &why);
	event_active(s->dial, EV_TIMEOUT, 1);
}

static void on_dial(evutil_socket_t fd, short what, void *arg)
{
	struct remote_session *s = arg;

	(void)fd;
	(void)what;
	if (s->failure.text.n == 0)
		try_hop(s);
	else
		try_next_hop(s);
}

/* --- life ------------------------------------------------------------------------ */

/* NOLINTNEXTLINE(readability-function-size): how, where to, and whom to tell */
struct remote_session *remote_session_new(
	struct event_base *base, const struct remote_session_config *config,
	struct remote_route *route, size_t first,
	const struct remote_session_calls *calls, void *arg)
{
	struct remote_session *s = mem_new(sizeof(*s));
	size_t count = remote_route_count(route);

	assert(count > 0);
	s->base = base;
	s->calls = calls;
	s->arg = arg;
	s->route = remote_route_ref(route);
	s->hostname = mem_string(config->hostname);
	s->address4 = mem_string(config->address4);
	s->address6 = mem_string(config->address6);
	s->tls = tls_client_ref(config->tls);
	s->patience_ms = config->patience_ms;
	s->tls_floor = config->tls_floor;
	s->tls_demand = config->tls_demand;
	if (config->smarthost != NULL)
		s->smarthost = smarthost_ref(config->smarthost);
	s->hop = first % count;
	s->hops_left = count - 1;
	s->dial = evtimer_new(base, on_dial, s);
	assert(s->dial != NULL);
	event_active(s->dial, EV_TIMEOUT, 1);
	return s;
}

void remote_session_free(struct remote_session **session)
{
	struct remote_session *s = *session;

	if (s == NULL)
		return;
	smtp_conn_free(&s->conn);
	event_free(s->dial);
	remote_route_free(&s->route);
	tls_client_free(&s->tls);
	smarthost_free(&s->smarthost);
	mem_free(&s->hostname);
	mem_free(&s->address4);
	mem_free(&s->address6);
	mem_free(session);
}

void remote_session_begin(struct remote_session *session,
			  const struct smtp_message *message)
{
	session->has_begun = true;
	smtp_conn_begin(session->conn, message);
}

const struct smtp_result *remote_session_result(
	const struct remote_session *session, size_t index)
{
	return smtp_conn_result(session->conn, index);
}

void remote_session_quit(struct remote_session *session)
{
	smtp_conn_quit(session->conn);
}

bool remote_session_is_established(const struct remote_session *session)
{
	return session->is_established;
}

bool remote_session_is_proven(const struct remote_session *session)
{
	return session->is_proven;
}

const struct remote_hop *remote_session_hop(
	const struct remote_session *session)
{
	return hop_of(session);
}

size_t remote_session_place(const struct remote_session *session)
{
	return session->hop;
}

struct slice remote_session_tls(const struct remote_session *session)
{
	return session->conn != NULL ? smtp_conn_tls_version(session->conn)
				     : S("");
}

enum tls_level remote_session_level(const struct remote_session *session)
{
	return session->level;
}

struct slice remote_session_tls_reason(const struct remote_session *session)
{
	return slice_of(session->reason);
}

const struct outcome *remote_session_failure(
	const struct remote_session *session)
{
	return &session->failure;
}
