#include "mail/dkim_record.h"

#include "test/unit/mail/dkim_sign.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ED "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static struct arena *a;

static int set_up(void **state)
{
	(void)state;
	a = arena_new(1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static const struct {
	const char *name, *record;
	enum dkim_record_fault want;
	bool is_testing, is_strict;
} records[] = {
	{ "all it may say",
	  "v=DKIM1; h=sha1:sha256; k=ed25519; n=a note; " ED
	  "; s=email:x; t=y:s:z; zz=1",
	  DKIM_RECORD_OK, true, true },
	{ "no version", "k=ed25519; " ED, DKIM_RECORD_OK, false, false },
	{ "all services", "k=ed25519; s=*; " ED, DKIM_RECORD_OK, false, false },
	{ "a folded key",
	  "k=ed25519; p=11qYAYKxCrfVS/7TyWQH "
	  "Og7hcvPapiMlrwIaaPcHURo=",
	  DKIM_RECORD_OK, false, false },
	{ "a version that is not first", "k=ed25519; v=DKIM1; " ED,
	  DKIM_RECORD_SYNTAX, false, false },
	{ "another version", "v=DKIM2; k=ed25519; " ED, DKIM_RECORD_SYNTAX,
	  false, false },
	{ "no key", "v=DKIM1; k=ed25519", DKIM_RECORD_SYNTAX, false, false },
	{ "nothing", "", DKIM_RECORD_SYNTAX, false, false },
	{ "a revoked key", "v=DKIM1; t=y; k=ed25519; p=", DKIM_RECORD_REVOKED,
	  true, false },
	{ "another type", "v=DKIM1; k=x; " ED, DKIM_RECORD_UNKNOWN, false,
	  false },
	{ "not for mail", "k=ed25519; s=tlsrpt; " ED, DKIM_RECORD_SERVICE,
	  false, false },
	{ "no service", "k=ed25519; s=; " ED, DKIM_RECORD_SERVICE, false,
	  false },
	{ "only SHA-1", "k=ed25519; h=sha1; " ED, DKIM_RECORD_HASH, false,
	  false },
	{ "no base64", "k=ed25519; p=x!", DKIM_RECORD_BROKEN, false, false },
	{ "too few octets", "k=ed25519; p=AAAA", DKIM_RECORD_BROKEN, false,
	  false },
	{ "no DER", "p=AAAA", DKIM_RECORD_BROKEN, false, false },
	{ "Ed25519 that says RSA", ED, DKIM_RECORD_BROKEN, false, false },
	/* An SPKI of P-256. */
	{ "neither of both",
	  "k=rsa; p=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
	  "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W"
	  "K84zV2sxXs7LtkBoN79R9Q==",
	  DKIM_RECORD_BROKEN, false, false },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct dkim_record key;

		print_message("%s\n", records[i].name);
		assert_int_equal(
			dkim_record_parse(slice_of(records[i].record), a, &key),
			records[i].want);
		assert_int_equal(key.key != NULL,
				 records[i].want == DKIM_RECORD_OK);
		assert_int_equal(key.is_testing, records[i].is_testing);
		assert_int_equal(key.is_strict, records[i].is_strict);
		dkim_record_done(&key);
	}
}

/* A public key whose modulus has so many bits; nobody has the private one. */
static EVP_PKEY *rsa_of(int bits)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	assert_int_equal(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD),
			 1);
	assert_int_equal(BN_set_word(e, 65537), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, "n", n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, "e", e), 1);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params),
		1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	BN_free(n);
	BN_free(e);
	return key;
}

static void test_sizes(void **state)
{
	static const struct {
		int bits;
		enum dkim_record_fault want;
	} sizes[] = {
		{ 512, DKIM_RECORD_TOO_SHORT },
		{ 1016, DKIM_RECORD_TOO_SHORT },
		{ 1024, DKIM_RECORD_OK },
		{ 2048, DKIM_RECORD_OK },
		{ 4096, DKIM_RECORD_OK },
		{ 4104, DKIM_RECORD_TOO_LONG },
		{ 16384, DKIM_RECORD_TOO_LONG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EVP_PKEY *rsa = rsa_of(sizes[i].bits);
		struct dkim_record key;

		print_message("%d bits\n", sizes[i].bits);
		assert_int_equal(
			dkim_record_parse(sign_record(rsa, a), a, &key),
			sizes[i].want);
		dkim_record_done(&key);
		EVP_PKEY_free(rsa);
	}
}

/* RFC 6376 3.6.1 can be read as if p= were this. */
static void test_bare_rsa_key(void **state)
{
	EVP_PKEY *rsa = rsa_of(2048);
	unsigned char *der = NULL, text[600];
	int n = i2d_PublicKey(rsa, &der);
	struct dkim_record key;

	(void)state;
	(void)EVP_EncodeBlock(text, der, n);
	assert_int_equal(
		dkim_record_parse(arena_format(a, "p=%s", text), a, &key),
		DKIM_RECORD_OK);
	dkim_record_done(&key);
	/* Something behind it. */
	(void)EVP_EncodeBlock(text, der, n - n % 3);
	assert_int_equal(
		dkim_record_parse(arena_format(a, "p=%sAAAA", text), a, &key),
		DKIM_RECORD_BROKEN);
	OPENSSL_free(der);
	EVP_PKEY_free(rsa);
}

static void test_signatures(void **state)
{
	EVP_PKEY *own = sign_ed25519_key();
	struct slice signature = sign_text(own, S("text"), a);
	struct dkim_record key;

	(void)state;
	assert_int_equal(dkim_record_parse(S(SIGN_ED25519_RECORD), a, &key),
			 DKIM_RECORD_OK);
	assert_int_equal(key.algorithm, DKIM_ED25519_SHA256);
	assert_true(dkim_record_verify(&key, S("text"), signature));
	assert_false(dkim_record_verify(&key, S("test"), signature));
	assert_false(dkim_record_verify(
		&key, S("text"), slice_head(signature, signature.n - 1)));
	assert_false(dkim_record_verify(&key, S("text"), S("")));
	dkim_record_done(&key);
	EVP_PKEY_free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bare_rsa_key),
		cmocka_unit_test(test_signatures),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
