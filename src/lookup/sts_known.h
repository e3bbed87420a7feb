/* Questions to `queue` for the policies of MTA-STS that it keeps, each until
 * its answer. */
#ifndef LOOKUP_STS_KNOWN_H
#define LOOKUP_STS_KNOWN_H

#include "proc/message.h"

#include <event2/event.h>

enum { STS_KNOWN_MS = 20000 };

struct sts_known;
struct sts_wish;

/* Sends to `queue`; false: it is away. */
typedef bool sts_send(const struct message *m, void *arg);

struct sts_known *sts_known_new(struct event_base *base, sts_send *send,
				void *arg);
/* No question may be open. */
void sts_known_free(struct sts_known **known);

/* m lives during the call; its error says if nothing could be had. Never
 * called from within sts_known_ask(). */
typedef void sts_known_done(const struct msg_sts_known *m, void *arg);

struct sts_wish *sts_known_ask(struct sts_known *known, struct slice domain,
			       sts_known_done *done, void *arg);
/* NULL is allowed. */
void sts_known_cancel(struct sts_wish **wish);

void sts_known_on_answer(struct sts_known *known,
			 const struct msg_sts_known *m);
/* queue is away: what was asked is lost. */
void sts_known_lose(struct sts_known *known);

/* Has it kept. If that fails, it is fetched again another time. */
void sts_known_keep(struct sts_known *known, struct slice domain,
		    const struct sts *sts);

#endif
