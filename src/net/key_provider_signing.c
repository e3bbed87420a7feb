#include "base/mem.h"
#include "net/key_provider-private.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

enum hash { HASH_NONE, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_COUNT };

/* A signature being made. */
struct signing {
	const struct key *key;
	enum hash hash;
	bool is_pss;
};

static void *signing_new(void *context, const char *properties)
{
	(void)context;
	(void)properties;
	return mem_new(sizeof(struct signing));
}

static void signing_free(void *data)
{
	mem_free(&data);
}

static enum hash find_hash(const char *name)
{
	static const char *const names[HASH_COUNT] = {
		[HASH_SHA256] = "SHA2-256",
		[HASH_SHA384] = "SHA2-384",
		[HASH_SHA512] = "SHA2-512",
	};
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	enum hash found = HASH_NONE;

	for (size_t i = 1; md != NULL && i < HASH_COUNT; i++)
		if (EVP_MD_is_a(md, names[i]))
			found = (enum hash)i;
	EVP_MD_free(md);
	return found;
}

static int set_padding(struct signing *s, const OSSL_PARAM *p)
{
	const char *name;
	int number;

	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1)
			return 0;
		s->is_pss = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
		return s->is_pss ||
		       strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0;
	}
	if (OSSL_PARAM_get_int(p, &number) != 1)
		return 0;
	s->is_pss = number == RSA_PKCS1_PSS_PADDING;
	return s->is_pss || number == RSA_PKCS1_PADDING;
}

/* The salt is as long as the hash in any case (RFC 8446 4.2.3), and nothing
 * else is asked for by a handshake. */
static int signing_set_params(void *data, const OSSL_PARAM params[])
{
	const OSSL_PARAM *padding =
		params != NULL ? OSSL_PARAM_locate_const(
					 params, OSSL_SIGNATURE_PARAM_PAD_MODE)
			       : NULL;

	return padding == NULL || set_padding(data, padding);
}

static const OSSL_PARAM *signing_settable(void *data, void *context)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL,
				       0),
		OSSL_PARAM_END,
	};

	(void)data;
	(void)context;
	return settable;
}

static int signing_init(void *data, const char *hash, void *key,
			const OSSL_PARAM params[])
{
	struct signing *s = data;

	s->is_pss = false;
	s->key = key;
	s->hash = hash != NULL && hash[0] != '\0' ? find_hash(hash) : HASH_NONE;
	return signing_set_params(s, params);
}

static bool find_scheme(const struct signing *s, enum tls_scheme *ret_scheme)
{
	static const enum tls_scheme pkcs1[HASH_COUNT] = {
		0, TLS_RSA_PKCS1_SHA256, TLS_RSA_PKCS1_SHA384,
		TLS_RSA_PKCS1_SHA512
	};
	static const enum tls_scheme pss[HASH_COUNT] = { 0, TLS_RSA_PSS_SHA256,
							 TLS_RSA_PSS_SHA384,
							 TLS_RSA_PSS_SHA512 };
	static const enum tls_scheme ecdsa[HASH_COUNT] = { 0, TLS_ECDSA_SHA256,
							   TLS_ECDSA_SHA384,
							   TLS_ECDSA_SHA512 };
	const EVP_PKEY *key = s->key->public_key;

	if (EVP_PKEY_is_a(key, "ED25519"))
		*ret_scheme = TLS_ED25519;
	else if (EVP_PKEY_is_a(key, "EC"))
		*ret_scheme = ecdsa[s->hash];
	else
		*ret_scheme = s->is_pss ? pss[s->hash] : pkcs1[s->hash];
	return *ret_scheme != 0;
}

/* NOLINTNEXTLINE(readability-function-size): the type is OpenSSL's */
static int signing_sign(void *data, unsigned char *signature, size_t *ret_n,
			size_t room, const unsigned char *text, size_t n)
{
	const struct signing *s = data;
	const struct key_provider *asked = s->key->asked.provider;
	const void *id = s->key->id, *octets = text;
	void *out = signature;
	struct key_question q = { .id = { id, sizeof(s->key->id) },
				  .text = { octets, n } };

	if (signature == NULL) {
		*ret_n = (size_t)EVP_PKEY_get_size(s->key->public_key);
		return *ret_n > 0;
	}
	if (asked == NULL || !find_scheme(s, &q.scheme))
		return 0;
	*ret_n = asked->sign(&q, out, room, asked->arg);
	return *ret_n > 0 && *ret_n <= room;
}

static const OSSL_DISPATCH signing_functions[] = {
	F(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	F(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	F(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	F(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
	F(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	F(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	{ 0, NULL },
};

const OSSL_ALGORITHM key_provider_signing[] = {
	{ KEY_PROVIDER_NAME "-RSA", KEY_PROVIDER_PROPERTIES, signing_functions,
	  NULL },
	{ KEY_PROVIDER_NAME "-ECDSA", KEY_PROVIDER_PROPERTIES,
	  signing_functions, NULL },
	{ KEY_PROVIDER_NAME "-ED25519", KEY_PROVIDER_PROPERTIES,
	  signing_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};
