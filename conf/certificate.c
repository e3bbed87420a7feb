#include "conf/certificate.h"

#include "base/mem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { EXPIRING_DAYS = 14, RSA_BITS_MAX = 8192 };

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

static void free_chain(STACK_OF(X509) * *chain)
{
	sk_X509_pop_free(*chain, X509_free);
	*chain = NULL;
}

/* The server's own certificate first; NULL if one does not parse. */
static STACK_OF(X509) * read_chain(struct slice pem)
{
	AUTO(free_chain) STACK_OF(X509) *chain = sk_X509_new_null();
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	STACK_OF(X509) * ret;
	X509 *next;

	ERR_clear_error();
	while ((next = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		(void)sk_X509_push(chain, next);
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE ||
	    sk_X509_num(chain) == 0)
		return NULL;
	ERR_clear_error();
	ret = chain;
	chain = NULL;
	return ret;
}

EVP_PKEY *certificate_read_key(struct slice pem)
{
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);

	ERR_clear_error();
	return key;
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

/* Each is to be followed by its issuer (RFC 8446 4.4.2); a client that has
 * the issuer may still take it. */
static void check_order(STACK_OF(X509) * chain, const char *path,
			struct conf_errors *errors)
{
	for (int i = 0; i + 1 < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i + 1),
				      sk_X509_value(chain, i)) != X509_V_OK) {
			conf_errors_warn(errors, path, 0, NULL,
					 "certificate %d did not issue the one "
					 "before it: clients may not trust "
					 "this chain",
					 i + 2);
			return;
		}
}

/* Which certificate of the chain has this key; -1: none. */
static int find_owner(STACK_OF(X509) * chain, EVP_PKEY *key)
{
	int owner = -1;

	for (int i = 0; i < sk_X509_num(chain) && owner < 0; i++)
		if (X509_check_private_key(sk_X509_value(chain, i), key) == 1)
			owner = i;
	ERR_clear_error();
	return owner;
}

/* What `keyring` signs with. */
static bool is_known(const EVP_PKEY *key)
{
	static const char *const curves[] = { "prime256v1", "secp384r1",
					      "secp521r1" };
	char curve[80];

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
	if (!EVP_PKEY_is_a(key, "EC"))
		return EVP_PKEY_is_a(key, "ED25519") == 1;
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curve, curves[i]) == 0)
			return true;
	return false;
}

static bool check_pair(STACK_OF(X509) * chain, EVP_PKEY *key,
		       const char *chain_path, const char *key_path,
		       struct conf_errors *errors)
{
	int owner = find_owner(chain, key);

	if (owner > 0)
		conf_errors_add(errors, chain_path, 0, NULL,
				"the chain is in the wrong order: the key's "
				"certificate is number %d, and has to come "
				"first",
				owner + 1);
	else if (owner < 0)
		conf_errors_add(errors, key_path, 0, NULL,
				"this key does not belong to the first "
				"certificate in %s",
				chain_path);
	else if (!is_known(key))
		conf_errors_add(errors, key_path, 0, NULL,
				"a kind of key that is not supported; use "
				"ECDSA with P-256, P-384 or P-521, RSA or "
				"Ed25519");
	else
		return true;
	return false;
}

bool certificate_check(struct slice chain_pem, struct slice key_pem,
		       const char *chain_path, const char *key_path,
		       struct conf_errors *errors)
{
	AUTO(free_chain) STACK_OF(X509) *chain = read_chain(chain_pem);
	AUTO(free_key) EVP_PKEY *key = certificate_read_key(key_pem);

	ERR_clear_error();
	if (chain == NULL)
		conf_errors_add(errors, chain_path, 0, NULL,
				"this is no chain of certificates in PEM");
	if (key == NULL)
		conf_errors_add(errors, key_path, 0, NULL,
				"this is no private key in PEM without a "
				"password");
	if (chain == NULL || key == NULL ||
	    !check_pair(chain, key, chain_path, key_path, errors))
		return false;
	check_order(chain, chain_path, errors);
	check_dates(sk_X509_value(chain, 0), chain_path, errors);
	return true;
}

void certificate_check_dates(struct slice chain_pem, const char *chain_path,
			     struct conf_errors *errors)
{
	AUTO(free_chain) STACK_OF(X509) *chain = read_chain(chain_pem);

	if (chain != NULL)
		check_dates(sk_X509_value(chain, 0), chain_path, errors);
}

bool certificate_has_key(struct slice chain_pem, struct slice key_pem)
{
	AUTO(free_chain) STACK_OF(X509) *chain = read_chain(chain_pem);
	AUTO(free_key) EVP_PKEY *key = certificate_read_key(key_pem);

	return chain != NULL && key != NULL && find_owner(chain, key) == 0;
}
