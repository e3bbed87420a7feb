#include "base/mem.h"
#include "net/key_provider-private.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <string.h>

static void *key_new(void *context)
{
	(void)context;
	return mem_new(sizeof(struct key));
}

static void key_free(void *data)
{
	struct key *k = data;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->public_key);
	mem_free(&k);
}

static bool find_id(struct key *k)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k->public_key, &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, k->id, NULL, EVP_sha256(),
				      NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

/* The public part goes to the standard provider, which knows all about it. */
static int import(struct key *k, const char *type, const OSSL_PARAM params[])
{
	const OSSL_PARAM *asked =
		OSSL_PARAM_locate_const(params, KEY_PROVIDER_ASKED);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *copy = OSSL_PARAM_dup(params);
	int ok = ctx != NULL && copy != NULL && k->public_key == NULL &&
		 EVP_PKEY_fromdata_init(ctx) == 1 &&
		 EVP_PKEY_fromdata(ctx, &k->public_key, EVP_PKEY_PUBLIC_KEY,
				   copy) == 1 &&
		 find_id(k);

	if (ok && asked != NULL && asked->data_size == sizeof(k->asked))
		memcpy(&k->asked, asked->data, sizeof(k->asked));
	OSSL_PARAM_free(copy);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int rsa_import(void *data, int selection, const OSSL_PARAM params[])
{
	(void)selection;
	return import(data, "RSA", params);
}

static int ec_import(void *data, int selection, const OSSL_PARAM params[])
{
	(void)selection;
	return import(data, "EC", params);
}

static int ed25519_import(void *data, int selection, const OSSL_PARAM params[])
{
	(void)selection;
	return import(data, "ED25519", params);
}

/* There is no private part to be had, so that nobody signs but us. */
static int key_export(void *data, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct key *k = data;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ||
	    k->public_key == NULL)
		return 0;
	return EVP_PKEY_export(k->public_key, selection, cb, arg);
}

static const OSSL_PARAM *key_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_string(KEY_PROVIDER_ASKED, NULL, 0),
		OSSL_PARAM_END,
	};

	return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? types : NULL;
}

static int key_has(const void *data, int selection)
{
	const struct key *k = data;

	(void)selection;
	return k->public_key != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
	const struct key *x = a, *y = b;

	(void)selection;
	return EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
	const struct key *k = data;

	return EVP_PKEY_get_params(k->public_key, params);
}

static const OSSL_PARAM *key_gettable(void *context)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	return gettable;
}

/* Names that no other provider has: these are found at once. */
static const char *rsa_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? KEY_PROVIDER_NAME "-RSA" : NULL;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? KEY_PROVIDER_NAME "-ECDSA"
					      : NULL;
}

static const char *ed25519_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? KEY_PROVIDER_NAME "-ED25519"
					      : NULL;
}

#define KEYS(name)                                                             \
	static const OSSL_DISPATCH name##_keys[] = {                           \
		F(OSSL_FUNC_KEYMGMT_NEW, key_new),                             \
		F(OSSL_FUNC_KEYMGMT_FREE, key_free),                           \
		F(OSSL_FUNC_KEYMGMT_HAS, key_has),                             \
		F(OSSL_FUNC_KEYMGMT_MATCH, key_match),                         \
		F(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),               \
		F(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),            \
		F(OSSL_FUNC_KEYMGMT_IMPORT, name##_import),                    \
		F(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),                  \
		F(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                       \
		F(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),                  \
		F(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, name##_operation),   \
		{ 0, NULL },                                                   \
	}

KEYS(rsa);
KEYS(ec);
KEYS(ed25519);

const OSSL_ALGORITHM key_provider_keys[] = {
	{ "RSA:rsaEncryption", KEY_PROVIDER_PROPERTIES, rsa_keys, NULL },
	{ "EC:id-ecPublicKey", KEY_PROVIDER_PROPERTIES, ec_keys, NULL },
	{ "ED25519", KEY_PROVIDER_PROPERTIES, ed25519_keys, NULL },
	{ NULL, NULL, NULL, NULL },
};
