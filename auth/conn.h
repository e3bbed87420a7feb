/*
 * A kept connection to one of Dovecot's auth sockets: asks for a socket, cuts
 * the input into lines, watches the handshake, and comes back after a loss: at
 * once when it had worked, then after 0.1 to 5 s. It knows nothing of what the
 * lines say. Private to this folder.
 */
#ifndef AUTH_CONN_H
#define AUTH_CONN_H

#include "auth/auth_event.h"
#include "base/slice.h"

#include <event2/event.h>

struct auth_conn;

/* want and on_line come from the event loop only; on_open from within
 * auth_conn_connected(), on_lost from there and from auth_conn_drop(). */
struct auth_conn_owner {
	void (*want)(void *arg);    /* get a socket: auth_conn_connected() */
	void (*on_open)(void *arg); /* it is there: say hello */
	/* A line without its LF; it may be changed. It may drop the
	 * connection, but not free it. */
	void (*on_line)(char *line, size_t octets, void *arg);
	void (*on_lost)(void *arg); /* whatever was under way is lost */
};

struct auth_conn *auth_conn_new(struct event_base *base,
				const struct auth_conn_owner *owner, void *arg);
/* Closes it, with no call. */
void auth_conn_free(struct auth_conn **conn);
void auth_conn_on_event(struct auth_conn *conn, auth_on_event *on_event,
			void *arg);

/* The answer to want: fd is taken over; or -1 and a negative errno. A socket
 * that was not wanted is closed. */
void auth_conn_connected(struct auth_conn *conn, int fd, int error);
/* The handshake, which must not take more than 10 s, is done. */
void auth_conn_established(struct auth_conn *conn);
bool auth_conn_is_established(const struct auth_conn *conn);
/* Reports a fact that does not end the connection. */
void auth_conn_report(struct auth_conn *conn, enum auth_event event,
		      const char *text);
/* Gives the connection up, as if it had been lost; text is a literal. */
void auth_conn_drop(struct auth_conn *conn, enum auth_event event,
		    const char *text);

/* Sends a line, its LF is added. Returns 0, -ENOTCONN, or -ENOBUFS when the
 * other end has stopped reading and a mebibyte is waiting. */
int auth_conn_send(struct auth_conn *conn, struct slice line);

#endif
