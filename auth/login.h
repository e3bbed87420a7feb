/*
 * Logins: a client of Dovecot's auth-client socket (protocol 1.2 to 1.4), one
 * kept connection, any number of logins in flight. SASL exchanges are passed
 * through as base64 that is checked and never decoded.
 */
#ifndef AUTH_LOGIN_H
#define AUTH_LOGIN_H

#include "base/slice.h"

#include <event2/event.h>
#include <stdbool.h>

struct login_client;
struct login;

/*
 * How the client gets a connected socket: calls want; the answer comes as
 * login_client_connected(), later or at once. It asks again by itself, with
 * back-off from 0.1 to 5 s, when a connection ends.
 */
typedef void login_want_socket(void *arg);

struct login_client *login_client_new(struct event_base *base,
				      login_want_socket *want, void *arg);
/* Ends all logins without calling back. */
void login_client_free(struct login_client **client);
/* fd is taken over; -1 when there is none, and error (negative errno) why. */
void login_client_connected(struct login_client *client, int fd, int error);

/* True once a handshake is done. Offer AUTH only then. */
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
	struct slice session; /* trace id */
	struct slice local_name; /* SNI */
	struct slice client_id;  /* EHLO name */
	bool is_tls;
	bool has_initial;      /* an initial response was given, even empty */
	struct slice initial;  /* base64 */
};

enum login_verdict {
	LOGIN_CONTINUE, /* send text as 334, then login_continue() */
	LOGIN_OK,
	LOGIN_FAILED,
	LOGIN_DISABLED,  /* OK with nologin or anonymous, or user_disabled */
	LOGIN_EXPIRED,   /* pass_expired; text is for the client */
	LOGIN_MALFORMED, /* base64 that Dovecot does not take */
	LOGIN_UNAVAILABLE, /* temporary; never a reason to say 535 */
};

struct login_field {
	struct slice name, value;
};

struct login_result {
	enum login_verdict verdict;
	struct slice text; /* LOGIN_CONTINUE: base64. Else Dovecot's reason= for
	                      the client without controls, or empty */
	struct slice user; /* canonical; also of a failure if told, for the log */
	struct slice master; /* auth_user=: who logged in as user; or empty */
	const struct login_field *fields; /* extra fields, smtp_* among them;
	                                     never token= */
	size_t field_count;
	/* Dovecot asks for channel binding of this type with the next answer
	 * (dovecot.md 2.9); empty if not. LOGIN_CONTINUE only. */
	struct slice channel_binding;
};

/* The result is valid during the call only. After any verdict but
 * LOGIN_CONTINUE the login is gone. Never called from within login_start(),
 * login_continue() or login_cancel(). */
typedef void login_on_result(const struct login_result *result, void *arg);

/*
 * Starts a login. The verdict is awaited for 60 s, an answer of the client's
 * is the caller's to time. Always succeeds; trouble is LOGIN_UNAVAILABLE.
 */
struct login *login_start(struct login_client *client,
			  const struct login_params *params,
			  login_on_result *on_result, void *arg);
/*
 * The client's answer to LOGIN_CONTINUE: checked base64, may be empty.
 * binding: channel binding data in base64, or empty.
 */
void login_continue(struct login *login, struct slice answer,
		    struct slice binding);
/* The client gave up or is gone: CANCEL is sent, no callback follows. */
void login_cancel(struct login **login);

#endif
