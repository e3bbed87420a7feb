/*
 * One connection to an SMTP server: a dialog (smtp_dialog.h) with a stream,
 * TLS, timers and the content's octets. Memory does not grow with the content.
 * Which server, when, and what then, is the caller's to say.
 */
#ifndef DELIVER_SMTP_CONN_H
#define DELIVER_SMTP_CONN_H

#include "deliver/smtp_dialog.h"
#include "deliver/smtp_patience.h"
#include "deliver/smtp_security.h"
#include "net/stream.h"

struct smtp_conn;

struct smtp_conn_config {
	const char *hostname; /* ours, for EHLO; copied */
	enum smtp_security security;
	/* Not NULL unless SMTP_PLAIN; counted. */
	struct tls_client *tls;
	/* server_name: the host's name; copied, as the rest. TLSA records
	 * are used for SMTP_DANE only. */
	struct tls_client_request who;
	/* TLS from the start (RFC 8314 3), in place of STARTTLS. */
	bool is_tls_first;
	struct smtp_login login; /* copied; only ever used in TLS */
	/* 0: smtp_patience.h's times; else this one for all of them. */
	unsigned patience_ms;
};

/* Each is called from the event loop, never from within smtp_conn_*(), and may
 * free the connection. arg is smtp_conn_new()'s. */
struct smtp_conn_calls {
	/* smtp_conn_begin() may be called; after the greeting, and again after
	 * each message, if there is no on_ended in its place. */
	void (*on_idle)(void *arg);
	/* The message is over: see smtp_conn_result(). Comes before on_idle or
	 * on_ended. */
	void (*on_done)(void *arg);
	/* The connection is over, see smtp_conn_failure(); free it. */
	void (*on_ended)(enum smtp_end end, void *arg);
};

/* Takes fd over, which may still be connecting. calls is static. */
struct smtp_conn *smtp_conn_new(struct event_base *base, int fd,
				const struct smtp_conn_config *config,
				const struct smtp_conn_calls *calls, void *arg);
/* Hangs up at once, without a call. */
void smtp_conn_free(struct smtp_conn **conn);

/* Says QUIT and hangs up when that is answered, or soon: on_ended follows.
 * Only while it is idle. */
void smtp_conn_quit(struct smtp_conn *conn);

/* Between on_idle and the next on_done or on_ended. message, with all it points
 * to, is used until on_done, which always follows. */
void smtp_conn_begin(struct smtp_conn *conn,
		     const struct smtp_message *message);
bool smtp_conn_is_idle(const struct smtp_conn *conn);
/* From on_done to the next begin; index: into the message's recipients. */
const struct smtp_result *smtp_conn_result(const struct smtp_conn *conn,
					   size_t index);

/* Facts, from on_idle on and after on_ended. */
const struct smtp_features *smtp_conn_features(const struct smtp_conn *conn);
/* TLS is up; *ret_peer says with whom. */
bool smtp_conn_is_tls(const struct smtp_conn *conn,
		      struct stream_tls_peer *ret_peer);
/* "TLSv1.3" and the cipher suite; empty without TLS. */
struct slice smtp_conn_tls_version(const struct smtp_conn *conn);
struct slice smtp_conn_tls_cipher(const struct smtp_conn *conn);
/* Ours, as text; empty before there is a connection. */
struct slice smtp_conn_own_address(const struct smtp_conn *conn);
/* From on_ended on: why, as an outcome for mail that has none better. The kind
 * is OUTCOME_REFUSED for a 5xx greeting, else OUTCOME_DEFERRED. */
const struct outcome *smtp_conn_failure(const struct smtp_conn *conn);

#endif
