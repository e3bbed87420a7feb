/* What the store knows of logins' days, for allowance.h and for `control`. */
#ifndef QUEUE_USAGE_H
#define QUEUE_USAGE_H

#include "proc/message.h"
#include "queue/peers.h"
#include "queue/store.h"

enum { USAGE_DAY_S = 86400, USAGE_PAGE = 256 };

/* When the day after that one begins, wall-clock seconds. */
int64_t usage_resets(int64_t day);

/* store_forget_usage() in a transaction of its own. */
int usage_forget(struct store *store, struct slice login, int64_t day,
		 uint64_t *ret_count);

/* Answers it at once. Outside of transactions. */
void usage_list(struct store *store, const struct peers *peers,
		struct link *from, const struct msg_usage_list *m, int64_t day);

#endif
