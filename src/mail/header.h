/*
 * The header section of a message, watched as it streams by: RFC 5322 2.2.
 * Counts what the limits and the loop guard need and notes which fields are
 * there; keeps nothing of the message.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/slice.h"

#include <stdint.h>

enum {
	HEADER_OCTETS = 262144, /* a bigger header section is refused */
	HEADER_FIELDS = 10000,
	HEADER_RECEIVED = 100, /* a loop; RFC 5321 6.3 */
};

struct header_watch {
	/* read these: */
	uint32_t octets; /* of the header section, with its line ends */
	uint32_t fields;
	uint32_t received; /* Received fields, name compared without case */
	bool has_date;
	bool has_message_id;
	bool has_from;
	bool has_authres; /* Authentication-Results */
	bool is_over; /* the empty line was seen, or a line that is no field */
	/* the machine's own: */
	uint32_t line_octets;
	uint8_t state;
	uint8_t name_octets;
	char name[24];
};

void header_watch_init(struct header_watch *w);

/*
 * Looks at the next octets of a message (CRLF lines, any split). Returns how
 * many of them belong to the header section; all of them until is_over. The
 * empty line that ends the section does not count as part of it: when is_over
 * turns true the returned count is where fields may still be added. A header
 * section that ends without empty line (the body's first line is no field)
 * gives the start of that line if it lies in this input, else 0.
 */
size_t header_watch_feed(struct header_watch *w, struct slice in);

/* True when a limit of the enum above is passed. */
bool header_watch_is_too_big(const struct header_watch *w);
bool header_watch_is_loop(const struct header_watch *w);

#endif
