/*
 * A way to a destination: what `lookup` answered, as addresses to connect to,
 * each with what is asked of a connection there: by DANE for hosts that have
 * it, else by the domain's policy of MTA-STS (RFC 8461 2). Immutable and counted: a
 * session may use it longer than its destination does.
 */
#ifndef DELIVER_REMOTE_ROUTE_H
#define DELIVER_REMOTE_ROUTE_H

#include "deliver/smtp_conn.h"
#include "mail/tlsrpt.h"
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
	/* What is demanded: by DANE (RFC 7672 2.2), by MTA-STS, or nothing; of a
	 * smarthost always a certificate. */
	enum smtp_security security;
	struct slices tlsa;
	bool has_tlsa; /* there are validated ones, usable or not */
	/* That it is the domain's was validated, is what an enforced policy
	 * says, or is the operator's word. */
	bool is_host_proven;
	/* The mode of the policy, where DANE says nothing: certificates are for
	 * the host alone then (RFC 8461 4.1). */
	enum sts_mode sts;
	bool is_unnamed; /* the policy, in testing, does not name the host */
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

/* The domain's policy of MTA-STS; its id is empty if there is none. What
 * fetching it met last: enum tlsrpt_result, and in words. */
const struct sts *remote_route_sts(const struct remote_route *route);
enum tlsrpt_result remote_route_sts_failure(const struct remote_route *route);
struct slice remote_route_sts_problem(const struct remote_route *route);
/* The hosts that it does not name, and for which DANE does not speak: passed
 * over where it is enforced, used in testing. */
struct slices remote_route_unnamed(const struct remote_route *route);

/* If there are no hops: what that means for mail. The text is the route's. */
const struct outcome *remote_route_refusal(const struct remote_route *route);
/* It is the domain's own policy that leaves no host. */
bool remote_route_is_forbidden(const struct remote_route *route);

#endif
