/*
 * Whether a login may send as an address: its own, one whose mail reaches its
 * mailbox (Dovecot knows it by the same user, or an alias leads there), or one
 * that smtp_senders lists (rights.h). Who has not logged in is not asked: for
 * strangers there is SPF, DKIM and DMARC, and programs of this machine are its
 * administrator's.
 */
#ifndef RECEIVE_SENDER_H
#define RECEIVE_SENDER_H

#include "smtp/address.h"
#include "smtp/reply.h"

struct session;

enum sender_verdict {
	SENDER_OWNED, /* or nobody asks: the null sender, no login, the setting */
	SENDER_FOREIGN,
	SENDER_UNKNOWN, /* Dovecot cannot say now */
};

/* Called at once or from the event loop, then before session_run(). */
typedef void sender_on_verdict(struct session *s, enum sender_verdict verdict);

/* where: "MAIL FROM" or "From", for the log, which says what would be allowed.
 * While it runs it is the session's operation, and ends with the transaction. */
void sender_check(struct session *s, const struct address *sender,
		  const char *where, sender_on_verdict *on_verdict);

/* Whether the session has a login, and the setting asks. */
bool sender_is_checked(const struct session *s);
/* And refuses, not only says so. */
bool sender_is_enforced(const struct session *s);

/* NULL: it may go on. */
const struct reply *sender_refusal(enum sender_verdict verdict);

#endif
