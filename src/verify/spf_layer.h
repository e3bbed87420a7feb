/*
 * What libspf2 takes for DNS. It never sees a name, a record or an address
 * that somebody else has written: names are numbers of ours ("t7"), and the
 * record behind one is written anew, from a good one, for the client at hand.
 * Terms that need no DNS are decided here; so are the limits of RFC 7208 4.6.4,
 * which the library does not keep.
 */
#ifndef VERIFY_SPF_LAYER_H
#define VERIFY_SPF_LAYER_H

#include "verify/spf.h"
#include "verify/spf_macro.h"

#include <spf2/spf_dns.h>

struct spf_layer;

/* facts: all but validated; domain is the one to be checked. What it makes is
 * in arena, and what world.ask needs during a question in memory of its own. */
struct spf_layer *spf_layer_new(const struct spf_world *world,
				const struct spf_facts *facts,
				struct arena *arena);

/* For AUTO. */
void spf_layer_free(struct spf_layer **layer);

/* For SPF_server_new_dns(). It is part of the layer. */
SPF_dns_server_t *spf_layer_server(struct spf_layer *l);
/* The library's name for the domain to be checked. */
#define SPF_LAYER_FIRST "t0"

/*
 * The result was decided here, and the library has to end: *ret_problem says
 * why. False: the library's result counts, and *ret_problem may tell what DNS
 * said.
 */
bool spf_layer_verdict(const struct spf_layer *l,
		       enum authres_result *ret_result,
		       struct slice *ret_problem);

/* After a fail: what the domain has to say (6.2), visible ASCII and spaces, in
 * arena; or nothing. */
struct slice spf_layer_explain(struct spf_layer *l);

#endif
