#include "net/key_provider.h"

#include "base/mem.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

/* The provider's name, a property of all it has; and the parameter that leads
 * a key to whom it is to ask. */
#define NAME        "keyring"
#define PROPERTIES  "provider=" NAME
#define PARAM_ASKED "culver-asked"

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

enum hash { HASH_NONE, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_COUNT };

/* A signature being made. */
struct signing {
	const struct key *key;
	enum hash hash;
	bool is_pss;
};

/* --- keys ------------------------------------------------------------------------ */

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
	const OSSL_PARAM *asked = OSSL_PARAM_locate_const(params, PARAM_ASKED);
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
		OSSL_PARAM_octet_string(PARAM_ASKED, NULL, 0),
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
	return operation == OSSL_OP_SIGNATURE ? NAME "-RSA" : NULL;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? NAME "-ECDSA" : NULL;
}

static const char *ed25519_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? NAME "-ED25519" : NULL;
}

/* --- signing ---------------------------------------------------------------------- */

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

/* --- tables ------------------------------------------------------------------------ */

/* OpenSSL's functions of any type travel as void (*)(void). */
#define F(id, function)                                                        \
	{                                                                      \
		id, (void (*)(void))(function)                                 \
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

static const OSSL_ALGORITHM key_table[] = {
	{ "RSA:rsaEncryption", PROPERTIES, rsa_keys, NULL },
	{ "EC:id-ecPublicKey", PROPERTIES, ec_keys, NULL },
	{ "ED25519", PROPERTIES, ed25519_keys, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_DISPATCH signing_functions[] = {
	F(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	F(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	F(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	F(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
	F(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	F(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	{ 0, NULL },
};

static const OSSL_ALGORITHM signing_table[] = {
	{ NAME "-RSA", PROPERTIES, signing_functions, NULL },
	{ NAME "-ECDSA", PROPERTIES, signing_functions, NULL },
	{ NAME "-ED25519", PROPERTIES, signing_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *context, int operation,
				   int *ret_no_cache)
{
	(void)context;
	*ret_no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return key_table;
	return operation == OSSL_OP_SIGNATURE ? signing_table : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		 const OSSL_DISPATCH **ret_functions, void **ret_context)
{
	static const OSSL_DISPATCH functions[] = {
		F(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), { 0, NULL }
	};
	/* It has nothing of its own; NULL would be no provider. */
	static const char context[] = NAME;
	const void *p = context;

	(void)handle;
	(void)in;
	*ret_functions = functions;
	memcpy(ret_context, &p, sizeof(p));
	return 1;
}

/* --- the provider ------------------------------------------------------------------- */

struct key_provider *key_provider_new(key_sign *sign, void *arg)
{
	struct key_provider *p = mem_new(sizeof(*p));

	p->sign = sign;
	p->arg = arg;
	p->library = OSSL_LIB_CTX_new();
	if (p->library != NULL &&
	    OSSL_PROVIDER_add_builtin(p->library, NAME, start) == 1) {
		p->standard = OSSL_PROVIDER_load(p->library, "default");
		p->own = OSSL_PROVIDER_load(p->library, NAME);
	}
	/* Keys of the same type, where either will do, are the standard's. */
	if (p->standard == NULL || p->own == NULL ||
	    EVP_set_default_properties(p->library, "?provider=default") != 1)
		key_provider_free(&p);
	return p;
}

void key_provider_free(struct key_provider **provider)
{
	struct key_provider *p = *provider;

	if (p == NULL)
		return;
	if (p->own != NULL)
		(void)OSSL_PROVIDER_unload(p->own);
	if (p->standard != NULL)
		(void)OSSL_PROVIDER_unload(p->standard);
	OSSL_LIB_CTX_free(p->library);
	mem_free(provider);
}

OSSL_LIB_CTX *key_provider_library(const struct key_provider *provider)
{
	return provider->library;
}

static const char *type_of(const EVP_PKEY *key)
{
	static const char *const types[] = { "RSA", "EC", "ED25519" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (EVP_PKEY_is_a(key, types[i]))
			return types[i];
	return NULL;
}

EVP_PKEY *key_provider_key(struct key_provider *provider,
			   const EVP_PKEY *public_key)
{
	struct asked who = { provider };
	const OSSL_PARAM asked[] = {
		OSSL_PARAM_construct_octet_string(PARAM_ASKED, &who,
						  sizeof(who)),
		OSSL_PARAM_construct_end(),
	};
	const char *type = type_of(public_key);
	OSSL_PARAM *public_part = NULL, *all = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;

	if (type != NULL)
		ctx = EVP_PKEY_CTX_new_from_name(provider->library, type,
						 PROPERTIES);
	if (ctx != NULL &&
	    EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &public_part) == 1)
		all = OSSL_PARAM_merge(public_part, asked);
	if (all != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, all);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(public_part);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return key;
}
