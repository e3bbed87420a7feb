/*
 * HTTPS with a host of whom only the name is known: its addresses by our own
 * DNS, then https.h. So many at once; others wait in line, but not for long.
 */
#ifndef LOOKUP_FETCH_H
#define LOOKUP_FETCH_H

#include "dns/dns.h"
#include "lookup/https.h"

struct fetcher;
struct fetch;

enum {
	FETCH_MAX = 50, /* at once */
	FETCH_LINE_MS = 10000,
};

/* https_set_up() was called before. */
struct fetcher *fetcher_new(struct event_base *base, struct dns *dns);
/* roots: counted. uses_loopback: this machine may be the other side. */
void fetcher_configure(struct fetcher *fetcher, struct tls_client *roots,
		       bool uses_loopback);
/* No fetch may be open. */
void fetcher_free(struct fetcher **fetcher);

/* As https_start(); the request's addresses and roots are not read. What it
 * points to is copied, but for its body. */
struct fetch *fetch_start(struct fetcher *fetcher,
			  const struct https_request *request, https_done *done,
			  void *arg);
/* NULL is allowed. */
void fetch_cancel(struct fetch **fetch);

#endif
