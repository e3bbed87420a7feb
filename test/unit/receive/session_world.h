/*
 * All that is around a session, for tests: a stream in memory, a resolver,
 * Dovecot's logins, struct content, the handover, the clocks. Answers come
 * when the world settles, never from within a call, as in life.
 *
 * Local is example.com with alice, bob, "list" (three mailboxes) and müller;
 * "later" cannot be looked up now. The login PLAIN takes the answer "R09PRA==",
 * "TEVHQUw=" is one whose account is disabled, "TEFURVI=" one Dovecot cannot
 * decide; without initial response there is a 334 first. A sender refused@...
 * is refused at the end, queue@... queued.
 */
#ifndef TEST_RECEIVE_SESSION_WORLD_H
#define TEST_RECEIVE_SESSION_WORLD_H

#include "receive/session.h"

struct world {
	struct server server;
	enum listener_service service;
	struct stream *stream; /* NULL once the session is gone */
	struct evbuffer *output;
	bool has_tls;     /* there is a certificate */
	bool spool_waits; /* content waits after its first write */
	bool content_fails;
	struct slice hook_header;         /* what hooks/post-data says, if */
	const struct reply *hook_refusal; /* either is there */
	bool is_outside;    /* the client is 192.0.2.9, which nobody trusts */
	struct msg_spf spf; /* what `verify` says of that */
	struct msg_verified verified; /* and of its messages */
	uint64_t now_ms;

	size_t delivered;         /* messages */
	struct evbuffer *content; /* of the last one */
	char trace[14];           /* of its session */
	size_t recipients;
	bool queue_only;
	bool is_held;
	char dmarc_seen[500]; /* what was counted last: "DOMAIN: FACT" */

	/* what is under way */
	struct resolution *resolution;
	struct login *login;
	struct handover *handover;
	struct content *waiting;
	struct content *finished; /* the last one that was */
	struct rewrite *rewrite;
	struct post_data *post_data;
	struct verify_call *verify;
};

/* The one world: fakes have no other way to find it. */
struct world *world_new(enum listener_service service);
void world_free(struct world **world);
/* The same; what world_said() and world_content() would say is the caller's
 * to mem_free(). */
void world_free_into(struct world **world, char **ret_said, char **ret_content);

/* Begins the session. */
void world_connect(struct world *w);
/* The client sends octets, in pieces of at most piece octets (0: as much as
 * the session reads), until all are taken or the session is gone. */
void world_send(struct world *w, struct slice octets, size_t piece);
/* Time passes, second by second. */
void world_wait(struct world *w, unsigned seconds);
/* All that was said so far as a C string; valid until the next call. */
const char *world_said(struct world *w);
/* The same without texts: "250-a\r\n250 2.1.0 b\r\n" becomes "250 2.1.0", and
 * ", closed" ends it once the session is gone. */
void world_heard(struct world *w, char *out, size_t room);
/* The content of the last message as a C string, the trace ids made "x". */
const char *world_content(struct world *w);

#endif
