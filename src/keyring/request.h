/*
 * Whether something is signed, and the signature. The asker may have been
 * broken into: its whole text is looked at, and only a handshake of a TLS
 * server or the header block of a mail of the key's own domain is signed.
 */
#ifndef KEYRING_REQUEST_H
#define KEYRING_REQUEST_H

#include "keyring/keys.h"

/* Whether a role may ask for that at all: `receive` for both, `queue` for the
 * headers of its reports. */
bool request_is_allowed(enum role asker, uint32_t signing);

/*
 * Signs what m asks for with key, which keys_find() gave for it. Returns NULL
 * and the signature in *ret_signature, octets of room; or why not (a literal).
 */
const char *request_sign(enum role asker, const struct msg_sign *m,
			 const struct owned_key *key,
			 char room[KEY_SIGNATURE_OCTETS],
			 struct slice *ret_signature);

#endif
