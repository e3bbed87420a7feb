#include "conf/certificate.h"

#include "base/mem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

enum { EXPIRING_DAYS = 14, DAY_SECONDS = 86400 };

static void free_x509(X509 **x)
{
	X509_free(*x);
	*x = NULL;
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

static void free_bio(BIO **bio)
{
	(void)BIO_free(*bio);
	*bio = NULL;
}

/* Without it OpenSSL would ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)is_writing;
	(void)arg;
	return -1;
}

/* The server's own certificate; those that follow must at least parse. */
static X509 *read_chain(struct slice pem)
{
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *leaf = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	X509 *next;

	if (leaf == NULL)
		return NULL;
	while ((next = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		X509_free(next);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		X509_free(leaf);
		return NULL;
	}
	ERR_clear_error();
	return leaf;
}

static EVP_PKEY *read_key(struct slice pem)
{
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);

	return PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
}

static void check_dates(const X509 *leaf, const char *path,
			struct conf_errors *errors)
{
	int days = 0, seconds = 0;

	if (X509_cmp_time(X509_get0_notBefore(leaf), NULL) > 0) {
		conf_errors_warn(errors, path, 0, NULL,
				 "the certificate is not valid yet");
		return;
	}
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) !=
	    1) {
		conf_errors_warn(errors, path, 0, NULL,
				 "the certificate's last day is unreadable");
		return;
	}
	if (days < 0 || seconds < 0) {
		conf_errors_warn(errors, path, 0, NULL,
				 "the certificate has expired");
		return;
	}
	if (days < EXPIRING_DAYS)
		conf_errors_warn(errors, path, 0, NULL,
				 "the certificate expires in %d days", days);
}

bool certificate_check(struct slice chain_pem, struct slice key_pem,
		       const char *chain_path, const char *key_path,
		       struct conf_errors *errors)
{
	AUTO(free_x509) X509 *leaf = read_chain(chain_pem);
	AUTO(free_key) EVP_PKEY *key = read_key(key_pem);
	bool fits;

	ERR_clear_error();
	if (leaf == NULL)
		conf_errors_add(errors, chain_path, 0, NULL,
				"this is no chain of certificates in PEM");
	if (key == NULL)
		conf_errors_add(errors, key_path, 0, NULL,
				"this is no private key in PEM without a "
				"password");
	if (leaf == NULL || key == NULL)
		return false;
	fits = X509_check_private_key(leaf, key) == 1;
	ERR_clear_error();
	if (!fits) {
		conf_errors_add(errors, key_path, 0, NULL,
				"this key does not belong to the first "
				"certificate in %s",
				chain_path);
		return false;
	}
	check_dates(leaf, chain_path, errors);
	return true;
}
