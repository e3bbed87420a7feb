/*
 * The clients of this process: its listening sockets, who may come in, the
 * time of sessions, and their end at a drain.
 */
#ifndef RECEIVE_CLIENTS_H
#define RECEIVE_CLIENTS_H

#include "receive/server.h"

struct clients;

struct clients *clients_new(struct server *server);
/* Ends all sessions. */
void clients_free(struct clients **clients);

/* Takes fd over, which listens. A first one replaces all. */
void clients_listen(struct clients *clients, enum listener_service service,
		    int fd, bool is_first);
/* Accepts from now on. */
void clients_start(struct clients *clients);
/* Accepts no more; idle sessions end at once, others when they are through. */
void clients_drain(struct clients *clients);
/* 421 to those that are left. */
void clients_shut(struct clients *clients);

#endif
