/* A letter of ours to this server's postmaster, from nobody. */
#ifndef QUEUE_NOTICE_H
#define QUEUE_NOTICE_H

#include "queue/turn.h"

struct notice {
	struct slice subject;
	struct slice text; /* paragraphs, with LF between; folded here */
};

/* Puts it into the queue, in the turn's transaction. Returns 0 or -errno. */
int notice_write(struct turn *t, const struct notice *notice);

#endif
