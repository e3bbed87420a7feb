/*
 * Mail that an alias sends on to another server: it goes out with a sender in
 * our domain (mail/srs.h), so that the next server does not take it for forged,
 * and what comes back finds its way.
 */
#ifndef QUEUE_FORWARD_H
#define QUEUE_FORWARD_H

#include "mail/srs.h"
#include "queue/store.h"

/* Whether it is such mail, and so needs a key. */
bool forward_is_rewritten(const struct store_entry *e);
/* Whom the next server is told that it comes from; in arena. Where there is
 * nothing to rewrite, or no room, the sender as it is. */
struct slice forward_sender(const struct store_entry *e,
			    const struct srs_keys *keys, struct arena *arena);

#endif
