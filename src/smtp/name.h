/*
 * The canonical forms of names, used by every check and by delivery alike, so
 * that there is no second reading of an address.
 *
 * Domains: lower-case A-labels (IDNA2008 with UTS 46 non-transitional mapping,
 * STD3 rules but for underscores, which hosts that send mail do have; no
 * trailing dot, at most 253 octets). Local parts of our own
 * domains: PRECIS UsernameCaseMapped (RFC 8265 3.3): width mapping, lower case,
 * NFC.
 */
#ifndef SMTP_NAME_H
#define SMTP_NAME_H

#include "base/arena.h"
#include "base/slice.h"

enum {
	NAME_SYNTAX = 1, /* not a domain name, or not a permitted user name */
	NAME_TOO_LONG,
};

/*
 * The canonical form of a domain given in ASCII or UTF-8, in arena. A single
 * label ("localhost") is a domain. Returns 0 or NAME_*.
 */
int name_domain(struct slice domain, struct arena *arena,
		struct slice *ret_domain);

/*
 * The canonical form of a local part of ours (unquoted UTF-8 text), in arena.
 * ASCII printable octets other than space all pass, lower-cased. Refuses
 * spaces, controls, unassigned and symbol characters beyond ASCII, and
 * compatibility characters. Returns 0 or NAME_*.
 */
int name_user(struct slice local, struct arena *arena, struct slice *ret_local);

/* Whether a canonical domain is that ancestor, or below it. */
bool name_is_within(struct slice domain, struct slice ancestor);

/* True for an address literal with its brackets, RFC 5321 4.1.3. */
bool name_is_literal(struct slice name);

/* The U-label form of a canonical domain, for people to read; returns the
 * domain itself where there is none. */
struct slice name_domain_for_people(struct slice domain, struct arena *arena);

#endif
