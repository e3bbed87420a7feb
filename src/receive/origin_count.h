/* What DMARC made of a message, for the reports that its author's domain asks
 * for: told to `queue`, which counts. */
#ifndef RECEIVE_ORIGIN_COUNT_H
#define RECEIVE_ORIGIN_COUNT_H

#include "proc/message.h"

struct session;

/* Of a message with one author, whose record has rua; of others nothing. */
void origin_count(const struct session *s, const struct msg_verified *answer,
		  bool is_refused);

#endif
