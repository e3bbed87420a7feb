/* A private key of DKIM as PEM: domains/NAME/dkim:SELECTOR.pem, looked at
 * before it is used. What of such a file's name makes it inactive: here too. */
#ifndef CONF_DKIM_KEY_H
#define CONF_DKIM_KEY_H

#include "base/slice.h"
#include "conf/errors.h"

enum dkim_key_kind {
	DKIM_KEY_RSA,     /* rsa-sha256, RFC 6376 3.3.1 */
	DKIM_KEY_ED25519, /* ed25519-sha256, RFC 8463 */
};

/* An active key: all but the secret. */
struct dkim_key {
	const char *domain;   /* canonical (smtp/name.h) */
	const char *selector; /* lower case */
	const char *path;
	enum dkim_key_kind kind;
};

enum { DKIM_KEY_OCTETS = 16 << 10 }; /* of the file */

/* The selector in the name of an active key's file, as written; an empty slice
 * if that is no such file. RFC 6376 3.1: letters, digits, hyphens, underscores,
 * dots between. */
struct slice dkim_key_selector(struct slice file_name);

/* Adds what is wrong to errors: no key in PEM, of another kind, RSA under 1024
 * bits (RFC 8301 3.2; errors), under 2048 (a warning). path is for the
 * messages. Returns false when an error was added. */
bool dkim_key_check(struct slice pem, const char *path,
		    struct conf_errors *errors, enum dkim_key_kind *ret_kind);

#endif
