/*
 * One connection to an LMTP server: a dialog (dialog.h) with a socket, timers
 * and the content's octets. Memory does not grow with the content.
 */
#ifndef LMTP_CONN_H
#define LMTP_CONN_H

#include "lmtp/dialog.h"

struct lmtp_conn;

/* All are called from the event loop only; arg is lmtp_conn_new()'s. */
struct lmtp_conn_calls {
	/* Something has changed: the state, or the transaction is over. Last
	 * thing of all: the callee may free the connection. */
	void (*on_change)(void *arg);
	/* Content goes out, and another transaction may go out right behind:
	 * returns what is to follow, used until it is over; or NULL. What
	 * follows has not begun if the connection closes before on_succeed. */
	const struct lmtp_request *(*get_follower)(void *arg);
	/* The transaction is over, and after this call the one that followed
	 * is the connection's. */
	void (*on_succeed)(void *arg);
};

/* Takes fd over; a TCP socket may still be connecting. calls is static. */
struct lmtp_conn *lmtp_conn_new(struct event_base *base, int fd,
				const struct lmtp_pool_config *config,
				const struct lmtp_conn_calls *calls, void *arg);
/* An idle server is told QUIT. */
void lmtp_conn_free(struct lmtp_conn **conn);

/* For states and ends; the rest is the connection's. */
const struct lmtp_dialog *lmtp_conn_dialog(const struct lmtp_conn *conn);

/* Begins a transaction, in LMTP_IDLE only. request is used until it is over,
 * which it may be when this returns. */
void lmtp_conn_begin(struct lmtp_conn *conn,
		     const struct lmtp_request *request);

#endif
