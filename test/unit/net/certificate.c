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

static void add_names(X509 *x, const char *names)
{
	X509_EXTENSION *e =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	assert(e != NULL);
	(void)X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

void certificate_make(const char *names, struct certificate_pem *ret_pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *chain = BIO_new(BIO_s_mem()), *private = BIO_new(BIO_s_mem());
	int ok;

	assert(key != NULL && x != NULL && chain != NULL && private != NULL);
	(void)X509_set_version(x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), -60);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	(void)X509_set_pubkey(x, key);
	add_names(x, names);
	ok = X509_sign(x, key, EVP_sha256()) > 0 &&
	     PEM_write_bio_X509(chain, x) == 1 &&
	     PEM_write_bio_PrivateKey(private, key, NULL, NULL, 0, NULL,
				      NULL) == 1;
	assert(ok);
	ret_pem->chain = take_text(chain);
	ret_pem->key = take_text(private);
	X509_free(x);
	EVP_PKEY_free(key);
}

void certificate_free(struct certificate_pem *pem)
{
	mem_free(&pem->chain);
	mem_free(&pem->key);
}
