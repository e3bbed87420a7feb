/*
 * A client of control.sock: lines in, lines out. One request at a time; the
 * next line is read when the last one is answered. Bounds: CLIENT_LINE_OCTETS
 * a line, CLIENT_IDLE_S of silence or of not reading.
 */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "base/slice.h"

#include <event2/event.h>

enum { CLIENT_LINE_OCTETS = 16 << 10, CLIENT_IDLE_S = 10 };

struct client;
struct evbuffer;

/* Called from the event loop only. */
struct client_events {
	/* A request; answer it into client_output(), then client_done(). */
	void (*on_line)(struct client *client, struct slice line, void *arg);
	/* All that was written has been sent. */
	void (*on_sent)(struct client *client, void *arg);
	/* The end: the callee frees the client. */
	void (*on_closed)(struct client *client, void *arg);
};

/* Takes fd over; events outlives the client. */
struct client *client_new(struct event_base *base, int fd,
			  const struct client_events *events, void *arg);
void client_free(struct client **client);

struct evbuffer *client_output(struct client *client);
/* The request is answered. Never calls back before it returns. */
void client_done(struct client *client);
/* The same, and the connection ends when all is sent. */
void client_close(struct client *client);

#endif
