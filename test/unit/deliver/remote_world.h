/* A world for remote.h: a `lookup` and connections that do what a test says. */
#ifndef TEST_REMOTE_WORLD_H
#define TEST_REMOTE_WORLD_H

#include "deliver/remote.h"
#include "deliver/smtp_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WORLD_MANY = 400, WORLD_TEXT = 200 };

/* A delivery, and what became of it. */
struct sent {
	struct remote_delivery *delivery;
	char address[WORLD_TEXT];
	unsigned ends;
	enum outcome_kind kind;
	unsigned code;
	uint8_t status[3];
	char text[WORLD_TEXT], server[WORLD_TEXT];
	unsigned again_s;
	uint64_t destination;
	enum tls_level tls_level;
	char tls_reason[WORLD_TEXT];
};

struct smtp_conn {
	struct event_base *base;
	char host[WORLD_TEXT], address[WORLD_TEXT];
	enum smtp_security security;
	size_t tlsa_count, name_count;
	bool is_tls_first;
	char user[WORLD_TEXT], password[WORLD_TEXT];
	bool has_tls;
	struct stream_tls_peer peer;
	const struct smtp_conn_calls *calls;
	void *arg;
	const struct smtp_message *message; /* while it has one */
	unsigned messages;
	bool is_quitting;
	bool is_free;
	struct smtp_result results[REMOTE_GROUP_MAX];
	struct outcome failure;
	struct smtp_features features;
};

struct world {
	struct event_base *base;
	struct remote *remote;
	struct tls_client *tls;
	struct remote_config config;
	struct link *ours, *theirs; /* to `lookup`, and its end */
	struct link *to_queue, *of_queue;
	/* What was asked, the last question. */
	unsigned asked;
	uint64_t asked_id;
	char asked_domain[WORLD_TEXT], asked_hosts[WORLD_TEXT];
	/* What the queue was asked for, in all. */
	uint64_t wanted_destination;
	unsigned wanted;
	struct sent sent[WORLD_MANY];
	unsigned sent_count;
	struct smtp_conn *conns[WORLD_MANY]; /* all there ever were */
	unsigned conn_count, open_count;
	/* Of new connections, and of new mail. */
	bool has_tls;
	struct stream_tls_peer peer;
	enum tls_level tls_floor;
	enum tls_demand tls_demand;
	bool is_report; /* without a sender */
	bool has_requiretls;
	bool is_insecure; /* the route */
	/* Its policy, unless STS_NONE, names "a" only; or what getting it met */
	enum sts_mode sts;
	enum tlsrpt_result sts_failure;
	struct smarthost *smarthost;
	bool uses_ipv6;
	const char *undialled; /* this address cannot be connected to */
};

int world_make(void **state);
int world_end(void **state);
void world_turn(struct world *w);
/* The remote anew, with w->config. */
void world_configure(struct world *w);
void world_connect_lookup(struct world *w);

struct sent *world_send(struct world *w, uint64_t queue_id, const char *address,
			const char *via);
/* Answers the last question: "host=address,address host=..." */
void world_route(struct world *w, const char *hosts);
void world_no_route(struct world *w, enum route_result result);

struct smtp_conn *world_conn(struct world *w, unsigned i);
void conn_ready(struct world *w, unsigned i);
/* All recipients of its message get that; then it is ready again. */
void conn_done(struct world *w, unsigned i, enum outcome_kind kind,
	       unsigned code);
/* The same, and then it breaks. */
void conn_break(struct world *w, unsigned i, bool is_untouched);
void conn_end(struct world *w, unsigned i, enum smtp_end end, unsigned code,
	      const char *text);

#endif
