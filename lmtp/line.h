/*
 * Deliveries that wait for a connection: the urgent ones first, each kind in
 * the order they came. Every fourth place is for the others, so that those
 * never wait for an end of the urgent ones.
 */
#ifndef LMTP_LINE_H
#define LMTP_LINE_H

#include "base/list.h"
#include "lmtp/pool.h"

TAILQ_HEAD(lmtp_deliveries, lmtp_delivery);

struct lmtp_line {
	struct lmtp_deliveries urgent, ordinary;
	unsigned count;
	unsigned in_a_row; /* urgent ones, since an ordinary one left */
};

struct lmtp_delivery {
	TAILQ_ENTRY(lmtp_delivery) entry;
	struct lmtp_line *line;      /* NULL while it is not in one */
	struct lmtp_request request; /* its paths are in bytes */
	bool is_urgent;
	bool is_second_try;
	lmtp_on_result *on_result;
	void *arg;
	char bytes[];
};

/* Free with mem_free() when it is in no line. */
struct lmtp_delivery *lmtp_delivery_new(const struct lmtp_request *request,
					lmtp_on_result *on_result, void *arg);

void lmtp_line_init(struct lmtp_line *line);
void lmtp_line_enter(struct lmtp_line *line, struct lmtp_delivery *d,
		     bool is_urgent);
/* Puts one that was taken out back to the front. */
void lmtp_line_return(struct lmtp_line *line, struct lmtp_delivery *d);
/* Takes out the first; NULL when nobody waits. */
struct lmtp_delivery *lmtp_line_next(struct lmtp_line *line);
/* Takes out this one; false if it is in no line. */
bool lmtp_line_leave(struct lmtp_delivery *d);

#endif
