/*
 * A new content out of an old one: fields that a hook puts before a message,
 * or the header and body that filters have made of it. No more than 1 MiB is
 * copied in one turn of the loop.
 */
#ifndef RECEIVE_REWRITE_H
#define RECEIVE_REWRITE_H

#include "milter/message.h"
#include "receive/content.h"

#include <event2/event.h>

/*
 * prefix, header, body, one after the other; any may be empty. For an edited
 * message: milter_message_header() and milter_message_body(). For a hook's
 * fields: those as prefix, and as body all of the old content.
 */
struct rewrite_parts {
	struct slice prefix;     /* whole lines; copied */
	struct slice header;     /* copied */
	struct milter_body body; /* its descriptor stays open until the end */
};

struct rewrite;

/*
 * Called once, never from within rewrite_start(); the rewrite is gone then.
 * CONTENT_OPEN: *content is finished, and the callee's if it takes it and
 * leaves NULL there; its on_ready is never called. CONTENT_NO_ROOM or
 * CONTENT_BROKEN: why there is none.
 */
typedef void rewrite_on_done(enum content_state state, struct content **content,
			     void *arg);

struct rewrite *rewrite_start(struct event_base *base, struct spooler *spool,
			      const struct rewrite_parts *parts,
			      rewrite_on_done *on_done, void *arg);
/* Nobody waits any more. NULL is fine. */
void rewrite_cancel(struct rewrite **rewrite);

#endif
