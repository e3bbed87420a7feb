/* What dns.c has in files of its own. */
#ifndef DNS_DNS_PRIVATE_H
#define DNS_DNS_PRIVATE_H

#include "base/arena.h"
#include "dns/dns.h"

#include <unbound.h>

/* dns_answer.c: libunbound's words in ours. What *answer then holds are views
 * of r, or in arena. */
void dns_read(const struct ub_result *r, struct arena *arena,
	      struct dns_answer *answer);

#endif
