/*
 * RDATA as DNS gives it, made into values. Hostile: each function checks all
 * that it reads.
 */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * MX, RFC 1035 3.3.9. *ret_name: canonical (smtp/name.h) and in arena, or empty
 * for the root, which is how RFC 7505 says that no mail is taken. False when it
 * is none, or its name cannot be that of a host.
 */
bool record_mx(struct slice rdata, struct arena *arena,
	       uint16_t *ret_preference, struct slice *ret_name);

/* A name alone: PTR, RFC 1035 3.3.12. As record_mx(), but false for the root. */
bool record_name(struct slice rdata, struct arena *arena,
		 struct slice *ret_name);

/*
 * A (4 octets) or AAAA (16) as text, in arena. False for what is no address to
 * connect to: none, broadcast, multicast, IPv4 within IPv6, another length.
 */
bool record_address(struct slice rdata, struct arena *arena,
		    struct slice *ret_text);

/*
 * TXT, RFC 1035 3.3.14: its character-strings, one after the other without
 * anything between them, in arena. Any octet may be in it. False when it is
 * none, or has more than limit_octets.
 */
bool record_txt(struct slice rdata, size_t limit_octets, struct arena *arena,
		struct slice *ret_text);

/* TLSA that SMTP can use (RFC 7672 3.1): DANE-TA or DANE-EE, a selector and a
 * matching type that are known, and data that fits. */
bool record_is_usable_tlsa(struct slice rdata);

#endif
