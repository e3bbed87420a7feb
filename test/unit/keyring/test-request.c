#include "keyring/request.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

#define BLOCK(domain, selector, algorithm)                                     \
	"from:ann@one.example\r\ndkim-signature:v=1; a=" algorithm             \
	"; d=" domain "; s=" selector "; h=from; bh=eA==; b="

struct world {
	struct keys *keys;
	EVP_PKEY *rsa, *p256, *p384, *ed25519;
	struct slice id_rsa, id_p256, id_p384, id_ed25519;
};

/* All in the set: as a certificate's, and RSA and Ed25519 for DKIM. */
static void put_key(struct world *w, EVP_PKEY *key, enum signing signing,
		    const char *selector)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct msg_conf_key m = { .signing = signing,
				  .domain = SLICE("one.example"),
				  .selector = slice_of(selector) };
	char *text = NULL;

	assert_int_equal(
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
		1);
	m.pem.n = (size_t)BIO_get_mem_data(bio, &text);
	m.pem.p = text;
	assert_true(keys_add(w->keys, &m));
	BIO_free(bio);
}

static struct slice put_server_key(struct world *w, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	char *id = mem_new(KEY_ID_OCTETS);
	void *out = id;

	assert_true(n > 0);
	SHA256(der, (size_t)n, out);
	OPENSSL_free(der);
	put_key(w, key, SIGN_HANDSHAKE, "");
	return (struct slice){ id, KEY_ID_OCTETS };
}

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->keys = keys_new();
	w->rsa = EVP_RSA_gen(2048);
	w->p256 = EVP_EC_gen("P-256");
	w->p384 = EVP_EC_gen("P-384");
	w->ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	w->id_rsa = put_server_key(w, w->rsa);
	w->id_p256 = put_server_key(w, w->p256);
	w->id_p384 = put_server_key(w, w->p384);
	w->id_ed25519 = put_server_key(w, w->ed25519);
	put_key(w, w->rsa, SIGN_HEADER, "k1");
	put_key(w, w->ed25519, SIGN_HEADER, "k2");
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	keys_free(&w->keys);
	EVP_PKEY_free(w->rsa);
	EVP_PKEY_free(w->p256);
	EVP_PKEY_free(w->p384);
	EVP_PKEY_free(w->ed25519);
	mem_free(&w->id_rsa.p);
	mem_free(&w->id_p256.p);
	mem_free(&w->id_p384.p);
	mem_free(&w->id_ed25519.p);
	mem_free(&w);
	return 0;
}

static struct slice tls13_text(void)
{
	static char text[64 + 34 + 32];

	memset(text, ' ', 64);
	memcpy(text + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(text + 98, 'h', 32);
	return (struct slice){ text, sizeof(text) };
}

static struct slice tls12_text(void)
{
	static char text[64 + 4 + 32];

	memset(text, 'r', 64);
	memcpy(text + 64, "\x03\x00\x1d\x20", 4);
	memset(text + 68, 'p', 32);
	return (struct slice){ text, sizeof(text) };
}

/* Asks as a role would; NULL when it was signed. */
static const char *ask(const struct world *w, enum role role,
		       const struct msg_sign *m, struct slice *ret_signature)
{
	static char room[KEY_SIGNATURE_OCTETS];

	return request_sign(
		role, m, keys_find(w->keys, (enum signing)m->signing, m->key),
		room, ret_signature);
}

static bool verifies(EVP_PKEY *key, const char *digest, bool is_pss,
		     struct slice text, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_ctx;
	const void *in = text.p, *sig = signature.p;
	int ok;

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pkey_ctx, digest, NULL,
						 NULL, key, NULL),
			 1);
	if (is_pss) {
		(void)EVP_PKEY_CTX_set_rsa_padding(pkey_ctx,
						   RSA_PKCS1_PSS_PADDING);
		(void)EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx,
						       RSA_PSS_SALTLEN_DIGEST);
	}
	ok = EVP_DigestVerify(ctx, sig, signature.n, in, text.n);
	EVP_MD_CTX_free(ctx);
	return ok == 1;
}

enum which { RSA_KEY, P256_KEY, P384_KEY, ED25519_KEY };

struct handshake_case {
	uint32_t scheme;
	enum which key;
	bool in_tls12, in_tls13;
	const char *digest;
	bool is_pss;
};

/* RFC 8446 4.2.3, RFC 8422 5.4 */
static const struct handshake_case handshake_cases[] = {
	{ TLS_RSA_PKCS1_SHA256, RSA_KEY, true, false, "SHA256", false },
	{ TLS_RSA_PKCS1_SHA384, RSA_KEY, true, false, "SHA384", false },
	{ TLS_RSA_PKCS1_SHA512, RSA_KEY, true, false, "SHA512", false },
	{ TLS_RSA_PSS_SHA256, RSA_KEY, true, true, "SHA256", true },
	{ TLS_RSA_PSS_SHA384, RSA_KEY, true, true, "SHA384", true },
	{ TLS_RSA_PSS_SHA512, RSA_KEY, true, true, "SHA512", true },
	{ TLS_ECDSA_SHA256, P256_KEY, true, true, "SHA256", false },
	{ TLS_ECDSA_SHA384, P384_KEY, true, true, "SHA384", false },
	{ TLS_ECDSA_SHA384, P256_KEY, true, false, "SHA384", false },
	{ TLS_ECDSA_SHA256, P384_KEY, true, false, "SHA256", false },
	{ TLS_ED25519, ED25519_KEY, true, true, NULL, false },
	{ TLS_ED25519, P256_KEY, false, false, NULL, false },
	{ TLS_ECDSA_SHA256, RSA_KEY, false, false, "SHA256", false },
	{ TLS_RSA_PSS_SHA256, P256_KEY, false, false, "SHA256", true },
	{ 0x0201 /* rsa_pkcs1_sha1 */, RSA_KEY, false, false, "SHA1", false },
	{ 0x0203 /* ecdsa_sha1 */, P256_KEY, false, false, "SHA1", false },
	{ 0, RSA_KEY, false, false, "SHA256", false },
};

static void check_handshake(const struct world *w,
			    const struct handshake_case *c, struct slice text,
			    bool is_signed)
{
	const struct slice ids[] = { w->id_rsa, w->id_p256, w->id_p384,
				     w->id_ed25519 };
	EVP_PKEY *const keys[] = { w->rsa, w->p256, w->p384, w->ed25519 };
	const struct msg_sign m = { .signing = SIGN_HANDSHAKE,
				    .key = ids[c->key],
				    .scheme = c->scheme,
				    .text = text };
	struct slice signature;
	const char *problem = ask(w, ROLE_RECEIVE, &m, &signature);

	if ((problem == NULL) != is_signed)
		fail_msg("scheme %04x, key %u: %s", c->scheme, c->key,
			 problem != NULL ? problem : "signed");
	if (is_signed)
		assert_true(verifies(keys[c->key], c->digest, c->is_pss, text,
				     signature));
}

static void test_handshakes(void **state)
{
	for (size_t i = 0;
	     i < sizeof(handshake_cases) / sizeof(handshake_cases[0]); i++) {
		const struct handshake_case *c = &handshake_cases[i];

		check_handshake(*state, c, tls12_text(), c->in_tls12);
		check_handshake(*state, c, tls13_text(), c->in_tls13);
	}
}

static void test_headers(void **state)
{
	const struct world *w = *state;
	struct msg_sign m = { .signing = SIGN_HEADER,
			      .key = SLICE("k1._domainkey.one.example"),
			      .scheme = TLS_RSA_PKCS1_SHA256,
			      .text = SLICE(BLOCK("One.example", "k1",
						  "rsa-sha256")) };
	unsigned char hash[SHA256_DIGEST_LENGTH];
	const void *text = hash, *block;
	struct slice signature;

	assert_null(ask(w, ROLE_RECEIVE, &m, &signature));
	assert_true(verifies(w->rsa, "SHA256", false, m.text, signature));
	assert_null(ask(w, ROLE_QUEUE, &m, &signature));
	m.key = S("k2._domainkey.one.example");
	m.scheme = TLS_ED25519;
	m.text = S(BLOCK("one.example", "k2", "ed25519-sha256"));
	assert_null(ask(w, ROLE_QUEUE, &m, &signature));
	block = m.text.p;
	SHA256(block, m.text.n, hash);
	assert_true(verifies(w->ed25519, NULL, false,
			     (struct slice){ text, sizeof(hash) }, signature));
}

struct refusal {
	const char *name;
	enum role role;
	struct msg_sign m;
};

static void test_refusals(void **state)
{
	const struct world *w = *state;
	const struct slice k1 = SLICE("k1._domainkey.one.example");
	const struct slice good =
		SLICE(BLOCK("one.example", "k1", "rsa-sha256"));
	const uint32_t rsa = TLS_RSA_PKCS1_SHA256, pss = TLS_RSA_PSS_SHA256;
	const struct refusal refusals[] = {
		{ "the queue has no handshakes",
		  ROLE_QUEUE,
		  { .signing = SIGN_HANDSHAKE,
		    .key = w->id_rsa,
		    .scheme = pss,
		    .text = tls13_text() } },
		{ "others have nothing",
		  ROLE_DELIVER,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = rsa,
		    .text = good } },
		{ "a DKIM key signs no handshake",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HANDSHAKE,
		    .key = k1,
		    .scheme = pss,
		    .text = tls13_text() } },
		{ "a handshake is no header",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = rsa,
		    .text = tls13_text() } },
		{ "a certificate's key signs no header",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = w->id_rsa,
		    .scheme = rsa,
		    .text = good } },
		{ "a header is no handshake",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HANDSHAKE,
		    .key = w->id_rsa,
		    .scheme = rsa,
		    .text = good } },
		{ "any octets are no handshake",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HANDSHAKE,
		    .key = w->id_rsa,
		    .scheme = pss,
		    .text = SLICE("pay a thousand to the bearer") } },
		{ "another domain",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = rsa,
		    .text = SLICE(BLOCK("two.example", "k1", "rsa-sha256")) } },
		{ "another selector",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = rsa,
		    .text = SLICE(BLOCK("one.example", "k2", "rsa-sha256")) } },
		{ "another algorithm in the field",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = rsa,
		    .text = SLICE(
			    BLOCK("one.example", "k1", "ed25519-sha256")) } },
		{ "another scheme than the key's",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = TLS_ED25519,
		    .text = SLICE(
			    BLOCK("one.example", "k1", "ed25519-sha256")) } },
		{ "a scheme that DKIM does not have",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = k1,
		    .scheme = pss,
		    .text = good } },
		{ "no such key",
		  ROLE_RECEIVE,
		  { .signing = SIGN_HEADER,
		    .key = SLICE("k9._domainkey.one.example"),
		    .scheme = rsa,
		    .text = good } },
		{ "no such thing to sign",
		  ROLE_RECEIVE,
		  { .signing = 7, .key = k1, .scheme = rsa, .text = good } },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct slice signature = { .n = 0 };

		if (ask(w, refusals[i].role, &refusals[i].m, &signature) ==
		    NULL)
			fail_msg("signed: %s", refusals[i].name);
		assert_int_equal(signature.n, 0);
	}
}

static void test_keys(void **state)
{
	struct msg_conf_key m = { .signing = SIGN_HANDSHAKE,
				  .pem = SLICE("-----BEGIN NOTHING-----\n") };
	struct world *w = *state;

	assert_int_equal(keys_count(w->keys), 6);
	assert_false(keys_add(w->keys, &m));
	assert_int_equal(keys_count(w->keys), 6);
	assert_null(keys_find(NULL, SIGN_HANDSHAKE, w->id_rsa));
	assert_non_null(keys_find(w->keys, SIGN_HANDSHAKE, w->id_rsa));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
