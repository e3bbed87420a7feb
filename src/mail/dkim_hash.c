#include "mail/dkim_hash.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/evp.h>

struct dkim_hash {
	EVP_MD_CTX *digest;
	uint64_t left;   /* of the limit */
	uint64_t octets; /* of the canonical body */
	struct dkim_canon_body canon;
};

static void on_octets(struct slice octets, void *arg)
{
	struct dkim_hash *h = arg;

	h->octets += octets.n;
	if (octets.n > h->left)
		octets.n = (size_t)h->left;
	h->left -= octets.n;
	if (EVP_DigestUpdate(h->digest, octets.p, octets.n) != 1)
		assert(false);
}

struct dkim_hash *dkim_hash_new(enum dkim_canon canon, uint64_t limit)
{
	struct dkim_hash *h = mem_new(sizeof(*h));

	dkim_canon_body_init(&h->canon, canon, on_octets, h);
	h->left = limit;
	h->digest = EVP_MD_CTX_new();
	if (h->digest == NULL ||
	    EVP_DigestInit_ex(h->digest, EVP_sha256(), NULL) != 1)
		assert(false);
	return h;
}

void dkim_hash_free(struct dkim_hash **hash)
{
	if (*hash == NULL)
		return;
	EVP_MD_CTX_free((*hash)->digest);
	mem_free(hash);
}

void dkim_hash_feed(struct dkim_hash *hash, struct slice octets)
{
	dkim_canon_body_feed(&hash->canon, octets);
}

void dkim_hash_end(struct dkim_hash *hash,
		   unsigned char ret_digest[DKIM_HASH_OCTETS],
		   uint64_t *ret_octets)
{
	dkim_canon_body_end(&hash->canon);
	if (EVP_DigestFinal_ex(hash->digest, ret_digest, NULL) != 1)
		assert(false);
	*ret_octets = hash->octets;
}
