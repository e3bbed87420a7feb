/* A certificate chain and its private key as PEM, looked at before they are
 * used: do they parse, do they belong together, for how long are they good? */
#ifndef CONF_CERTIFICATE_H
#define CONF_CERTIFICATE_H

#include "base/slice.h"
#include "conf/errors.h"

#include <openssl/types.h>

enum { CERTIFICATE_KEY_OCTETS = 16 << 10 }; /* of the file */

/*
 * Adds what is wrong to errors: does not parse, does not fit, a kind of key
 * that nobody here signs with (errors); expired, expiring within two weeks, not
 * valid yet, a chain out of order (warnings). The paths are
 * for the messages. Returns false when an error was added.
 */
bool certificate_check(struct slice chain_pem, struct slice key_pem,
		       const char *chain_path, const char *key_path,
		       struct conf_errors *errors);

/* Only what a certificate's dates say: once a day, while the server runs. */
void certificate_check_dates(struct slice chain_pem, const char *chain_path,
			     struct conf_errors *errors);

/* Whether the key belongs to the chain's first certificate. */
bool certificate_has_key(struct slice chain_pem, struct slice key_pem);

/* A private key without a password, or NULL. */
EVP_PKEY *certificate_read_key(struct slice pem);

#endif
