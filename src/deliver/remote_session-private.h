/* Shared by remote_session.c (hop after hop), remote_session_tls.c (which TLS
 * there must be, and is) and remote_session_fail.c (why a host takes no mail). */
#ifndef DELIVER_REMOTE_SESSION_PRIVATE_H
#define DELIVER_REMOTE_SESSION_PRIVATE_H

#include "deliver/remote_session.h"
#include "deliver/smtp_conn.h"

enum { REMOTE_SESSION_REASON_OCTETS = 400 };

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
	char reason[REMOTE_SESSION_REASON_OCTETS];
};

static inline const struct remote_hop *hop_of(const struct remote_session *s)
{
	return remote_route_hop(s->route, s->hop);
}

/* --- remote_session_tls.c ------------------------------------------------------------- */

/* What policy demands of the hop, or what it had before, whichever is more;
 * but what the message demands goes first. */
enum smtp_security remote_session_security(const struct remote_session *s);
/* Who wants better TLS than the host has; NULL: what it says is clear. */
const char *remote_session_demand(const struct remote_session *s);
/* A policy in testing: what it would forbid is told, and done all the same. */
void remote_session_note_testing(const struct remote_session *s);
/* Takes note of level and reason. */
void remote_session_see_level(struct remote_session *s);
/* For the domain's report. A connection in plain text follows one of which this
 * was told. */
void remote_session_tell_tls(struct remote_session *s, enum smtp_end end);

/* --- remote_session_fail.c ------------------------------------------------------------ */

/* The hop takes no mail now. */
void remote_session_fail(struct remote_session *s, const struct outcome *why);
/* The same; another time it is no better. */
void remote_session_fail_for_good(struct remote_session *s,
				  const struct outcome *why);
/* The connection ended so. */
void remote_session_fail_end(struct remote_session *s, enum smtp_end end,
			     const struct outcome *why);
/* All hops were tried. RFC 8689 4.2.1: what cannot be sent safely, and never
 * could be. */
void remote_session_refuse_if_all_lack(struct remote_session *s);

#endif
