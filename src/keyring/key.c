#include "keyring/key.h"

#include "base/mem.h"
#include "proc/message.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 8192 };

struct key {
	EVP_PKEY *pkey;
	enum key_kind kind;
	unsigned char id[KEY_ID_OCTETS];
};

/* How a scheme signs; digest NULL: Ed25519 has its own. */
struct scheme {
	uint32_t id;
	const char *digest;
	bool is_rsa, is_pss;
	enum key_kind curve; /* in TLS 1.3, if not RSA */
};

static const struct scheme schemes[] = {
	{ TLS_RSA_PKCS1_SHA256, "SHA256", true, false, KEY_RSA },
	{ TLS_RSA_PKCS1_SHA384, "SHA384", true, false, KEY_RSA },
	{ TLS_RSA_PKCS1_SHA512, "SHA512", true, false, KEY_RSA },
	{ TLS_RSA_PSS_SHA256, "SHA256", true, true, KEY_RSA },
	{ TLS_RSA_PSS_SHA384, "SHA384", true, true, KEY_RSA },
	{ TLS_RSA_PSS_SHA512, "SHA512", true, true, KEY_RSA },
	{ TLS_ECDSA_SHA256, "SHA256", false, false, KEY_P256 },
	{ TLS_ECDSA_SHA384, "SHA384", false, false, KEY_P384 },
	{ TLS_ECDSA_SHA512, "SHA512", false, false, KEY_P521 },
	{ TLS_ED25519, NULL, false, false, KEY_ED25519 },
};

static const struct scheme *find_scheme(uint32_t id)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (schemes[i].id == id)
			return &schemes[i];
	return NULL;
}

/* --- reading -------------------------------------------------------------------- */

static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static bool find_curve(const EVP_PKEY *pkey, enum key_kind *ret_kind)
{
	static const struct {
		const char *name;
		enum key_kind kind;
	} curves[] = { { "prime256v1", KEY_P256 },
		       { "secp384r1", KEY_P384 },
		       { "secp521r1", KEY_P521 } };
	char name[80];

	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curves[i].name, name) == 0) {
			*ret_kind = curves[i].kind;
			return true;
		}
	}
	return false;
}

static bool find_kind(const EVP_PKEY *pkey, enum key_kind *ret_kind)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (EVP_PKEY_is_a(pkey, "EC"))
		return find_curve(pkey, ret_kind);
	*ret_kind = EVP_PKEY_is_a(pkey, "RSA") ? KEY_RSA : KEY_ED25519;
	return *ret_kind == KEY_RSA
		       ? bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX
		       : EVP_PKEY_is_a(pkey, "ED25519") == 1;
}

static bool find_id(const EVP_PKEY *pkey, unsigned char ret_id[KEY_ID_OCTETS])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, ret_id, NULL,
				      EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

struct key *key_new(struct slice pem)
{
	AUTO(key_free) struct key *k = mem_new(sizeof(*k));
	BIO *bio = pem.n <= 1 << 20 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	struct key *ret;

	if (bio != NULL)
		k->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	(void)BIO_free(bio);
	ERR_clear_error();
	if (k->pkey == NULL || !find_kind(k->pkey, &k->kind) ||
	    !find_id(k->pkey, k->id))
		return NULL;
	ret = k;
	k = NULL;
	return ret;
}

void key_free(struct key **key)
{
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pkey);
	mem_free(key);
}

enum key_kind key_kind(const struct key *key)
{
	return key->kind;
}

struct slice key_id(const struct key *key)
{
	const void *p = key->id;

	return (struct slice){ p, sizeof(key->id) };
}

/* --- signing -------------------------------------------------------------------- */

static bool is_ecdsa(enum key_kind kind)
{
	return kind == KEY_P256 || kind == KEY_P384 || kind == KEY_P521;
}

bool key_fits(const struct key *key, uint32_t scheme, enum handshake version)
{
	const struct scheme *s = find_scheme(scheme);

	if (s == NULL || version == HANDSHAKE_NONE)
		return false;
	if (s->is_rsa)
		return key->kind == KEY_RSA &&
		       (s->is_pss || version == HANDSHAKE_TLS12);
	return key->kind == s->curve ||
	       (version == HANDSHAKE_TLS12 && is_ecdsa(key->kind) &&
		is_ecdsa(s->curve));
}

static bool use_pss(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) ==
		       1;
}

struct slice key_sign(const struct key *key, uint32_t scheme, struct slice text,
		      char room[KEY_SIGNATURE_OCTETS])
{
	const struct scheme *s = find_scheme(scheme);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_ctx = NULL;
	size_t n = KEY_SIGNATURE_OCTETS;
	const void *in = text.p;
	void *out = room;
	bool ok = ctx != NULL && s != NULL &&
		  EVP_DigestSignInit_ex(ctx, &pkey_ctx, s->digest, NULL, NULL,
					key->pkey, NULL) == 1 &&
		  (!s->is_pss || use_pss(pkey_ctx)) &&
		  EVP_DigestSign(ctx, out, &n, in, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return (struct slice){ room, ok ? n : 0 };
}
