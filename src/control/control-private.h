/* The members of the role, for the files of this folder. */
#ifndef CONTROL_CONTROL_PRIVATE_H
#define CONTROL_CONTROL_PRIVATE_H

#include "base/list.h"
#include "control/client.h"
#include "control/milters.h"
#include "control/request.h"
#include "proc/role.h"

enum { AFTER_OCTETS = 1024 }; /* destinations are shorter */

struct listener;

/* A client and its open request. */
struct session {
	TAILQ_ENTRY(session) entry;
	struct control *control;
	struct client *client;
	struct event *timer; /* for the answer: session_timeout() */
	struct arena *arena; /* of request's texts; NULL before the first */
	struct request request;
	uint64_t id;             /* of the open request; 0 = none */
	const struct link *peer; /* who has it */
	/* QUEUE_LIST: where the next page begins; TLS_REPORT_LIST: the day */
	uint64_t after;
	/* DOMAIN_TLS_LIST: the same; and how many there were. */
	char after_name[AFTER_OCTETS];
	size_t after_octets;
	uint64_t listed;
	bool wants_page;         /* of a list: when the client has read */
	struct milters *milters; /* MILTER_LIST: from several peers */
};

struct control {
	struct role_self *self;
	struct listener *listener;
	int waiting_fd; /* a listener that came before start(); or -1 */
	bool is_started;
	/* cppcheck-suppress unusedStructMember ; the macros use them */
	TAILQ_HEAD(, session) sessions;
	unsigned session_count;
	uint64_t last_id;
	unsigned next_receive; /* they take turns */
};

/* session.c: a request's way to who knows, and its end. */
/* Asks for what s->request says. */
void session_begin(struct session *s);
/* ROUTE: through which mail goes; NULL: by MX. */
const struct conf_smarthost *session_smarthost(const struct session *s);
/* The next page of the queue. */
void session_ask_page(struct session *s);
/* The answer is written, whole. */
void session_finish(struct session *s);
/* There is none. */
void session_fail(struct session *s, const char *why);
/* For the timer. */
void session_timeout(int fd, short what, void *arg);

/* replies.c: what the others say, for the session that waits for it. */
void replies_take(struct control *c, const struct link *from,
		  const struct message *m);
/* That peer is gone: its answers do not come. */
void replies_end(struct control *c, const struct link *peer);

#endif
