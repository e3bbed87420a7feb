/*
 * DKIM signatures on the mail that the queue makes itself: reports and notices.
 * They are made when such mail is about to leave for another server, by the
 * keys that there are then; in the store it stays as it was written.
 *
 * What the queue has made is known by its Message-ID, which begins with the
 * message's own queue_id: nobody else can know that before he has sent it.
 */
#ifndef QUEUE_SEALING_H
#define QUEUE_SEALING_H

#include "queue/peers.h"
#include "queue/store.h"

struct sealings; /* all that are under way */

/* m: the attempt to send to `to`, with its content in fd; both live during the
 * call. NULL: it cannot be signed now. Never called from within
 * sealing_start(). */
typedef void sealing_on_done(uint64_t id, struct link *to,
			     const struct message *m, int fd, void *arg);

/* signer outlives it; NULL: nothing is ever signed. */
struct sealings *sealings_new(struct dkim_signer *signer, sealing_on_done *done,
			      void *arg);
/* Cancels all. */
void sealings_free(struct sealings **sealings);

/* Whether the message in fd is our own, and leaves. */
bool sealing_is_wanted(const struct sealings *sealings,
		       const struct store_entry *e, int fd);
/* m is ATTEMPT, copied; so is fd. to is not looked at. */
void sealing_start(struct sealings *sealings, struct link *to,
		   const struct message *m, int fd);

#endif
