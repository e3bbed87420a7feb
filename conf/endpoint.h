/*
 * Where a filter listens, as it stands in culver.conf. Both orders in use are
 * understood: HOST:PORT, as mail servers write it, and PORT@HOST, as filters
 * do.
 */
#ifndef CONF_ENDPOINT_H
#define CONF_ENDPOINT_H

#include "base/arena.h"

enum endpoint_kind {
	ENDPOINT_UNIX,
	ENDPOINT_INET,  /* IPv4 or, with brackets or by its name, IPv6 */
	ENDPOINT_INET6, /* IPv6 only */
};

enum { ENDPOINT_PATH_OCTETS = 107, ENDPOINT_HOST_OCTETS = 253 };

struct endpoint {
	enum endpoint_kind kind;
	const char *path; /* ENDPOINT_UNIX; else NULL */
	const char *host; /* an address without brackets, or a name; or NULL */
	bool is_name;     /* host has to be looked up */
	uint16_t port;    /* 1 to 65535 */
};

/*
 * "/PATH", "unix:/PATH", "local:/PATH", "inet:HOST:PORT", "inet:PORT@HOST" and
 * the same with inet6. Text lives in arena. Returns NULL, or what is wrong: a
 * literal, to be read after the text in quotes.
 */
const char *endpoint_parse(struct slice text, struct arena *arena,
			   struct endpoint *ret_endpoint);

#endif
