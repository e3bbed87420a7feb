/*
 * What logins send: each may send so many messages a day, and write to so many
 * people to whom it has not written in the last 90 days. Days are UTC's. Whose
 * password was stolen so does little harm before somebody notices.
 *
 * A question is answered at once, from what is kept here and in the store; the
 * counts go into the store with the next turn, so that nobody waits for a
 * commit. A crash forgets at most those of the last second. Nodes that share a
 * queue hear of each other's counts within a minute.
 */
#ifndef QUEUE_ALLOWANCE_H
#define QUEUE_ALLOWANCE_H

#include "proc/message.h"
#include "queue/peers.h"
#include "queue/turn.h"

enum {
	ALLOWANCE_DAYS = 90, /* so long a correspondent is none that is new */
	ALLOWANCE_RELOAD_S = 60, /* what other nodes have counted */
	ALLOWANCE_LOGIN_OCTETS = 1024,
};

struct allowances;

/* What a message adds, until the store has it. */
struct spending {
	struct store_usage usage;
	const uint64_t *hashes; /* of its recipients */
	size_t count;
	bool tells; /* the postmaster is to be told */
};

struct allowances *allowances_new(struct store *store,
				  const struct queue_settings *settings);
void allowances_free(struct allowances **allowances);

/*
 * Answers SPEND in *ret_answer. Returns whether there is something to be
 * written: *ret_spending, in arena.
 */
bool allowances_spend(struct allowances *a, const struct msg_spend *m,
		      struct arena *arena, struct msg_spent *ret_answer,
		      struct spending *ret_spending);

/* Within the turn's transaction. Returns 0 or -errno. */
int spending_apply(struct turn *t, const struct spending *s);

/* Forgets what is old, now and then. Outside of transactions. */
void allowances_tick(struct allowances *a, int64_t now);

/* USAGE_LIST and USAGE_FORGET, answered at once. Outside of transactions. */
void allowances_list(struct allowances *a, const struct peers *peers,
		     struct link *from, const struct msg_usage_list *m);
void allowances_forget(struct allowances *a, const struct peers *peers,
		       struct link *from, const struct msg_usage_forget *m);

#endif
