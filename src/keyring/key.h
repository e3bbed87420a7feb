/* One private key and what it can sign. The octets lie in OpenSSL's secure
 * heap, if there is one: locked, in no core file, wiped when freed. */
#ifndef KEYRING_KEY_H
#define KEYRING_KEY_H

#include "base/slice.h"
#include "keyring/handshake.h"

enum {
	KEY_ID_OCTETS = 32,
	KEY_SIGNATURE_OCTETS = 1024, /* of RSA with 8192 bits */
};

enum key_kind { KEY_RSA, KEY_P256, KEY_P384, KEY_P521, KEY_ED25519 };

struct key;

/* Reads PEM without password. Returns NULL if there is no key of these kinds
 * in it; RSA: 1024 to 8192 bits. */
struct key *key_new(struct slice pem);
void key_free(struct key **key);

enum key_kind key_kind(const struct key *key);
/* SHA-256 of the SubjectPublicKeyInfo. */
struct slice key_id(const struct key *key);

/* Whether a server with this key signs by that scheme (enum tls_scheme) in
 * that version: RFC 8446 4.2.3 binds curves to hashes and drops PKCS #1,
 * RFC 5246 7.4.1.4.1 does not. */
bool key_fits(const struct key *key, uint32_t scheme, enum handshake version);

/* Signs by a scheme that is of the key's kind. Returns the signature's octets,
 * in room, or an empty slice. */
struct slice key_sign(const struct key *key, uint32_t scheme, struct slice text,
		      char room[KEY_SIGNATURE_OCTETS]);

#endif
