/*
 * Reports to senders: collected while a turn's outcomes are applied, one for
 * all recipients of a message with the same fate, written into the queue at
 * its end as messages with the null sender. Never about a null sender
 * (RFC 5321 6.1), and only what NOTIFY asks for (RFC 3461 4.1).
 */
#ifndef QUEUE_REPORT_H
#define QUEUE_REPORT_H

#include "mail/dsn.h"
#include "queue/turn.h"

enum { REPORT_ORIGINAL_OCTETS = 65536 }; /* more of it is cut to the header */

/* Whether the sender is to hear of this. */
bool report_is_due(const struct store_entry *e, enum dsn_action action);

/*
 * Puts the recipient on the report of its message. The message is still in
 * the store; entry and outcome live as long as the turn. Returns 0 or -errno.
 */
int report_add(struct turn *t, const struct store_entry *e,
	       enum dsn_action action, const struct outcome *outcome);

/* Puts all reports into the queue. Returns 0 or -errno. */
int reports_write(struct turn *t);

#endif
