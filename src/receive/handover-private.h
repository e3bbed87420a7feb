/* Shared by handover.c (what happens when), handover_end.c (what the others
 * say) and handover_queue.c (what the queue and the client are told). */
#ifndef RECEIVE_HANDOVER_PRIVATE_H
#define RECEIVE_HANDOVER_PRIVATE_H

#include "base/list.h"
#include "base/log.h"
#include "receive/handover.h"

enum {
	HANDOVER_BUCKETS = 1024,
	/* A peer that leaves so much unread hangs. Each message that waits for
	 * it holds a descriptor and its content. */
	DELIVER_BACKLOG_OCTETS = 128 << 10,
	QUEUE_BACKLOG_OCTETS = 4 << 20,
};

TAILQ_HEAD(handover_list, handover);

struct handovers {
	struct role_self *self;
	uint64_t last_id;
	struct handover_list all;
	struct handover_list buckets[HANDOVER_BUCKETS]; /* by id */
	size_t waiting;
	size_t detached;
};

enum handover_state {
	HANDOVER_DELIVERING, /* `deliver` has it, the time-out runs */
	HANDOVER_QUEUEING,   /* ENQUEUE is sent */
	HANDOVER_REPLYING,   /* the reply is known */
	HANDOVER_DETACHED,   /* the client is answered, or gone: deliveries that
	                        are still open end as they end */
};

/* A target, and how far it got. */
struct handover_target {
	struct target target;
	const struct handover_recipient
		*recipient;     /* the first that leads here */
	bool is_open;           /* `deliver` has not answered yet */
	struct outcome outcome; /* else; kind CANCELLED if never tried */
	bool is_queued;
	uint32_t queue_index; /* then: its place in ENQUEUE's list */
	bool is_settled;
};

struct handover {
	TAILQ_ENTRY(handover) entry;
	TAILQ_ENTRY(handover) bucket_entry;
	struct handovers *handovers;
	uint64_t id; /* of DELIVER and of ENQUEUE */
	enum handover_state state;
	struct event *event; /* the time-out; later "go on" */
	struct arena *arena;
	struct handover_request request;
	struct log_ctx log;
	struct handover_target *targets;
	size_t target_count;
	size_t open_count;
	struct content *content;     /* until it is handed on */
	handover_on_reply *on_reply; /* NULL: the client is gone or answered */
	void *arg;
	struct reply reply;
	uint64_t queue_id; /* 0 until ENQUEUED */
};

/* handover.c */
/* NULL: it is gone. */
struct handover *handovers_find(struct handovers *hs, uint64_t id);
void handover_free(struct handover **handover);
/* `deliver` has said all it will say before the client is answered. */
void handover_decide(struct handover *h);
/* The queue cannot take it; error: of errno. */
void handover_refuse(struct handover *h, int error);
/* The client hears it when the loop comes by: never from within a starter. */
void handover_reply(struct handover *h, struct reply words);
void handover_log(const struct handover *h, enum log_level level,
		  const char *message);

/* handover_request.c, handover_queue.c */
void handover_copy_request(struct handover *h,
			   const struct handover_request *request);
/* Each target once. Returns false when there are too many for a message. */
bool handover_collect(struct handover *h,
		      const struct handover_request *request);

struct handover_counts {
	size_t delivered;
	size_t refused;
	size_t due; /* tried in vain, or not at all */
};

struct handover_counts handover_count(const struct handover *h);

/* All refused: Dovecot's own words as our 5xx. */
struct reply handover_refusal(const struct handover *h);
/* 250 2.0.0 "OK: HOW as TRACE". */
struct reply handover_accepted(const struct handover *h, struct slice how);

/* Marks the targets the queue must know of; returns their number. */
size_t handover_select(struct handover *h);
/* Whether those marked are delivered by now, so that at most reports are due. */
bool handover_is_done(const struct handover *h);
/* Sends ENQUEUE for them. Returns 0 or a negative errno. */
int handover_enqueue(struct handover *h);
/* SETTLEs what was in delivery at ENQUEUE and has ended since. */
void handover_settle(struct handover *h);

#endif
