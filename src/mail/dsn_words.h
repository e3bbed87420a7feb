/* The words of a delivery report that people read, and the status code that
 * programs read: RFC 3463. */
#ifndef MAIL_DSN_WORDS_H
#define MAIL_DSN_WORDS_H

#include "mail/dsn.h"
#include "mail/writer.h"

struct slice dsn_words_subject(enum dsn_action action);

/* The status to report: the server's, or the best one for what is known. */
void dsn_words_status(const struct dsn_recipient *r, uint8_t ret_status[3]);

/*
 * The last answer as one line, "552 5.2.2 Quota exceeded", or our reason. The
 * mailbox behind an alias is not named in it. At most 2,048 octets of it.
 */
struct slice dsn_words_answer(const struct dsn_recipient *r,
			      struct arena *arena);

/* The first part of the report: what happened, to whom, and why. */
void dsn_words_put(struct writer *w, const struct dsn *d, struct arena *arena);

#endif
