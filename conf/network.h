/* "192.0.2.0/24", "2001:db8::/32", or one address. */
#ifndef CONF_NETWORK_H
#define CONF_NETWORK_H

#include "base/slice.h"

#include <sys/socket.h>

struct network {
	uint8_t octets[16]; /* of IPv6; an IPv4 one is ::ffff:a.b.c.d */
	unsigned bits;      /* how many of them count */
};

/* Bits beyond the prefix may be set. Returns false for anything else. */
bool network_parse(struct slice text, struct network *ret_network);

/* Whether address is in it; an IPv4 address may come in an IPv6 one. What is
 * neither is in none. */
bool network_has(const struct network *network, const struct sockaddr *address);

#endif
