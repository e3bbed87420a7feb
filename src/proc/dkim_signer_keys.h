/* Which DKIM keys there are: domain, selector, type. The keys themselves are
 * in `keyring`. */
#ifndef PROC_DKIM_SIGNER_KEYS_H
#define PROC_DKIM_SIGNER_KEYS_H

#include "base/arena.h"
#include "proc/message.h"

struct dkim_signer_key {
	struct slice domain, selector; /* A-labels, lower case */
	enum tls_scheme scheme;        /* TLS_RSA_PKCS1_SHA256 or TLS_ED25519 */
};

struct dkim_signer_keys;

struct dkim_signer_keys *dkim_signer_keys_new(void);
void dkim_signer_keys_free(struct dkim_signer_keys **keys);

/* Copied; of another scheme it is passed over. */
void dkim_signer_keys_add(struct dkim_signer_keys *keys,
			  const struct msg_conf_dkim_key *m);
/* After the last one, before any is looked for. */
void dkim_signer_keys_sort(struct dkim_signer_keys *keys);

size_t dkim_signer_keys_count(const struct dkim_signer_keys *keys);
/* Those of a canonical domain: *ret_count of them, by selector. */
const struct dkim_signer_key *dkim_signer_keys_of(
	const struct dkim_signer_keys *keys, struct slice domain,
	size_t *ret_count);

struct dkim_signer_key *dkim_signer_key_copy(const struct dkim_signer_key *key,
					     struct arena *arena);

#endif
