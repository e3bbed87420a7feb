#include "base/log.h"
#include "base/mem.h"
#include "deliver/remote_report.h"
#include "deliver/remote_session-private.h"

#include <stdio.h>

enum { TELL_OCTETS = 1 << 20 };

enum smtp_security remote_session_security(const struct remote_session *s)
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

const char *remote_session_demand(const struct remote_session *s)
{
	if (s->tls_demand == TLS_DEMAND_NONE)
		return NULL;
	if (remote_session_security(s) == hop_of(s)->security)
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

void remote_session_note_testing(const struct remote_session *s)
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

void remote_session_see_level(struct remote_session *s)
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

void remote_session_tell_tls(struct remote_session *s, enum smtp_end end)
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
