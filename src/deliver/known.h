/*
 * Who has lately had which message of the queue. A queue that dies before it has
 * written that down asks for it again, and is answered from here: otherwise the
 * recipient would have it twice.
 */
#ifndef DELIVER_KNOWN_H
#define DELIVER_KNOWN_H

#include "proc/link.h"

struct known;

enum { KNOWN_MAX = 512 }; /* then the oldest is forgotten */

struct known *known_new(void);
void known_free(struct known **known);

/* Copied. outcome: OUTCOME_DELIVERED. */
void known_add(struct known *known, uint64_t queue_id, struct target target,
	       const struct outcome *outcome);
/* Tells a new queue all that is known. */
void known_tell(const struct known *known, struct link *queue);
/* NULL if it is not known; valid until the next known_add(). */
const struct outcome *known_find(const struct known *known, uint64_t queue_id,
				 struct target target);

#endif
