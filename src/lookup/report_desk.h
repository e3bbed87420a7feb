/*
 * What `queue` needs outside for its reports on TLS (RFC 8460): where a domain
 * wants them, and servers that take them by HTTPS (5.3). Answers go back as
 * TLSRPT and HTTPS_POSTED.
 */
#ifndef LOOKUP_REPORT_DESK_H
#define LOOKUP_REPORT_DESK_H

#include "lookup/fetch.h"
#include "proc/message.h"

enum {
	REPORT_DESK_MAX = 64,         /* under way at once */
	REPORT_DESK_POST_MS = 120000, /* less than queue waits */
};

struct report_desk;

/* Sends to `queue`; false: it is away. */
typedef bool report_desk_send(const struct message *m, void *arg);

struct report_desk *report_desk_new(struct dns *dns, struct fetcher *fetcher,
				    report_desk_send *send, void *arg);
void report_desk_free(struct report_desk **desk);

void report_desk_ask(struct report_desk *desk,
		     const struct msg_tlsrpt_wanted *m);
void report_desk_post(struct report_desk *desk, const struct msg_https_post *m);
/* queue is away: nobody waits for an answer any more. */
void report_desk_lose(struct report_desk *desk);

#endif
