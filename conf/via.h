/*
 * "user@domain via host/host": the hosts that take mail for a target, in this
 * order, in place of its domain's MX. Chasquid's syntax: names only, without
 * ports.
 */
#ifndef CONF_VIA_H
#define CONF_VIA_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	VIA_HOSTS = 10,
	VIA_OCTETS = 1000,
};

/*
 * Parts a target. *ret_hosts: empty if there is no "via", else canonical names
 * (smtp/name.h) parted by "/", in arena. *ret_address: what stands before, a
 * view of in. Returns false, with nothing set, when what follows "via" is no
 * such list, or too long.
 */
bool via_parse(struct slice in, struct arena *arena, struct slice *ret_address,
	       struct slice *ret_hosts);

#endif
