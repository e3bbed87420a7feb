/*
 * One client: an SMTP session from greeting to the end, RFC 5321, on port 25
 * or as submission (RFC 6409, RFC 8314). It frees itself when it is over.
 */
#ifndef RECEIVE_SESSION_H
#define RECEIVE_SESSION_H

#include "receive/server.h"

#include <netinet/in.h>

struct session;

/* An address in a quarter of the room of sockaddr_storage. A client of
 * LISTENER_LOCAL is who the kernel says it is. */
union session_peer {
	struct sockaddr any;
	struct census_user user;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* "192.0.2.1", also where it came in an IPv6 address. For a user of this
 * machine 127.0.0.1: what filters and programs expect of one. Else empty. */
struct slice session_peer_text(const union session_peer *peer,
			       struct arena *arena);

/* Takes fd over and greets. */
void session_new(struct server *server, enum listener_service service, int fd,
		 const struct sockaddr_storage *peer);

/* The one that began after s; NULL after the last. */
struct session *session_next(const struct session *s);
/* About once a second, for time-outs; may free the session. */
void session_tick(struct session *s, uint64_t now_ms);
/* server->is_draining is new: an idle session says 421 and ends. May free. */
void session_drain(struct session *s);
/* The time is over: 421 whatever goes on. May free the session. */
void session_shut(struct session *s);
/* At once, without a word. */
void session_free(struct session **session);

#endif
