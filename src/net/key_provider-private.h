/* Shared by key_provider.c (the provider), key_provider_keys.c (what OpenSSL
 * keeps of a key) and key_provider_signing.c (a signature that is asked for). */
#ifndef NET_KEY_PROVIDER_PRIVATE_H
#define NET_KEY_PROVIDER_PRIVATE_H

#include "net/key_provider.h"

#include <openssl/core.h>

/* The provider's name, a property of all it has; and the parameter that leads
 * a key to whom it is to ask. */
#define KEY_PROVIDER_NAME       "keyring"
#define KEY_PROVIDER_PROPERTIES "provider=" KEY_PROVIDER_NAME
#define KEY_PROVIDER_ASKED      "culver-asked"

/* OpenSSL's functions of any type travel as void (*)(void). */
#define F(id, function)                                                        \
	{                                                                      \
		id, (void (*)(void))(function)                                 \
	}

struct key_provider {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *standard, *own;
	key_sign *sign;
	void *arg;
};

struct asked {
	struct key_provider *provider;
};

/* What OpenSSL keeps of a key. */
struct key {
	EVP_PKEY *public_key; /* the standard provider's */
	struct asked asked;   /* nobody, if it was made to be compared */
	unsigned char id[KEY_QUESTION_ID_OCTETS];
};

extern const OSSL_ALGORITHM key_provider_keys[];
extern const OSSL_ALGORITHM key_provider_signing[];

#endif
