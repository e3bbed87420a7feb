/*
 * Delivered-To (RFC 9228): which address a message has been at. What an alias
 * sends on gets it; what comes with it again goes round in a loop.
 *
 * Watches a header section as it streams by, and keeps a line of it at most. A
 * field that is folded is not seen: we write none, and the number of Received
 * fields ends such a loop.
 */
#ifndef MAIL_DELIVERED_TO_H
#define MAIL_DELIVERED_TO_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdint.h>

enum { DELIVERED_TO_OCTETS = 320 }; /* of a line that is looked at */

struct delivered_watch {
	bool is_found;
	/* the machine's own: */
	struct slice address;
	uint16_t n;
	char line[DELIVERED_TO_OCTETS];
};

/* address: "user@domain"; its octets outlive the watch. Empty: nothing is
 * looked for. */
void delivered_watch_init(struct delivered_watch *w, struct slice address);
/* The next octets of a header section, any split. */
void delivered_watch_feed(struct delivered_watch *w, struct slice in);

/* The field with its line end, in arena. */
struct slice delivered_to_format(struct slice address, struct arena *arena);

#endif
