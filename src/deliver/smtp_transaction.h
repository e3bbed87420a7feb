/*
 * One mail transaction of a dialog (RFC 5321 3.3): MAIL, RCPT for those who are
 * SMTP_OPEN, as many as the server takes at once, and the content. Pure.
 */
#ifndef DELIVER_SMTP_TRANSACTION_H
#define DELIVER_SMTP_TRANSACTION_H

#include "deliver/smtp_dialog.h"
#include "deliver/smtp_recipients.h"
#include "lmtp/commands.h"
#include "smtp/reply.h"

struct smtp_transaction;

/* What a reply came to. */
enum smtp_take {
	SMTP_TAKE_MORE,     /* more replies are owed, or it is our turn */
	SMTP_TAKE_END,      /* over, and the server is ready for MAIL */
	SMTP_TAKE_RESET,    /* over, but the server's may be open: RSET */
	SMTP_TAKE_NONSENSE, /* hang up, smtp_transaction_abort() */
};

struct smtp_transaction *smtp_transaction_new(void);
void smtp_transaction_free(struct smtp_transaction **transaction);

/* All are used until the transaction is over. */
void smtp_transaction_begin(struct smtp_transaction *t,
			    const struct smtp_features *features,
			    const struct smtp_message *message,
			    struct smtp_recipients *recipients);

/* Adds what may be said now, as much as fits. */
void smtp_transaction_say(struct smtp_transaction *t,
			  struct lmtp_commands *out);
/* A reply that is no 421. *ret_problem: what is wrong, for the last. */
enum smtp_take smtp_transaction_take(struct smtp_transaction *t,
				     const struct reply *reply,
				     const char **ret_problem);
/* The session ended: those without a result get this one, a deferral; after
 * the last octet of the content it is uncertain, unless the server itself has
 * said so. */
void smtp_transaction_abort(struct smtp_transaction *t,
			    const struct outcome *outcome, bool is_said);

enum smtp_content smtp_transaction_content(const struct smtp_transaction *t);
void smtp_transaction_content_sent(struct smtp_transaction *t);
enum smtp_wait smtp_transaction_wait(const struct smtp_transaction *t);

#endif
