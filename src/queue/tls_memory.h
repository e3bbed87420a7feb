/*
 * The memory of TLS: how well each destination outside was protected when it
 * took a message, so that later mail for it accepts nothing less; and which
 * domains, by the word of SPF, have brought mail by TLS, so that none is taken
 * without. It ends when the level was not seen for as long as the setting
 * tls_memory says.
 *
 * A destination is a domain, canonical ("example.org"), or, for mail that goes
 * through certain hosts in place of a domain's own, "via:" and these hosts
 * ("via:a.example/b.example"). A domain that mail came from is "from:" and the
 * domain ("from:example.org").
 */
#ifndef QUEUE_TLS_MEMORY_H
#define QUEUE_TLS_MEMORY_H

#include "queue/peers.h"
#include "queue/turn.h"

enum {
	TLS_MEMORY_PAGE = 256,
	/* Senders' domains that were not known, in 24 hours: whoever owns a
	 * domain has any number below it. Later ones are not remembered. */
	TLS_MEMORY_NEW_SENDERS = 1000,
};

struct tls_memory {
	struct store *store;
	const struct queue_settings *settings;
	int64_t expired;   /* when what is too old was last removed */
	int64_t new_since; /* when the count of the next one began */
	unsigned new_senders;
};

/* The destination of a target outside, in arena. */
struct slice tls_memory_name(const struct target *target, struct arena *arena);

/* How well a message for that destination must be protected at least. Returns
 * 0 or -errno: then nothing is known, and it must not go. */
int tls_memory_floor(struct tls_memory *t, struct slice destination,
		     int64_t now, enum tls_level *ret_floor);

/* A message was taken by that target; in the turn's transaction. */
int tls_memory_keep(struct turn *t, const struct target *target,
		    enum tls_level level, struct slice reason);

/* SENDER_TLS_WANTED, answered at once with SENDER_TLS. */
void tls_memory_sender(struct tls_memory *t, const struct peers *peers,
		       struct link *asker,
		       const struct msg_sender_tls_wanted *m, int64_t now);
/* Whether there is anything new in SENDER_TLS_SEEN; then it is kept, in a
 * turn's transaction. */
bool tls_memory_is_news(struct tls_memory *t, struct slice domain, int64_t now);
int tls_memory_keep_sender(struct turn *t, struct slice domain,
			   struct slice reason);

/* Removes what is too old, now and then. Outside of transactions. */
void tls_memory_tick(struct tls_memory *t, int64_t now);

/* DOMAIN_TLS_LIST and DOMAIN_TLS_FORGET, answered at once: a domain stands for
 * both directions. Outside of transactions. */
void tls_memory_list(struct tls_memory *t, const struct peers *peers,
		     struct link *asker, const struct msg_domain_tls_list *m,
		     int64_t now);
void tls_memory_forget(struct tls_memory *t, const struct peers *peers,
		       struct link *asker,
		       const struct msg_domain_tls_forget *m);

#endif
