/*
 * A way to a destination: what `lookup` answered, as addresses to connect to,
 * each with what is asked of a connection there. Immutable and counted: a
 * session may use it longer than its destination does.
 */
#ifndef DELIVER_REMOTE_ROUTE_H
#define DELIVER_REMOTE_ROUTE_H

#include "deliver/smtp_conn.h"
#include "proc/message.h"

#include <sys/socket.h>

enum { REMOTE_HOPS_MAX = 16 }; /* of a route; the others are left out */

/* Which addresses may be used. */
struct remote_rules {
	unsigned port;
	bool uses_ipv6;
	bool uses_loopback; /* this machine may be the other side */
	bool is_relaxed;    /* arriving counts more than TLS */
	/* It is not the domain's: its certificate is to be good by the roots,
	 * and no trouble with it says anything of the mail. */
	bool is_smarthost;
};

/* One address of one host. */
struct remote_hop {
	struct slice host;
	struct slice address; /* as text */
	struct sockaddr_storage to;
	socklen_t to_octets;
	/* What policy demands: DANE (RFC 7672 2.2) or nothing; of a smarthost
	 * always a certificate. */
	enum smtp_security security;
	struct slices tlsa;
	/* That it is the domain's was validated, or is the operator's word. */
	bool is_host_proven;
};

struct remote_route;

/* domain: of the mail, which certificates may name (RFC 7672 3.2.2). */
struct remote_route *remote_route_new(const struct msg_route *m,
				      struct slice domain,
				      const struct remote_rules *rules);
struct remote_route *remote_route_ref(struct remote_route *route);
void remote_route_free(struct remote_route **route);

/* In the order in which they are to be tried. */
size_t remote_route_count(const struct remote_route *route);
const struct remote_hop *remote_route_hop(const struct remote_route *route,
					  size_t index);
/* The other names that certificates may have; none or one. */
struct slices remote_route_names(const struct remote_route *route);

/* If there are no hops: what that means for mail. The text is the route's. */
const struct outcome *remote_route_refusal(const struct remote_route *route);

#endif
