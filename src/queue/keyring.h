/*
 * The keys of SRS (mail/srs.h): made at first use, kept in the store, so that
 * all nodes of a queue have the same, and replaced when they are old. The one
 * before stays good for the way back.
 */
#ifndef QUEUE_KEYRING_H
#define QUEUE_KEYRING_H

#include "mail/srs.h"
#include "queue/store.h"

enum {
	KEYRING_LIFE_DAYS = 90,
	KEYRING_LOOK_S = 3600, /* how often others may have made a new one */
};

struct keyring {
	struct srs_keyring srs;
	int64_t looked; /* wall-clock seconds, 0: never */
};

/*
 * Looks for keys when that is due, and makes one if there is none, or an old
 * one; outside of transactions. *ret_is_new: they are others than before.
 * Returns 0 or -errno; the keys stay then what they were.
 */
int keyring_look(struct keyring *k, struct store *store, int64_t now,
		 bool *ret_is_new);

#endif
