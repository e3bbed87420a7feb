/*
 * Mail to other servers. What has the same destination (the domain, or the
 * hosts that its alias names in place of it, or the smarthost of its sender)
 * shares a route, which `lookup` is
 * asked for, a few sessions, and its bad luck: when no host of it can be had,
 * all that waits for it is deferred, and so is what comes until it has rested.
 *
 * Sessions are kept for a moment for the next message. Their number grows from
 * one with each message that gets through, and halves when one breaks.
 * Recipients of the same message share transactions.
 *
 * Nobody waits long in here. When a destination does not keep up, what is too
 * much for it is answered OUTCOME_CANCELLED, with a time to come again, so that
 * the queue's window is there for others. When there is room for it sooner, the
 * queue is asked for it (ATTEMPTS_WANTED). And destinations take turns at what
 * sessions there may be in all.
 */
#ifndef DELIVER_REMOTE_H
#define DELIVER_REMOTE_H

#include "deliver/smtp_message.h"
#include "mail/tlsrpt.h"
#include "proc/link.h"

struct remote;
struct remote_delivery;
struct smarthost;
struct tls_client;

enum {
	REMOTE_GROUP_MAX = 100,         /* recipients of a message at once */
	REMOTE_MESSAGES_MAX = 500,      /* of a session */
	REMOTE_TURN_MESSAGES = 10,      /* the same, while others have none */
	REMOTE_DESTINATIONS_MAX = 2000, /* that are remembered */
	REMOTE_ROUTE_MS = 180000,       /* until a route is asked for again */
	REMOTE_REFUSAL_MS = 5000,       /* the same, if there was none */
	REMOTE_SLOW_MS = 1000, /* a wait after which a destination is slow */
	REMOTE_SLOW_LINE = 4,  /* who may wait for one at least, */
	REMOTE_SLOW_LINE_MAX = 100, /* and at most */
	REMOTE_AGAIN_S = 5,         /* until who was turned away comes again, */
	REMOTE_AGAIN_RATE = 20,     /* so many a second at least, */
	REMOTE_AGAIN_MAX_S = 300,   /* or all of them after this */
};

/* Copied. */
struct remote_config {
	const char *hostname;
	const char *address4, *address6; /* to connect from, or empty */
	unsigned port;
	bool uses_loopback;
	unsigned connections;                 /* at most, in all */
	unsigned connections_per_destination; /* the same, to one */
	unsigned idle_ms;                     /* for which a session is kept */
	unsigned rest_ms;     /* of a destination that fails first, */
	unsigned rest_max_ms; /* and in the end */
	unsigned patience_ms; /* of smtp_conn_config */
};

/* tls: counted. */
struct remote *remote_new(struct event_base *base,
			  const struct remote_config *config,
			  struct tls_client *tls);
/* Ends all deliveries without calling back. */
void remote_free(struct remote **remote);
/* For what is new. */
void remote_configure(struct remote *remote,
		      const struct remote_config *config);
/* What a session with a host of that domain met (RFC 8460), or what kept it
 * from being begun; all is valid during the call. */
typedef void remote_on_tls(struct slice domain, const struct tlsrpt_fact *fact,
			   void *arg);
/* NULL: nobody wants to know. */
void remote_watch_tls(struct remote *remote, remote_on_tls *on_tls, void *arg);
/* For sessions that are new: counted. */
void remote_use_tls(struct remote *remote, struct tls_client *tls);
/* As remote_lookup_use() and remote_lookup_on_route(). */
void remote_use_lookup(struct remote *remote, struct link *lookup);
void remote_on_route(struct remote *remote, const struct msg_route *m);
/* The link to `queue`, which is asked for who was sent back; or NULL. */
void remote_use_queue(struct remote *remote, struct link *queue);
/* From now on only what has begun goes on; the rest is cancelled. */
void remote_drain(struct remote *remote);

/* One recipient of a message. All of it lives until the end. */
struct remote_request {
	uint64_t queue_id; /* with reverse_path: what is one message */
	struct slice trace;
	struct slice reverse_path;
	struct slice envid;
	enum dsn_ret ret;
	bool is_8bit;
	bool is_smtputf8;
	int content_fd;
	uint64_t content_octets;
	struct slice via; /* "a.example/b.example", or empty */
	/* The way out where there is no via; NULL: by MX. Counted. */
	struct smarthost *smarthost;
	enum tls_level tls_floor; /* less than that is not used */
	enum tls_demand tls_demand;
	struct smtp_recipient recipient;
};

struct remote_end {
	struct outcome outcome; /* OUTCOME_CANCELLED: it was not tried */
	unsigned again_s;       /* then: not before so many seconds, */
	uint64_t destination;   /* unless `queue` is asked for it; or 0 */
	struct slice host, address, tls; /* whom it was given to, or empty */
	/* How well that was protected, and the same in words; empty where it
	 * says nothing of the domain: a smarthost had it. */
	enum tls_level tls_level;
	struct slice tls_reason;
};

/* end is valid during the call. Called once, never from within
 * remote_deliver(); the delivery is gone then. */
typedef void remote_on_end(const struct remote_end *end, void *arg);

struct remote_delivery *remote_deliver(struct remote *remote,
				       const struct remote_request *request,
				       remote_on_end *done, void *arg);
/* Takes back what has not begun; returns false, and changes nothing, if it
 * has: then it ends by itself. */
bool remote_withdraw(struct remote_delivery **delivery);

#endif
