/*
 * What a connection, or a route, means for the domain's report on TLS (RFC 8460
 * 4.3). A connection that fails for other reasons than TLS means nothing. Pure.
 */
#ifndef DELIVER_REMOTE_REPORT_H
#define DELIVER_REMOTE_REPORT_H

#include "deliver/remote_route.h"
#include "mail/tlsrpt.h"

struct remote_seen {
	const struct remote_hop *hop;
	enum smtp_end end; /* SMTP_END_QUIT: it is ready for mail */
	bool is_tls;
	struct stream_tls_peer peer; /* of TLS */
	struct slice own_address;
	struct slice reason; /* of the end, in words */
};

/* What it points to is route's, seen's or in arena. False: it means nothing. */
bool remote_report(const struct remote_route *route,
		   const struct remote_seen *seen, struct arena *arena,
		   struct tlsrpt_fact *ret_fact);

/* What keeps hosts of a route from being asked at all, and what getting its
 * policy met: calls each for each of that; fact is valid during the call. m: of
 * which the route was made. */
typedef void remote_report_each(const struct tlsrpt_fact *fact, void *arg);
void remote_report_obstacles(const struct msg_route *m,
			     const struct remote_route *route,
			     remote_report_each *each, void *arg);

#endif
