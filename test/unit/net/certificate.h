/* Certificates for tests, made on the spot. */
#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

#include "base/slice.h"

#include <openssl/types.h>

struct certificate_pem {
	char *chain, *key; /* PEM; mem_free() them */
};

/* Self-signed, for names as "DNS:a.example,DNS:*.b.example". */
void certificate_make(const char *names, struct certificate_pem *ret_pem);
/* The same with a key of the caller's. */
void certificate_make_for(EVP_PKEY *key, const char *names,
			  struct certificate_pem *ret_pem);
/* A root, and a certificate by one, good for so many seconds from now; its
 * chain holds the root, too. */
void certificate_make_root(const char *name, struct certificate_pem *ret_pem);
void certificate_make_by(const struct certificate_pem *root, const char *names,
			 long valid_s, struct certificate_pem *ret_pem);
/* A TLSA record (3 octets and a SHA-256) of its key; returns its octets. */
enum { CERTIFICATE_TLSA_OCTETS = 35 };
size_t certificate_tlsa(const struct certificate_pem *pem, unsigned usage,
			char ret_record[CERTIFICATE_TLSA_OCTETS]);
void certificate_free(struct certificate_pem *pem);

#endif
