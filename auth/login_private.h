/* What login.c (one login) and login_client.c (the connection they share)
 * have in common. */
#ifndef AUTH_LOGIN_PRIVATE_H
#define AUTH_LOGIN_PRIVATE_H

#include "auth/conn.h"
#include "auth/login.h"
#include "auth/login_reply.h"
#include "auth/mech.h"
#include "base/list.h"

enum login_state {
	LOGIN_QUEUED,   /* not sent; the timer runs for a connection */
	LOGIN_SENT,     /* AUTH is out, nothing came back */
	LOGIN_ASKED,    /* the client has a challenge; the timer is its */
	LOGIN_ANSWERED, /* CONT is out */
	LOGIN_BROKEN,   /* as LOGIN_ASKED, but no answer will help */
	LOGIN_ENDED,    /* the timer, due at once, tells the caller */
};

struct login {
	TAILQ_ENTRY(login) entry;
	struct login_client *client;
	enum login_state state;
	uint32_t id; /* on this connection; 0 when Dovecot does not know us */
	int sends;
	bool is_tls, is_binding_asked;
	struct slice mechanism, arguments; /* in text */
	char *text; /* may hold a password; gone when it is not sent again */
	size_t text_octets;
	struct event *timer;
	enum login_verdict ending; /* of LOGIN_ENDED */
	login_on_result *on_result;
	void *arg;
};

struct login_client {
	struct event_base *base;
	login_want_socket *want;
	void *want_arg;
	struct auth_conn *conn;
	struct mech_list *mechs, *heard; /* offered; of this handshake */
	bool is_up, is_offering;         /* see login_client_is_ready() */
	bool has_version, has_mechs;
	uint32_t next_id; /* only counts up: a late reply must find nobody */
	int connection_ms, answer_ms;
	TAILQ_HEAD(login_list, login) logins;
	struct login_reply reply;
};

/* Sends AUTH; the connection is established. */
void login_send(struct login *login);
/* Dovecot said something about this login. */
void login_on_reply(struct login *login, const struct login_result *result);
/* The connection is gone. */
void login_on_lost(struct login *login);
/* Frees it, with no call. */
void login_release(struct login *login);

#endif
