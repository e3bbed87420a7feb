/*
 * One connection to an LMTP server: a dialog (dialog.h) with a socket, timers
 * and the content's octets. Memory does not grow with the content.
 */
#ifndef LMTP_CONN_H
#define LMTP_CONN_H

#include "lmtp/dialog.h"

struct lmtp_conn;

/* Something has changed: the state, or the transaction is over. Called from
 * the event loop only, last thing of all: the callee may free the connection. */
typedef void lmtp_conn_on_change(void *arg);

/* Takes fd over; a TCP socket may still be connecting. */
struct lmtp_conn *lmtp_conn_new(struct event_base *base, int fd,
				const struct lmtp_pool_config *config,
				lmtp_conn_on_change *on_change, void *arg);
/* An idle server is told QUIT. */
void lmtp_conn_free(struct lmtp_conn **conn);

/* For states and ends; the rest is the connection's. */
const struct lmtp_dialog *lmtp_conn_dialog(const struct lmtp_conn *conn);

/* Begins a transaction, in LMTP_IDLE only. request is used until it is over,
 * which it may be when this returns. */
void lmtp_conn_begin(struct lmtp_conn *conn,
		     const struct lmtp_request *request);

#endif
