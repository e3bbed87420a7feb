/*
 * One connection to a filter: a socket, its timers, packets out and replies
 * in. It negotiates first; after that the owner writes packets and says when
 * a reply is owed. Octets are gathered until milter_conn_flush().
 */
#ifndef MILTER_CONN_H
#define MILTER_CONN_H

#include "milter/wire.h"

#include <event2/event.h>

struct milter_conn;

/* Called from the event loop only. The callee may free the connection; what it
 * was given lives until it returns all the same. */
struct milter_conn_calls {
	/* The negotiation is done: milter_conn_options(). */
	void (*on_ready)(void *arg);
	/* A reply; never PROGRESS, which only sets the timer anew. A verdict
	 * (milter_code_is_verdict) settles one that is owed. QUARANTINE may
	 * come while none is owed: filters that do not answer every event may
	 * say it at one of those. */
	void (*on_reply)(const struct milter_reply *reply, void *arg);
	/* Less than MILTER_CONN_LOW is unsent; called once after
	 * milter_conn_unsent() was more than that behind a flush. */
	void (*on_room)(void *arg);
	/* The end: closed by the filter, a time-out, a broken rule. While no
	 * reply is owed a filter that closes ends quietly: it was restarted.
	 * Whether it owed us more than a reply the owner knows. */
	void (*on_end)(bool is_quiet, struct slice problem, void *arg);
};

enum { MILTER_CONN_LOW = 64 << 10 };

struct milter_conn_config {
	unsigned connect_ms; /* until connected, and until negotiated */
	unsigned write_ms;   /* without an octet taken by the filter */
	struct milter_options offer;
};

/* Takes fd over and begins once it is connected, which a TCP socket need not be
 * yet. TCP_NODELAY is set, and TCP_QUICKACK before each read while replies are
 * owed, since libmilter writes each packet of an answer alone. Nothing is
 * called before the event loop runs, and nothing may be written before
 * on_ready. calls is static. */
struct milter_conn *milter_conn_new(struct event_base *base, int fd,
				    const struct milter_conn_config *config,
				    const struct milter_conn_calls *calls,
				    void *arg);
/* At once, without a word. NULL is fine. */
void milter_conn_free(struct milter_conn **conn);
/* Sends what is waiting, ABORT if told so, and QUIT, as far as the socket
 * takes it without waiting, and closes. */
void milter_conn_quit(struct milter_conn **conn, bool with_abort);

/* What was agreed on; valid after on_ready, symbol lists too. */
const struct milter_options *milter_conn_options(
	const struct milter_conn *conn);
/* Where packets are written. */
struct milter_writer *milter_conn_writer(struct milter_conn *conn);
/* Body octets of the packet whose head was written last. */
void milter_conn_body(struct milter_conn *conn, struct slice octets);
/* What was written goes out now, or when the socket takes it. */
void milter_conn_flush(struct milter_conn *conn);
size_t milter_conn_unsent(const struct milter_conn *conn);
/* One more reply is owed, within timeout_ms of the last octet either way:
 * flushes. */
void milter_conn_expect(struct milter_conn *conn, unsigned timeout_ms);

#endif
