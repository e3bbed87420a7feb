/* Where each recipient of a message stands in its transactions, and its result
 * in the end. Memory is bounded by their number. */
#ifndef DELIVER_SMTP_RECIPIENTS_H
#define DELIVER_SMTP_RECIPIENTS_H

#include "deliver/smtp_message.h"

struct smtp_recipients;

/* In the order in which they are passed through. */
enum smtp_place {
	SMTP_OPEN,     /* waits for a transaction */
	SMTP_CHOSEN,   /* is of this one; RCPT is to be said */
	SMTP_SAID,     /* waits for the answer to RCPT */
	SMTP_ACCEPTED, /* waits for the verdict on the content */
	SMTP_DECIDED,  /* has its result */
	SMTP_PLACES,
};

/* All are SMTP_OPEN. */
struct smtp_recipients *smtp_recipients_new(size_t count);
void smtp_recipients_free(struct smtp_recipients **recipients);

bool smtp_recipients_are_decided(const struct smtp_recipients *r);
/* How many stand there. */
size_t smtp_recipients_count(const struct smtp_recipients *r,
			     enum smtp_place place);
/* The first that stands there; there is one. */
size_t smtp_recipients_first(const struct smtp_recipients *r,
			     enum smtp_place place);
void smtp_recipients_move(struct smtp_recipients *r, size_t index,
			  enum smtp_place place);
/* Moves the first max of SMTP_OPEN to SMTP_CHOSEN. */
void smtp_recipients_choose(struct smtp_recipients *r, size_t max);
/* Gives all who stand in first..last this result; its text is copied. */
void smtp_recipients_decide_all(struct smtp_recipients *r,
				enum smtp_place first, enum smtp_place last,
				const struct smtp_result *result);
void smtp_recipients_decide(struct smtp_recipients *r, size_t index,
			    const struct smtp_result *result);
/* Of one that is SMTP_DECIDED. */
const struct smtp_result *smtp_recipients_result(
	const struct smtp_recipients *r, size_t index);

#endif
