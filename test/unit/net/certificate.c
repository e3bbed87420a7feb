#include "certificate.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

static char *take_text(BIO *bio)
{
	const char zero = '\0';
	char *p, *text;

	(void)BIO_write(bio, &zero, 1);
	(void)BIO_get_mem_data(bio, &p);
	text = mem_string(p);
	BIO_free(bio);
	return text;
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert(e != NULL);
	(void)X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static void set_name(X509_NAME *name, const char *text)
{
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					 (const unsigned char *)text, -1, -1,
					 0);
}

static X509 *make(EVP_PKEY *key, long valid_s)
{
	static long serial;
	X509 *x = X509_new();

	assert(x != NULL && key != NULL);
	(void)X509_set_version(x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), valid_s);
	(void)X509_set_pubkey(x, key);
	return x;
}

/* issuer: NULL for none to follow in the chain. */
static void write_pair(X509 *x, EVP_PKEY *key, X509 *issuer,
		       struct certificate_pem *ret_pem)
{
	BIO *chain = BIO_new(BIO_s_mem()), *private = BIO_new(BIO_s_mem());
	int ok;

	assert(chain != NULL && private != NULL);
	ok = PEM_write_bio_X509(chain, x) == 1 &&
	     (issuer == NULL || PEM_write_bio_X509(chain, issuer) == 1) &&
	     PEM_write_bio_PrivateKey(private, key, NULL, NULL, 0, NULL,
				      NULL) == 1;
	assert(ok);
	ret_pem->chain = take_text(chain);
	ret_pem->key = take_text(private);
}

static void sign(X509 *x, EVP_PKEY *key)
{
	bool is_ed25519 = EVP_PKEY_is_a(key, "ED25519") == 1;
	int size = X509_sign(x, key, is_ed25519 ? NULL : EVP_sha256());

	assert(size > 0);
}

void certificate_make(const char *names, struct certificate_pem *ret_pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	certificate_make_for(key, names, ret_pem);
	EVP_PKEY_free(key);
}

void certificate_make_for(EVP_PKEY *key, const char *names,
			  struct certificate_pem *ret_pem)
{
	X509 *x = make(key, 3600);

	add_extension(x, NID_subject_alt_name, names);
	sign(x, key);
	write_pair(x, key, NULL, ret_pem);
	X509_free(x);
}

void certificate_make_root(const char *name, struct certificate_pem *ret_pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make(key, 3600);

	set_name(X509_get_subject_name(x), name);
	set_name(X509_get_issuer_name(x), name);
	add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	sign(x, key);
	write_pair(x, key, NULL, ret_pem);
	X509_free(x);
	EVP_PKEY_free(key);
}

static X509 *read_certificate(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	assert(x != NULL);
	BIO_free(bio);
	return x;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	assert(key != NULL);
	BIO_free(bio);
	return key;
}

void certificate_make_by(const struct certificate_pem *root, const char *names,
			 long valid_s, struct certificate_pem *ret_pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *root_key = read_key(root->key);
	X509 *x = make(key, valid_s), *issuer = read_certificate(root->chain);

	(void)X509_set_issuer_name(x, X509_get_subject_name(issuer));
	add_extension(x, NID_subject_alt_name, names);
	sign(x, root_key);
	write_pair(x, key, issuer, ret_pem);
	X509_free(x);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
}

/* SHA-256 of the SubjectPublicKeyInfo: selector 1, matching type 1. */
static unsigned digest_key(X509 *x, unsigned char *ret_octets)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	unsigned size = 0;

	assert(n > 0);
	(void)EVP_Digest(der, (size_t)n, ret_octets, &size, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return size;
}

size_t certificate_tlsa(const struct certificate_pem *pem, unsigned usage,
			char ret_record[CERTIFICATE_TLSA_OCTETS])
{
	X509 *x = read_certificate(pem->chain);
	unsigned n;

	ret_record[0] = (char)usage;
	ret_record[1] = 1;
	ret_record[2] = 1;
	n = digest_key(x, (unsigned char *)ret_record + 3);
	X509_free(x);
	return n + 3;
}

void certificate_free(struct certificate_pem *pem)
{
	mem_free(&pem->chain);
	mem_free(&pem->key);
}
