#include "keyring/request.h"

#include "keyring/handshake.h"
#include "keyring/header_block.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

bool request_is_allowed(enum role asker, uint32_t signing)
{
	if (signing == SIGN_HANDSHAKE)
		return asker == ROLE_RECEIVE;
	return signing == SIGN_HEADER &&
	       (asker == ROLE_RECEIVE || asker == ROLE_QUEUE);
}

static const char *check_handshake(const struct msg_sign *m,
				   const struct owned_key *key)
{
	enum handshake version = handshake_of(m->text);

	if (version == HANDSHAKE_NONE)
		return "it is no handshake of a TLS server";
	if (!key_fits(key->key, m->scheme, version))
		return "the key does not sign by that scheme";
	return NULL;
}

static const char *check_header(const struct msg_sign *m,
				const struct owned_key *key)
{
	bool is_rsa = m->scheme == TLS_RSA_PKCS1_SHA256;
	struct header_block block;
	const char *problem = header_block_read(m->text, &block);

	if (problem != NULL)
		return problem;
	if (!slice_equal_nocase(block.domain, slice_of(key->domain)) ||
	    !slice_equal_nocase(block.selector, slice_of(key->selector)))
		return "its signature field names another key";
	if (!is_rsa && m->scheme != TLS_ED25519)
		return "DKIM does not sign by that scheme";
	if (key_kind(key->key) != (is_rsa ? KEY_RSA : KEY_ED25519))
		return "the key does not sign by that scheme";
	if (!slice_equal_nocase(block.algorithm,
				is_rsa ? S("rsa-sha256") : S("ed25519-sha256")))
		return "its signature field names another algorithm";
	return NULL;
}

/* RFC 8463 3: Ed25519 signs the SHA-256 of the block. */
static struct slice sign_header(const struct msg_sign *m,
				const struct owned_key *key,
				char room[KEY_SIGNATURE_OCTETS])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	const void *text = hash;

	if (m->scheme != TLS_ED25519)
		return key_sign(key->key, m->scheme, m->text, room);
	if (EVP_Digest(m->text.p, m->text.n, hash, NULL, EVP_sha256(), NULL) !=
	    1)
		return (struct slice){ .n = 0 };
	return key_sign(key->key, m->scheme,
			(struct slice){ text, sizeof(hash) }, room);
}

const char *request_sign(enum role asker, const struct msg_sign *m,
			 const struct owned_key *key,
			 char room[KEY_SIGNATURE_OCTETS],
			 struct slice *ret_signature)
{
	bool is_header = m->signing == SIGN_HEADER;
	const char *problem;

	if (!request_is_allowed(asker, m->signing))
		return "this role may not ask for that";
	if (key == NULL || key->signing != (enum signing)m->signing)
		return "there is no such key";
	problem = is_header ? check_header(m, key) : check_handshake(m, key);
	if (problem != NULL)
		return problem;
	*ret_signature = is_header
				 ? sign_header(m, key, room)
				 : key_sign(key->key, m->scheme, m->text, room);
	return ret_signature->n > 0 ? NULL : "the key cannot sign";
}
