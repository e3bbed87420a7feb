/*
 * What DMARC made of messages, counted for the aggregate reports that their
 * authors' domains ask for (RFC 9990): gathered here for a minute, so that it
 * costs the mail nothing, then added to the store, and forgotten after some
 * days. What gathers is lost with the process: it is statistics.
 */
#ifndef QUEUE_DMARC_COUNTS_H
#define QUEUE_DMARC_COUNTS_H

#include "proc/message.h"
#include "queue/store.h"

enum {
	DMARC_COUNTS_MS = 60000,
	DMARC_COUNTS_MAX = 256, /* that are gathered, each of many messages */
	DMARC_COUNTS_DAYS = 8,  /* that they are kept */
};

struct dmarc_counts;

struct dmarc_counts *dmarc_counts_new(struct store *store);
/* What has gathered is written before, if that can be. */
void dmarc_counts_free(struct dmarc_counts **counts);

/* Each outside of transactions. */

/* DMARC_SEEN */
void dmarc_counts_add(struct dmarc_counts *c, const struct msg_dmarc_seen *m,
		      int64_t now);
/* Once a second. */
void dmarc_counts_tick(struct dmarc_counts *c);
/* Writes it now. Returns 0 or -errno: then it is kept. */
int dmarc_counts_write(struct dmarc_counts *c);

#endif
