/*
 * Whether an address is our own: the port that mail goes out to, there, would
 * be answered by this server. So mail is never sent in a circle.
 */
#ifndef LOOKUP_OWN_H
#define LOOKUP_OWN_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* listening: "ADDRESS:PORT", count of them, as in listen_smtp. port: that of
 * other servers. address: as text. */
bool own_is(const char *const *listening, size_t count, unsigned port,
	    struct slice address);

#endif
