/*
 * Reports on TLS (RFC 8460), one a day for each domain that wants it: when it
 * is due, `lookup` is asked where it is to go. By mail it is a message of the
 * queue, in the transaction that ends it: so it goes once, from one node, and
 * none is lost. Servers that take it by HTTPS are asked before that, by
 * `lookup`. What fails is tried again for a day.
 */
#ifndef QUEUE_TLS_REPORTS_H
#define QUEUE_TLS_REPORTS_H

#include "mail/tlsrpt.h"
#include "queue/peers.h"
#include "queue/tls_counts.h"
#include "queue/turn.h"

enum {
	TLS_REPORTS_MAX = 8,          /* under way at once */
	TLS_REPORTS_LOOK_MS = 2000,   /* between two looks for what is due */
	TLS_REPORTS_STEP_MS = 180000, /* until a question must be answered */
	TLS_REPORTS_AGAIN_S = 3600,   /* until what failed is tried again */
	TLS_REPORTS_TRIES = 24,
};

struct tls_reports;

struct tls_reports *tls_reports_new(struct store *store,
				    const struct queue_settings *settings,
				    const struct peers *peers);
/* What was counted is written before, if that can be. */
void tls_reports_free(struct tls_reports **reports);

/* Each outside of transactions. */

/* Once a second. */
void tls_reports_tick(struct tls_reports *t, int64_t now);
/* TLS_SEEN, TLSRPT, HTTPS_POSTED; TLS_REPORT_LIST, which is answered at once.
 * True: there is a new message in the queue. */
bool tls_reports_on_message(struct tls_reports *t, struct link *from,
			    const struct message *m);

#endif
