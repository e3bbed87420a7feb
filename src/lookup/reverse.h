/*
 * Whether mail may go out over IPv6: outbound_ipv6. With "auto" it may where
 * the address that it would go out from has a name in DNS (PTR, RFC 1035
 * 3.5) that leads back to it; many servers take mail from no other.
 *
 * What was found is kept for a while, and asked again beside the mail when it
 * gets old; while DNS fails the last answer stays.
 */
#ifndef LOOKUP_REVERSE_H
#define LOOKUP_REVERSE_H

#include "dns/dns.h"

struct reverse;
struct reverse_wait;

enum {
	REVERSE_KEEP_MS = 600000,
	REVERSE_RETRY_MS = 60000, /* after failures of DNS */
	REVERSE_WAIT_MS = 5000,   /* for it; mail has other questions, too */
};

/* The address, in network order, from which this machine would send to others;
 * false: it has no way to them. */
typedef bool reverse_find(uint8_t ret_address[16]);
/* As the kernel chooses. */
reverse_find reverse_find_address;

struct reverse *reverse_new(struct event_base *base, struct dns *dns,
			    reverse_find *find);
/* Nobody may be waiting. */
void reverse_free(struct reverse **reverse);
/* outbound_ipv6 and outbound_address6, which is an address or empty. */
void reverse_configure(struct reverse *reverse, const char *ipv6,
		       const char *address6);

/* Called from the event loop, once it is known. */
typedef void reverse_done(void *arg);
struct reverse_wait *reverse_ask(struct reverse *reverse, reverse_done *done,
				 void *arg);
/* NULL is allowed. */
void reverse_cancel(struct reverse_wait **wait);

/* Whether it may, and why: from reverse_done on. */
bool reverse_uses_ipv6(const struct reverse *reverse);
struct slice reverse_reason(const struct reverse *reverse);

#endif
