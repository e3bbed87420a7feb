/*
 * A session with one of a route's hosts: its hops are tried one after the other
 * until one is ready for mail; from then on it is one connection, for one
 * message after another. A handshake that fails where no policy demands TLS is
 * followed by a second connection to the same address, in plain text.
 */
#ifndef DELIVER_REMOTE_SESSION_H
#define DELIVER_REMOTE_SESSION_H

#include "deliver/remote_route.h"
#include "mail/tlsrpt.h"

struct remote_session;

struct remote_session_config {
	const char *hostname; /* ours, for EHLO */
	struct tls_client *tls;
	/* Ours to connect from; empty: the system's choice. */
	const char *address4, *address6;
	unsigned patience_ms; /* of smtp_conn_config */
	/* Hosts that have less are passed over. */
	enum tls_level tls_floor;
	/* REQUIRED: those that are not proven, or do not offer REQUIRETLS, are
	 * passed over; if that is all of them, the failure is OUTCOME_REFUSED.
	 * NONE: all of that, and policies, count for nothing. */
	enum tls_demand tls_demand;
	struct smarthost *smarthost; /* to log in; counted; or NULL */
};

/* Each is called from the event loop, never from within remote_session_*(), and
 * may free the session. */
struct remote_session_calls {
	void (*on_ready)(void *arg); /* remote_session_begin() may be called */
	void (*on_done)(void *arg);  /* the message is over; on_ready or on_over
	                               follows */
	void (*on_over)(void *arg);  /* the session is; free it */
	/* A host showed how well TLS goes with it, once a connection. fact is
	 * valid during the call, which must not free the session. */
	void (*on_tls)(const struct tlsrpt_fact *fact, void *arg);
};

/* first: the hop to begin with; the others follow, in a circle. config is not
 * used after this call but for tls, calls is static. */
struct remote_session *remote_session_new(
	struct event_base *base, const struct remote_session_config *config,
	struct remote_route *route, size_t first,
	const struct remote_session_calls *calls, void *arg);
/* Hangs up at once, without a call. */
void remote_session_free(struct remote_session **session);

/* As smtp_conn_begin() and smtp_conn_result(). */
void remote_session_begin(struct remote_session *session,
			  const struct smtp_message *message);
const struct smtp_result *remote_session_result(
	const struct remote_session *session, size_t index);
/* When it is ready: a polite end, on_over follows. */
void remote_session_quit(struct remote_session *session);

/* A host was ready for mail, now or before it was over. */
bool remote_session_is_established(const struct remote_session *session);
/* The host is ready for more after at least one message. */
bool remote_session_is_proven(const struct remote_session *session);
/* Whom it is with, or whom it tries; and its place in the route. */
const struct remote_hop *remote_session_hop(
	const struct remote_session *session);
size_t remote_session_place(const struct remote_session *session);
/* "TLSv1.3", or empty. */
struct slice remote_session_tls(const struct remote_session *session);
/* How well it is protected, once established; and the same in words, with the
 * host's name. */
enum tls_level remote_session_level(const struct remote_session *session);
struct slice remote_session_tls_reason(const struct remote_session *session);

/* After on_over, for mail that has no better: OUTCOME_DEFERRED, whatever the
 * hosts said, as they said nothing of any mail (but see tls_demand). The text
 * is empty if all went well. */
const struct outcome *remote_session_failure(
	const struct remote_session *session);

#endif
