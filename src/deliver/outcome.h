/* What became of a delivery, in the words of the other roles. */
#ifndef DELIVER_OUTCOME_H
#define DELIVER_OUTCOME_H

#include "lmtp/pool.h"
#include "proc/wire.h"

/* The text is reply's. */
struct outcome outcome_of(enum lmtp_end end, const struct reply *reply);

/* Our own reason to try again later: text is a literal. */
struct outcome outcome_deferred(uint8_t subject, uint8_t detail,
				const char *text);

/* "delivered", "refused" ... */
const char *outcome_name(enum outcome_kind kind);

#endif
