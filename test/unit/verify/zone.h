/* DNS for tests, out of lines as in spf.table. */
#ifndef TEST_UNIT_VERIFY_ZONE_H
#define TEST_UNIT_VERIFY_ZONE_H

#include "base/arena.h"
#include "dns/dns.h"

struct zone;

struct zone *zone_new(struct arena *arena);
/* "NAME TYPE VALUE" */
void zone_add(struct zone *z, struct slice line);
/* For struct spf_world; arg is the zone. */
void zone_ask(struct slice name, enum dns_type type, struct arena *arena,
	      struct dns_answer *ret_answer, void *arg);
/* Questions so far. */
unsigned zone_asked(const struct zone *z);
/* "\xc3" made an octet. */
struct slice zone_unescape(struct slice text, struct arena *arena);

#endif
