/*
 * hooks/post-data for a message that nobody else has refused: what is asked of
 * `hook`, and its answer in the client's words.
 */
#ifndef RECEIVE_POST_DATA_H
#define RECEIVE_POST_DATA_H

#include "receive/session.h"
#include "smtp/reply.h"

struct post_data;

/*
 * header: whole lines, each with its CRLF, to be put before the message; may
 * be empty. refusal: NULL when the message is accepted, else "554 5.7.1" or
 * "451 4.7.1" with the program's last line, or "451 4.3.0" when it is broken
 * or `hook` is away. Both are valid during the call.
 */
typedef void post_data_on_end(struct slice header, const struct reply *refusal,
			      void *arg);

/* Whether there is such a program. */
bool post_data_is_wanted(const struct session *s);

/*
 * Runs it for the session's transaction, whose content is finished. The
 * content may be read by the program until done is called, which happens once,
 * never from within this function; what it returned is gone then.
 */
struct post_data *post_data_start(struct session *s, post_data_on_end *done,
				  void *arg);
/* Nobody waits any more; the program is killed. NULL is fine. */
void post_data_cancel(struct post_data **post_data);

#endif
