/*
 * What a TLS server signs in a handshake, told from everything else by its
 * shape: the CertificateVerify of TLS 1.3 (RFC 8446 4.4.3) and the
 * ServerKeyExchange of ECDHE in TLS 1.2 (RFC 8422 5.4).
 */
#ifndef KEYRING_HANDSHAKE_H
#define KEYRING_HANDSHAKE_H

#include "base/slice.h"

enum handshake {
	HANDSHAKE_NONE, /* it is neither */
	HANDSHAKE_TLS12,
	HANDSHAKE_TLS13,
};

/*
 * TLS 1.3: the server's context string and a transcript hash of 32 or 48
 * octets. TLS 1.2: both randoms and a point of x25519, secp256r1 or secp384r1,
 * of exactly its size.
 */
enum handshake handshake_of(struct slice text);

#endif
