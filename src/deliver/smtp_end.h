/* Why a session with a server outside is over. */
#ifndef DELIVER_SMTP_END_H
#define DELIVER_SMTP_END_H

#include "proc/wire.h"
#include "smtp/reply.h"

enum smtp_end {
	SMTP_END_QUIT,           /* we said so */
	SMTP_END_NO_CONNECTION,  /* there was none to begin with */
	SMTP_END_UNWILLING,      /* 4xx or 5xx as greeting or to EHLO */
	SMTP_END_TLS_MISSING,    /* wanted, and not offered or refused */
	SMTP_END_TLS_FAILED,     /* the handshake broke */
	SMTP_END_TLS_UNVERIFIED, /* done, but with somebody else */
	SMTP_END_TOLD,           /* 421 later than that */
	SMTP_END_LOST,           /* the server hung up */
	SMTP_END_TIMEOUT,
	SMTP_END_NONSENSE, /* replies that are none, or to no question */
	SMTP_END_CONTENT,  /* our own fault: it cannot be read */
	SMTP_END_LOGIN,    /* refused, or not possible in TLS */
};

/* What an end that the server gave no words to means for mail: deferred, with
 * our words for it. */
struct outcome smtp_outcome_of_end(enum smtp_end end, struct slice text);
/* The same, for what a reply has led to: "what: 250 text", in arena. */
struct outcome smtp_outcome_in_words(enum smtp_end end, const char *what,
				     const struct reply *reply,
				     struct arena *arena);
/* What a reply means; its text is the reply's. */
struct outcome smtp_outcome_of(const struct reply *reply);

#endif
