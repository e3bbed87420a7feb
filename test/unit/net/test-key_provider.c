#include "net/key_provider.h"

#include "base/mem.h"
#include "certificate.h"
#include "net/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

enum { TURNS = 20 };

/* Who has the key, and what he was asked. */
struct world {
	EVP_PKEY *key;
	unsigned asked;
	size_t text_octets;
	enum tls_scheme scheme;
	bool refuses, lies;
};

static bool is_id_of(struct slice id, const EVP_PKEY *key)
{
	unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
	int n = i2d_PUBKEY(key, &der);

	assert_true(n > 0);
	SHA256(der, (size_t)n, hash);
	OPENSSL_free(der);
	return id.n == sizeof(hash) && memcmp(id.p, hash, id.n) == 0;
}

static const char *digest_of(enum tls_scheme scheme)
{
	switch (scheme) {
	case TLS_RSA_PKCS1_SHA256:
	case TLS_RSA_PSS_SHA256:
	case TLS_ECDSA_SHA256:
		return "SHA256";
	case TLS_RSA_PKCS1_SHA384:
	case TLS_RSA_PSS_SHA384:
	case TLS_ECDSA_SHA384:
		return "SHA384";
	case TLS_RSA_PKCS1_SHA512:
	case TLS_RSA_PSS_SHA512:
	case TLS_ECDSA_SHA512:
		return "SHA512";
	case TLS_ED25519:
		break;
	}
	return NULL;
}

static bool is_pss(enum tls_scheme scheme)
{
	return scheme >= TLS_RSA_PSS_SHA256 && scheme <= TLS_RSA_PSS_SHA512;
}

static size_t sign(const struct key_question *q, char *room, size_t n,
		   void *arg)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const void *text = q->text.p;
	struct world *w = arg;
	EVP_PKEY_CTX *pkey_ctx;
	void *out = room;

	w->asked++;
	w->scheme = q->scheme;
	w->text_octets = q->text.n;
	assert_true(is_id_of(q->id, w->key));
	assert_int_equal(EVP_DigestSignInit_ex(ctx, &pkey_ctx,
					       digest_of(q->scheme), NULL, NULL,
					       w->key, NULL),
			 1);
	if (is_pss(q->scheme)) {
		(void)EVP_PKEY_CTX_set_rsa_padding(pkey_ctx,
						   RSA_PKCS1_PSS_PADDING);
		(void)EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx,
						       RSA_PSS_SALTLEN_DIGEST);
	}
	assert_int_equal(EVP_DigestSign(ctx, out, &n, text, q->text.n), 1);
	EVP_MD_CTX_free(ctx);
	if (w->lies)
		room[n / 2] ^= 1;
	return w->refuses ? 0 : n;
}

/* Both ends in turn, over a pair of memory. */
static bool shake_hands(SSL *server, SSL *client)
{
	BIO *one, *two;

	assert_int_equal(BIO_new_bio_pair(&one, 0, &two, 0), 1);
	SSL_set_bio(server, one, one);
	SSL_set_bio(client, two, two);
	SSL_set_connect_state(client);
	for (int i = 0; i < TURNS; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	ERR_clear_error();
	return SSL_is_init_finished(server) == 1 &&
	       SSL_is_init_finished(client) == 1;
}

static bool try_handshake(struct world *w, int version, const char *ciphers,
			  const char *schemes)
{
	struct key_provider *keys = key_provider_new(sign, w);
	struct tls_server *server = tls_server_new();
	struct certificate_pem pem;
	const char *problem = NULL;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *s, *c;
	bool ok;

	assert_non_null(keys);
	certificate_make_for(w->key, "DNS:a.example", &pem);
	assert_int_equal(tls_server_add_chain(server, slice_of(pem.chain), keys,
					      &problem),
			 0);
	s = tls_server_session(server);
	(void)SSL_CTX_set_min_proto_version(ctx, version);
	(void)SSL_CTX_set_max_proto_version(ctx, version);
	if (ciphers != NULL)
		(void)SSL_CTX_set_cipher_list(ctx, ciphers);
	if (schemes != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, schemes), 1);
	c = SSL_new(ctx);
	assert_true(s != NULL && c != NULL);
	ok = shake_hands(s, c);
	SSL_free(s);
	SSL_free(c);
	SSL_CTX_free(ctx);
	tls_server_free(&server);
	certificate_free(&pem);
	key_provider_free(&keys);
	return ok;
}

static EVP_PKEY *make_key(const char *kind)
{
	if (strncmp(kind, "RSA-", 4) == 0)
		return EVP_RSA_gen((unsigned)atoi(kind + 4));
	if (strcmp(kind, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(kind);
}

struct handshake_case {
	const char *kind, *schemes; /* schemes NULL: what a client offers */
	int version;
	enum tls_scheme want;
};

static const struct handshake_case cases[] = {
	{ "P-256", NULL, TLS1_2_VERSION, TLS_ECDSA_SHA256 },
	{ "P-256", NULL, TLS1_3_VERSION, TLS_ECDSA_SHA256 },
	{ "P-256", "ECDSA+SHA384", TLS1_2_VERSION, TLS_ECDSA_SHA384 },
	{ "P-384", NULL, TLS1_3_VERSION, TLS_ECDSA_SHA384 },
	{ "P-384", NULL, TLS1_2_VERSION, TLS_ECDSA_SHA256 },
	{ "P-521", NULL, TLS1_3_VERSION, TLS_ECDSA_SHA512 },
	{ "RSA-2048", NULL, TLS1_2_VERSION, TLS_RSA_PSS_SHA256 },
	{ "RSA-2048", NULL, TLS1_3_VERSION, TLS_RSA_PSS_SHA256 },
	{ "RSA-2048", "RSA-PSS+SHA384", TLS1_3_VERSION, TLS_RSA_PSS_SHA384 },
	{ "RSA-2048", "RSA-PSS+SHA512", TLS1_2_VERSION, TLS_RSA_PSS_SHA512 },
	{ "RSA-2048", "RSA+SHA256", TLS1_2_VERSION, TLS_RSA_PKCS1_SHA256 },
	{ "RSA-2048", "RSA+SHA384", TLS1_2_VERSION, TLS_RSA_PKCS1_SHA384 },
	{ "RSA-2048", "RSA+SHA512", TLS1_2_VERSION, TLS_RSA_PKCS1_SHA512 },
	{ "RSA-3072", NULL, TLS1_3_VERSION, TLS_RSA_PSS_SHA256 },
	{ "RSA-4096", NULL, TLS1_2_VERSION, TLS_RSA_PSS_SHA256 },
	{ "RSA-4096", NULL, TLS1_3_VERSION, TLS_RSA_PSS_SHA256 },
	{ "ED25519", NULL, TLS1_2_VERSION, TLS_ED25519 },
	{ "ED25519", NULL, TLS1_3_VERSION, TLS_ED25519 },
};

static void test_handshakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct handshake_case *c = &cases[i];
		struct world w = { .key = make_key(c->kind) };
		bool ok = try_handshake(&w, c->version, NULL, c->schemes);

		EVP_PKEY_free(w.key);
		print_message("  %s %x: %d, asked %u, scheme %04x, %zu\n",
			      c->kind, (unsigned)c->version, ok, w.asked,
			      w.scheme, w.text_octets);
		assert_true(ok);
		assert_int_equal(w.asked, 1);
		assert_int_equal(w.scheme, c->want);
	}
}

/* The whole text, by whose shape it can be told what it is. */
static void test_text(void **state)
{
	struct world w = { .key = make_key("P-256") };

	(void)state;
	assert_true(try_handshake(&w, TLS1_3_VERSION, NULL, NULL));
	assert_true(w.text_octets == 64 + 34 + 32 ||
		    w.text_octets == 64 + 34 + 48);
	assert_true(try_handshake(&w, TLS1_2_VERSION, NULL, NULL));
	assert_true(w.text_octets == 64 + 4 + 32);
	EVP_PKEY_free(w.key);
}

static void test_failures(void **state)
{
	struct world w = { .key = make_key("P-256"), .refuses = true };

	(void)state;
	assert_false(try_handshake(&w, TLS1_2_VERSION, NULL, NULL));
	assert_false(try_handshake(&w, TLS1_3_VERSION, NULL, NULL));
	w.refuses = false;
	w.lies = true;
	assert_false(try_handshake(&w, TLS1_2_VERSION, NULL, NULL));
	assert_false(try_handshake(&w, TLS1_3_VERSION, NULL, NULL));
	assert_int_equal(w.asked, 4);
	/* Nothing but ECDHE: a key is never asked to decrypt. */
	assert_false(
		try_handshake(&w, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL));
	assert_int_equal(w.asked, 4);
	EVP_PKEY_free(w.key);
}

/* What has the public part only gives nothing else away, and is no key of
 * other kinds. */
static void test_keys(void **state)
{
	struct world w = { .key = make_key("P-256") };
	struct key_provider *keys = key_provider_new(sign, &w);
	EVP_PKEY *key = key_provider_key(keys, w.key);
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	OSSL_PARAM *params = NULL;
	unsigned char text[] = "text";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	(void)state;
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_eq(key, w.key), 1);
	assert_int_equal(EVP_PKEY_eq(w.key, key), 1);
	assert_int_not_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params),
			     1);
	assert_null(key_provider_key(keys, other));
	assert_int_equal(EVP_PKEY_get_bits(key), 256);
	/* It signs whole texts only. */
	(void)EVP_DigestSignInit_ex(ctx, NULL, "SHA256",
				    key_provider_library(keys), NULL, key,
				    NULL);
	assert_int_equal(EVP_DigestSignUpdate(ctx, text, 4), 0);
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(other);
	EVP_PKEY_free(key);
	key_provider_free(&keys);
	assert_null(keys);
	EVP_PKEY_free(w.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
