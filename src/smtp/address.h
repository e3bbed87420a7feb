/*
 * Envelope addresses: Path of RFC 5321 4.1.2 with the UTF-8 of RFC 6531 3.3.
 * Not RFC 5322 header addresses. One parser, one result: what is checked is
 * what is delivered to.
 *
 * Source routes ("<@a,@b:user@c>") are parsed and dropped (RFC 5321 C).
 * Address literals parse, so that they can be refused with the right words.
 */
#ifndef SMTP_ADDRESS_H
#define SMTP_ADDRESS_H

#include "base/arena.h"
#include "base/slice.h"

struct address {
	struct slice local;  /* unquoted text: `"a b"@x` has `a b` */
	struct slice domain; /* canonical (name.h); "[...]" for a literal;
	                        empty only for <> and for <postmaster> */
	bool is_utf8;        /* the local part has octets over 127, or the
	                        domain was written with U-labels */
};

enum {
	ADDRESS_SYNTAX = 1, /* not a Path */
	ADDRESS_TOO_LONG,   /* RFC 5321 4.5.3.1: path over 256 octets, domain
			       over 255; local parts over 64 are in use (VERP,
			       SRS) and are taken, as 4.5.3.1 wishes */
	ADDRESS_DOMAIN,     /* the domain is not a name IDNA takes */
	ADDRESS_NO_DOMAIN,  /* a local part alone, and it is not postmaster */
};

/*
 * Parses "<...>" at the start of in; *ret_rest is what follows it. The address
 * lives in arena. "<>" gives two empty slices. "<Postmaster>" without a domain
 * gives an empty domain (RFC 5321 4.5.1). Returns 0 or ADDRESS_*; on failure
 * neither output is touched.
 */
int address_parse_path(struct slice in, struct arena *arena,
		       struct address *ret_address, struct slice *ret_rest);

/* The same for a bare "local@domain" and nothing after it, as it stands in
 * configuration, aliases and on the command line. */
int address_parse(struct slice in, struct arena *arena,
		  struct address *ret_address);

/*
 * "local@domain" without angle brackets, quoted where RFC 5321 4.1.2 demands
 * it; parsing it again gives the same address. The null path gives "".
 */
struct slice address_format(const struct address *a, struct arena *arena);

bool address_is_null(const struct address *a);
/* The domain is an address literal. */
bool address_is_literal(const struct address *a);
/* Both parts are the same octets: for canonical addresses, the same mailbox. */
bool address_equal(const struct address *a, const struct address *b);

#endif
