/* Certificates for tests, made on the spot. */
#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

#include "base/slice.h"

struct certificate_pem {
	char *chain, *key; /* PEM; mem_free() them */
};

/* Self-signed, for names as "DNS:a.example,DNS:*.b.example". */
void certificate_make(const char *names, struct certificate_pem *ret_pem);
void certificate_free(struct certificate_pem *pem);

#endif
