/*
 * What sessions with other servers met, counted for reports on TLS (RFC 8460):
 * gathered here for a minute, so that it costs the mail nothing, and then added
 * to the store. What gathers is lost with the process: it is statistics.
 */
#ifndef QUEUE_TLS_COUNTS_H
#define QUEUE_TLS_COUNTS_H

#include "proc/message.h"
#include "queue/store.h"

enum {
	TLS_COUNTS_MS = 60000,
	TLS_COUNTS_MAX = 256,     /* that are gathered, each of many sessions */
	TLS_REPORT_DELAY_S = 600, /* after the day, and then */
	TLS_REPORT_SPREAD_S = 14400, /* at some time: RFC 8460 4.1 */
};

struct tls_counts;

struct tls_counts *tls_counts_new(struct store *store);
/* What has gathered is written before, if that can be. */
void tls_counts_free(struct tls_counts **counts);

/* Each outside of transactions. */

/* TLS_SEEN */
void tls_counts_add(struct tls_counts *c, const struct msg_tls_seen *m,
		    int64_t now);
/* Once a second. */
void tls_counts_tick(struct tls_counts *c);
/* Writes it now. Returns 0 or -errno: then it is kept. */
int tls_counts_write(struct tls_counts *c);

#endif
