/*
 * Logins: a client of Dovecot's auth-client socket (protocol 1.2 to 1.4), one
 * kept connection, any number of logins in flight. SASL exchanges are passed
 * through as base64 that is checked and never decoded.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "auth/auth_event.h"
#include "base/slice.h"

#include <event2/event.h>
#include <stdbool.h>

struct login_client;
struct login;

/*
 * How the client gets a connected socket: calls want, from the event loop;
 * the answer comes as login_client_connected(), later or at once. It asks
 * again by itself, at once when a working connection ends, then with back-off
 * from 0.1 to 5 s.
 */
typedef void login_want_socket(void *arg);

struct login_client *login_client_new(struct event_base *base,
				      login_want_socket *want, void *arg);
/* Ends all logins without calling back. Not from within a callback. */
void login_client_free(struct login_client **client);
/* Whom to tell about the connection, for the log; optional. */
void login_client_on_event(struct login_client *client, auth_on_event *on_event,
			   void *arg);
/* How long a login waits for a connection (5 s), and then for Dovecot's
 * answer (60 s: penalties for guessing reach 17 s, dovecot.md 2.6). */
void login_client_set_timeouts(struct login_client *client, int connection_ms,
			       int answer_ms);
/* fd is taken over; -1 when there is none, and error (negative errno) why. */
void login_client_connected(struct login_client *client, int fd, int error);

/*
 * Offer AUTH only if this is true: from a handshake on until the connection is
 * lost and the attempt after that fails as well. In between, as when Dovecot
 * reloads, the mechanisms are the old ones and logins wait for the new
 * connection.
 */
bool login_client_is_ready(const struct login_client *client);

/*
 * The mechanisms to offer, "PLAIN LOGIN SCRAM-SHA-256": those Dovecot lists
 * but `private` and `anonymous` ones; `plaintext` and `channel-binding` ones
 * only when is_tls. Valid until the next event.
 */
struct slice login_client_mechanisms(const struct login_client *client,
				     bool is_tls);
/* Whether a mechanism (any case) is among those. */
bool login_client_offers(const struct login_client *client,
			 struct slice mechanism, bool is_tls);

struct login_params { /* dovecot.md 2.3; empty slices are left out */
	struct slice mechanism;
	struct slice remote_ip, local_ip; /* remote_ip is required */
	uint16_t remote_port, local_port;
	struct slice session;    /* trace id */
	struct slice local_name; /* SNI */
	struct slice client_id;  /* EHLO name */
	bool is_tls;
	bool has_client_cert; /* the client's TLS certificate was verified */
	struct slice cert_username; /* its name; replaces the user if Dovecot
	                               is set up so */
	bool has_initial;     /* an initial response was given, even empty */
	struct slice initial; /* base64; "=" of RFC 4954 4 is empty */
};

enum login_verdict {
	LOGIN_CONTINUE, /* send text as 334, then login_continue() */
	LOGIN_OK,
	LOGIN_FAILED,
	LOGIN_DISABLED,    /* OK with nologin, anonymous or proxy, or without a
	                    user; or user_disabled */
	LOGIN_EXPIRED,     /* pass_expired; text is for the client */
	LOGIN_MALFORMED,   /* base64 that is none, or too long for Dovecot */
	LOGIN_UNAVAILABLE, /* temporary; never a reason to say 535 */
};

struct login_field {
	struct slice name, value;
};

struct login_result {
	enum login_verdict verdict;
	struct slice text; /* LOGIN_CONTINUE: base64. Else Dovecot's reason= for
	                      the client in printable ASCII, or empty */
	struct slice
		user; /* canonical; also of a failure if told, for the log */
	struct slice master; /* auth_user=: who logged in as user; or empty */
	const struct login_field *fields; /* extra fields, smtp_* among them;
	                                     never token= */
	size_t field_count;
	/* Dovecot asks for channel binding of this type with the next answer
	 * (dovecot.md 2.9); empty if not. LOGIN_CONTINUE only. */
	struct slice channel_binding;
};

/*
 * The result is valid during the call only. After any verdict but
 * LOGIN_CONTINUE the login is gone. Never called from within login_start(),
 * login_continue() or login_cancel(), and after LOGIN_CONTINUE not before
 * login_continue(): what goes wrong meanwhile is told then.
 */
typedef void login_on_result(const struct login_result *result, void *arg);

/*
 * Starts a login. The verdict is awaited for 60 s; the client's answer, while
 * Dovecot waits for one, for 140 s (Dovecot's own limit is 150 s, and then it
 * says no more than "failed"). Always succeeds; trouble is LOGIN_UNAVAILABLE,
 * also a mechanism that is not offered, an initial response that is not strict
 * base64 is LOGIN_MALFORMED.
 *
 * A login whose connection is lost is sent again on the next one, unless the
 * client has been asked something.
 */
struct login *login_start(struct login_client *client,
			  const struct login_params *params,
			  login_on_result *on_result, void *arg);
/*
 * The client's answer to LOGIN_CONTINUE, which may be empty; what is not
 * strict base64 becomes LOGIN_MALFORMED and never reaches Dovecot.
 * binding: channel binding data in base64, or empty.
 */
void login_continue(struct login *login, struct slice answer,
		    struct slice binding);
/* The client gave up or is gone: CANCEL is sent, no callback follows. */
void login_cancel(struct login **login);

#endif
