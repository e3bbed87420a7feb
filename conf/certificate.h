/* A certificate chain and its private key as PEM, looked at before they are
 * used: do they parse, do they belong together, for how long are they good? */
#ifndef CONF_CERTIFICATE_H
#define CONF_CERTIFICATE_H

#include "base/slice.h"
#include "conf/errors.h"

/*
 * Adds what is wrong to errors: does not parse, does not fit (errors),
 * expired, expiring within two weeks, not valid yet (warnings). The paths are
 * for the messages. Returns false when an error was added.
 */
bool certificate_check(struct slice chain_pem, struct slice key_pem,
		       const char *chain_path, const char *key_path,
		       struct conf_errors *errors);

#endif
