/*
 * The memory of MTA-STS (RFC 8461): the policies that `lookup` has fetched, each
 * until its max_age is over. Those that mail has wanted lately are fetched anew
 * each day, or sooner if they are short-lived, so that they do not run out (RFC
 * 8461 3.3).
 */
#ifndef QUEUE_STS_MEMORY_H
#define QUEUE_STS_MEMORY_H

#include "queue/peers.h"
#include "queue/store.h"

struct sts_memory {
	struct store *store;
	int64_t ticked; /* when the policies were last gone through */
};

/* STS_WANTED, answered at once, and STS_KEEP. Outside of transactions. */
void sts_memory_wanted(struct sts_memory *m, const struct peers *peers,
		       struct link *from, const struct msg_sts_wanted *wanted,
		       int64_t now);
void sts_memory_keep(struct sts_memory *m, const struct msg_sts_keep *keep,
		     int64_t now);

/* Now and then: removes what has had its time, and tells `lookup` what is to
 * be fetched again. Outside of transactions. */
void sts_memory_tick(struct sts_memory *m, const struct peers *peers,
		     int64_t now);

#endif
