#include "deliver/remote_session-private.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver/remote_dial.h"
#include "deliver/smarthosts.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* --- hops ------------------------------------------------------------------------ */

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
		remote_session_refuse_if_all_lack(s);
		s->calls->on_over(s->arg);
		return;
	}
	s->hops_left--;
	s->hop = (s->hop + 1) % remote_route_count(s->route);
	try_hop(s);
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

	remote_session_fail_for_good(s, &why);
	s->is_passed_over = true;
	smtp_conn_quit(s->conn);
}

static void on_idle(void *arg)
{
	struct remote_session *s = arg;

	if (!s->is_established)
		remote_session_tell_tls(s, SMTP_END_QUIT);
	if (!s->is_established && is_lacking_requiretls(s)) {
		pass_over(s);
		return;
	}
	if (!s->is_established) {
		remote_session_see_level(s);
		remote_session_note_testing(s);
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
		remote_session_tell_tls(s, end);
	if (end != SMTP_END_QUIT && !s->is_passed_over)
		remote_session_fail_end(s, end, smtp_conn_failure(s->conn));
	if (s->is_established) {
		s->calls->on_over(s->arg);
		return;
	}
	smtp_conn_free(&s->conn);
	if (was_handshake && remote_session_security(s) == SMTP_OPPORTUNISTIC &&
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
		.security = s->is_plain ? SMTP_PLAIN : remote_session_security(s),
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
		remote_session_fail_for_good(s, &why);
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
	remote_session_fail(s, &why);
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
