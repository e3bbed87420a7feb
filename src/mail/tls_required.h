/*
 * TLS-Required: No (RFC 8689 5), a field by which its author says that a message
 * is rather to arrive than to be protected.
 *
 * Watches a header section as it streams by, and keeps a line of it at most.
 * The field has no other value, and is never folded.
 */
#ifndef MAIL_TLS_REQUIRED_H
#define MAIL_TLS_REQUIRED_H

#include "base/slice.h"

#include <stdint.h>

enum { TLS_REQUIRED_OCTETS = 64 }; /* of a line that is looked at */

struct tls_required_watch {
	bool is_no;
	/* the machine's own: */
	uint8_t n;
	char line[TLS_REQUIRED_OCTETS];
};

void tls_required_watch_init(struct tls_required_watch *w);
/* The next octets of a header section, any split. */
void tls_required_watch_feed(struct tls_required_watch *w, struct slice in);

#endif
