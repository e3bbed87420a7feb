/* A new message: its checks, its id, its rows. */
#ifndef QUEUE_ENQUEUE_H
#define QUEUE_ENQUEUE_H

#include "proc/message.h"
#include "queue/turn.h"

enum {
	ENQUEUE_HOLD_S = 600,  /* how long we believe in a session's delivery */
	ENQUEUE_ORPHAN_S = 30, /* until we try, when its process has died */
	/* Longest texts: more than an SMTP session takes, and little enough
	 * for any number of rows to be handled at once. */
	ENQUEUE_PATH_OCTETS = 1024,
	ENQUEUE_TRACE_OCTETS = 128,
};

struct enqueue {
	const struct msg_enqueue *m;
	int fd;                 /* the sealed memfd, or -1 */
	const char *spool_file; /* or NULL */
	uint64_t spool_octets;  /* its size */
	uint64_t holder;        /* for recipients that are in delivery */
};

/* 0, or -EBADMSG when the sender broke the rules. */
int enqueue_check(const struct enqueue *e);

/* Puts a checked message into the turn's transaction. e lives as long as the
 * turn. Returns 0 or -errno. */
int enqueue_apply(struct turn *t, const struct enqueue *e,
		  uint64_t *ret_queue_id);

/* 64 random bits, not 0: hardly ever in use. Returns 0 or -errno. */
int enqueue_new_id(uint64_t *ret_queue_id);

#endif
