#include "net/key_provider-private.h"

#include "base/mem.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

static const OSSL_ALGORITHM *query(void *context, int operation,
				   int *ret_no_cache)
{
	(void)context;
	*ret_no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return key_provider_keys;
	return operation == OSSL_OP_SIGNATURE ? key_provider_signing : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		 const OSSL_DISPATCH **ret_functions, void **ret_context)
{
	static const OSSL_DISPATCH functions[] = {
		F(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), { 0, NULL }
	};
	/* It has nothing of its own; NULL would be no provider. */
	static const char context[] = KEY_PROVIDER_NAME;
	const void *p = context;

	(void)handle;
	(void)in;
	*ret_functions = functions;
	memcpy(ret_context, &p, sizeof(p));
	return 1;
}

struct key_provider *key_provider_new(key_sign *sign, void *arg)
{
	struct key_provider *p = mem_new(sizeof(*p));

	p->sign = sign;
	p->arg = arg;
	p->library = OSSL_LIB_CTX_new();
	if (p->library != NULL &&
	    OSSL_PROVIDER_add_builtin(p->library, KEY_PROVIDER_NAME, start) ==
		    1) {
		p->standard = OSSL_PROVIDER_load(p->library, "default");
		p->own = OSSL_PROVIDER_load(p->library, KEY_PROVIDER_NAME);
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
		OSSL_PARAM_construct_octet_string(KEY_PROVIDER_ASKED, &who,
						  sizeof(who)),
		OSSL_PARAM_construct_end(),
	};
	const char *type = type_of(public_key);
	OSSL_PARAM *public_part = NULL, *all = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;

	if (type != NULL)
		ctx = EVP_PKEY_CTX_new_from_name(provider->library, type,
						 KEY_PROVIDER_PROPERTIES);
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
