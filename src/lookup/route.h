/*
 * The hosts that take mail for a domain: RFC 5321 5.1, RFC 7505, and what
 * RFC 7672 wants to know of them. Three steps, each of which asks all it needs
 * at once: the domain's MX; the hosts' addresses; their TLSA records. Beside
 * them, the domain's policy of MTA-STS is found (sts.h).
 */
#ifndef LOOKUP_ROUTE_H
#define LOOKUP_ROUTE_H

#include "lookup/sts.h"
#include "proc/message.h"

enum { ROUTE_HOSTS_MAX = 10, ROUTE_ADDRESSES_MAX = 8 };

struct route;

/* What is the same for all. It lives as long as a route that was begun. */
struct route_world {
	struct event_base *base;
	struct dns *dns;
	struct sts_desk *sts; /* NULL: policies are not asked for */
	struct slice
		hostname; /* ours: mail for a domain does not go back there */
	/* Whether an address, as text, is our own. */
	bool (*is_own)(struct slice address, void *arg);
	void *is_own_arg;
};

/* As in the message ROUTE. */
struct route_answer {
	enum route_result result;
	struct hosts hosts;
	bool is_secure;
	struct slice problem;
	struct sts_answer sts; /* with ROUTE_HOSTS */
};

/* The answer lives during the call; the route ends with it. Never called from
 * within route_start(). */
typedef void route_done(const struct route_answer *answer, void *arg);

/*
 * domain: canonical, as in an address; hosts: in place of its MX, or none
 * (ROUTE_WANTED). What is no name of a host is no error of the caller's.
 */
struct route *route_start(const struct route_world *world, struct slice domain,
			  struct slices hosts, route_done *done, void *arg);
/* NULL is allowed. */
void route_cancel(struct route **route);

#endif
