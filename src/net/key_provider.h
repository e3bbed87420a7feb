/*
 * Private keys that are elsewhere, for OpenSSL: a provider of its own whose
 * keys have their public part only, and which asks for each signature. The
 * asked one sees the whole text, not a digest.
 */
#ifndef NET_KEY_PROVIDER_H
#define NET_KEY_PROVIDER_H

#include "base/slice.h"
#include "net/tls_scheme.h"

#include <openssl/types.h>

enum { KEY_QUESTION_ID_OCTETS = 32 };

struct key_question {
	struct slice id; /* SHA-256 of the SubjectPublicKeyInfo */
	enum tls_scheme scheme;
	struct slice text;
};

/* Writes the signature to room, n octets at most, and returns its size; 0: it
 * is not to be had, and the handshake fails. It may wait, but the loop waits
 * with it. */
typedef size_t key_sign(const struct key_question *question, char *room,
			size_t n, void *arg);

struct key_provider;

/* Before the process is caged. NULL if OpenSSL cannot. */
struct key_provider *key_provider_new(key_sign *sign, void *arg);
/* After all keys, contexts and sessions that came of it. */
void key_provider_free(struct key_provider **provider);

/* The library context in which its keys work: an SSL_CTX is to be made in it. */
OSSL_LIB_CTX *key_provider_library(const struct key_provider *provider);

/* The private key that belongs to a public one (RSA, EC or Ed25519), NULL for
 * others. EVP_PKEY_free() it. */
EVP_PKEY *key_provider_key(struct key_provider *provider,
			   const EVP_PKEY *public_key);

#endif
