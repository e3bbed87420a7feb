/*
 * Octets that wait until a socket takes them: conn.c's. Internal to this
 * folder.
 */
#ifndef MILTER_OUTBOX_H
#define MILTER_OUTBOX_H

#include "milter/wire.h"

struct milter_outbox {
	struct milter_writer writer; /* of which the first `sent` are sent */
	size_t sent;
	bool is_closed; /* the socket takes no more */
};

/* Gives its memory back; it can be used again. */
void milter_outbox_clear(struct milter_outbox *o);
size_t milter_outbox_unsent(const struct milter_outbox *o);
/* One write to fd, without waiting. Returns how many octets it took. */
size_t milter_outbox_send(struct milter_outbox *o, int fd);

#endif
