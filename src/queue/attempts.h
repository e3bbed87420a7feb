/*
 * What is being tried just now: recipients that `deliver` has, and addresses
 * of reports that `receive` looks up. A small window, so that a backlog costs
 * disk and not memory; each line of the store may fill only a part of it, so
 * that deferred mail never stands in the way of new mail, nor the reverse.
 */
#ifndef QUEUE_ATTEMPTS_H
#define QUEUE_ATTEMPTS_H

#include "mail/srs.h"
#include "queue/batch.h"
#include "queue/tls_memory.h"

enum {
	ATTEMPTS_WINDOW = 256, /* with deliver */
	ATTEMPTS_LINE = 192,   /* of these, from one line */
	ATTEMPTS_PAGE = 64,    /* read at once */
	ATTEMPTS_LOOKUPS = 16,
	ATTEMPTS_REST_MS = 3000, /* after deliver was lost */
	ATTEMPTS_LOOKUP_MS = 120000,
	ATTEMPTS_DELIVERY_MS = 3600000, /* deliver's own limits are shorter */
};

struct attempts;

/* All of it outlives the attempts. keys: for senders of what is forwarded. */
struct attempts *attempts_new(struct store *store, struct batch *batch,
			      const struct peers *peers,
			      const struct srs_keys *keys,
			      struct tls_memory *tls);
void attempts_free(struct attempts **attempts);

/* Fills the window with what is due. Outside of a transaction; results go to
 * the batch. Returns 0, or -errno when the store failed. */
int attempts_fill(struct attempts *a, int64_t now, uint64_t now_ms);
/* Ends what has waited too long; call it about once a second. */
void attempts_tick(struct attempts *a, uint64_t now_ms);

void attempts_on_result(struct attempts *a, const struct link *from,
			const struct msg_attempt_result *m);
void attempts_on_resolved(struct attempts *a, const struct link *from,
			  const struct msg_resolved *m);
/* Who was sent back comes sooner; see sent_back.h. */
void attempts_on_wanted(struct attempts *a,
			const struct msg_attempts_wanted *m);
void attempts_on_gone(struct attempts *a, const struct link *link,
		      uint64_t now_ms);

/* How many are under way with a peer that is there. */
size_t attempts_count(const struct attempts *a);

#endif
