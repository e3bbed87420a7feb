/*
 * An LMTP client (RFC 2033, RFC 3030) over a few kept connections: one
 * recipient a transaction, MAIL RCPT BDAT and the content in one go when the
 * server offers PIPELINING and CHUNKING, DATA otherwise; with PIPELINING, the
 * next MAIL RCPT DATA goes out with the content before it when others wait.
 */
#ifndef LMTP_POOL_H
#define LMTP_POOL_H

#include "base/slice.h"
#include "smtp/reply.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct lmtp_pool;
struct lmtp_delivery;

/* How the pool gets a connected socket: lmtp_pool_connected() answers each
 * call, later or at once. */
typedef void lmtp_want_socket(void *arg);
/* What the server offers, told after the first LHLO and on each change. */
typedef void lmtp_on_features(bool has_smtputf8, void *arg);

struct lmtp_pool_config {
	const char *hostname; /* for LHLO; copied */
	unsigned connections; /* at most */
	unsigned greeting_ms; /* 10 s: Dovecot's 101st connection gets none */
	unsigned answer_ms;   /* for each step but the last; 60 s */
	unsigned final_ms;    /* after the content; 5 min: Sieve may be slow */
	unsigned idle_ms;     /* idle connections close; 60 s */
};

/* Connects soon, to learn what the server offers; when connecting fails it
 * tries again after 0.1 to 5 s, and what waits meanwhile ends at once. */
struct lmtp_pool *lmtp_pool_new(struct event_base *base,
				const struct lmtp_pool_config *config,
				lmtp_want_socket *want,
				lmtp_on_features *on_features, void *arg);
/* Ends all deliveries without calling back. */
void lmtp_pool_free(struct lmtp_pool **pool);
/* For what is new: idle connections are closed, busy ones when they are done. */
void lmtp_pool_configure(struct lmtp_pool *pool,
			 const struct lmtp_pool_config *config);
/* fd is taken over; -1 when there is none, and error (negative errno) why. A
 * TCP socket may still be connecting. */
void lmtp_pool_connected(struct lmtp_pool *pool, int fd, int error);

struct lmtp_request {
	struct slice reverse_path; /* without <>, copied */
	struct slice recipient;    /* the same */
	int content_fd;            /* read with pread or sendfile from offset 0;
	                              the caller keeps it open until the result */
	uint64_t content_octets;
	bool is_8bit;
};

enum lmtp_end {
	LMTP_ANSWERED,  /* reply is the server's verdict */
	LMTP_NO_ANSWER, /* no connection, or lost before the final octet */
	LMTP_UNCERTAIN, /* lost after the final octet: maybe delivered */
};

/* reply is valid during the call; for the last two its text says what
 * happened and code is 0. Never called from within lmtp_deliver(). */
typedef void lmtp_on_result(enum lmtp_end end, const struct reply *reply,
			    void *arg);

/* Queues a delivery. urgent ones (a client waits) go before the others, which
 * get every fourth place. */
struct lmtp_delivery *lmtp_deliver(struct lmtp_pool *pool,
				   const struct lmtp_request *request,
				   bool urgent, lmtp_on_result *on_result,
				   void *arg);
/* Takes back a delivery not yet begun; returns false, and changes nothing, if
 * it has begun: then it ends by itself. */
bool lmtp_withdraw(struct lmtp_delivery **delivery);
/* Deliveries waiting for a connection. */
unsigned lmtp_pool_waiting(const struct lmtp_pool *pool);

#endif
