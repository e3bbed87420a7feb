/* Signs messages with any tags for tests, with keys of its own. */
#ifndef TEST_DKIM_SIGN_H
#define TEST_DKIM_SIGN_H

#include "mail/dkim_signature.h"

#include <openssl/evp.h>

/* RFC 8463 A.2: the private key, and the record of its public one. */
EVP_PKEY *sign_ed25519_key(void);
#define SIGN_ED25519_RECORD                                                    \
	"v=DKIM1; k=ed25519; "                                                 \
	"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

/* "v=DKIM1; k=...; p=..." of a key. */
struct slice sign_record(EVP_PKEY *key, struct arena *a);

/* What key makes of text, as the scheme of DKIM wants it. */
struct slice sign_text(EVP_PKEY *key, struct slice text, struct arena *a);

/*
 * message, with a DKIM-Signature of these tags on top: bh= and b= are added,
 * bh= by the c= and l= among the tags.
 */
struct slice sign_message(EVP_PKEY *key, const char *tags, const char *message,
			  struct arena *a);

#endif
