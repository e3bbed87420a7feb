#include "mail/dkim_record.h"

#include "mail/dkim_tags.h"

#include <openssl/err.h>
#include <openssl/x509.h>

enum { ED25519_OCTETS = 32, ED25519_SIGNATURE_OCTETS = 64 };

/* --- the public key --------------------------------------------------------------- */

/* RFC 6376 3.6.1 has a SubjectPublicKeyInfo in its examples and an RSAPublicKey
 * in its words; both are found. */
static EVP_PKEY *read_rsa(struct slice der)
{
	const unsigned char *end = (const unsigned char *)der.p + der.n;
	const unsigned char *p = (const unsigned char *)der.p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.n);

	if (key == NULL) {
		p = (const unsigned char *)der.p;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.n);
	}
	if (key != NULL && (p != end || !EVP_PKEY_is_a(key, "RSA"))) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	ERR_clear_error();
	return key;
}

static EVP_PKEY *read_ed25519(struct slice octets)
{
	EVP_PKEY *key = NULL;

	if (octets.n == ED25519_OCTETS)
		key = EVP_PKEY_new_raw_public_key(
			EVP_PKEY_ED25519, NULL, (const unsigned char *)octets.p,
			octets.n);
	ERR_clear_error();
	return key;
}

static enum dkim_record_fault check_size(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (!EVP_PKEY_is_a(key, "RSA"))
		return DKIM_RECORD_OK;
	if (bits < DKIM_RSA_BITS)
		return DKIM_RECORD_TOO_SHORT;
	return bits > DKIM_RSA_BITS_MAX ? DKIM_RECORD_TOO_LONG : DKIM_RECORD_OK;
}

static enum dkim_record_fault read_key(struct slice octets,
				       struct dkim_record *key)
{
	enum dkim_record_fault fault;

	key->key = key->algorithm == DKIM_RSA_SHA256 ? read_rsa(octets)
						     : read_ed25519(octets);
	if (key->key == NULL)
		return DKIM_RECORD_BROKEN;
	fault = check_size(key->key);
	if (fault != DKIM_RECORD_OK)
		dkim_record_done(key);
	return fault;
}

/* --- the record ------------------------------------------------------------------- */

/* v= may be missing, but comes first and is DKIM1. */
static bool is_key_record(const struct dkim_tags *tags)
{
	const struct dkim_tag *version = dkim_tags_find(tags, S("v"));

	return version == NULL || (version == &tags->items[0] &&
				   slice_equal(version->value, S("DKIM1")));
}

static bool read_type(const struct dkim_tags *tags, struct dkim_record *key)
{
	const struct dkim_tag *type = dkim_tags_find(tags, S("k"));

	key->algorithm = DKIM_RSA_SHA256;
	if (type == NULL || slice_equal_nocase(type->value, S("rsa")))
		return true;
	key->algorithm = DKIM_ED25519_SHA256;
	return slice_equal_nocase(type->value, S("ed25519"));
}

/* s=: RFC 6376 3.6.1. */
static bool is_for_mail(const struct dkim_tags *tags)
{
	const struct dkim_tag *services = dkim_tags_find(tags, S("s"));

	return services == NULL || dkim_tags_lists(services->value, S("*")) ||
	       dkim_tags_lists(services->value, S("email"));
}

static bool permits_sha256(const struct dkim_tags *tags)
{
	const struct dkim_tag *hashes = dkim_tags_find(tags, S("h"));

	return hashes == NULL || dkim_tags_lists(hashes->value, S("sha256"));
}

enum dkim_record_fault dkim_record_parse(struct slice text, struct arena *arena,
					 struct dkim_record *ret_key)
{
	struct dkim_tags tags;
	const struct dkim_tag *public_key;
	struct slice flags, octets;

	*ret_key = (struct dkim_record){ .key = NULL };
	if (!dkim_tags_parse(text, &tags) || !is_key_record(&tags))
		return DKIM_RECORD_SYNTAX;
	flags = dkim_tags_value(&tags, S("t"));
	ret_key->is_testing = dkim_tags_lists(flags, S("y"));
	ret_key->is_strict = dkim_tags_lists(flags, S("s"));
	public_key = dkim_tags_find(&tags, S("p"));
	if (public_key == NULL)
		return DKIM_RECORD_SYNTAX;
	if (public_key->value.n == 0)
		return DKIM_RECORD_REVOKED;
	if (!read_type(&tags, ret_key))
		return DKIM_RECORD_UNKNOWN;
	if (!is_for_mail(&tags))
		return DKIM_RECORD_SERVICE;
	if (!permits_sha256(&tags))
		return DKIM_RECORD_HASH;
	if (!dkim_tags_base64(public_key->value, arena, &octets))
		return DKIM_RECORD_BROKEN;
	return read_key(octets, ret_key);
}

void dkim_record_done(struct dkim_record *key)
{
	EVP_PKEY_free(key->key);
	key->key = NULL;
}

/* --- its use ---------------------------------------------------------------------- */

static bool verify(const struct dkim_record *key, const EVP_MD *md,
		   struct slice text, struct slice signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_good =
		context != NULL &&
		EVP_DigestVerifyInit(context, NULL, md, NULL, key->key) == 1 &&
		EVP_DigestVerify(context, (const unsigned char *)signature.p,
				 signature.n, (const unsigned char *)text.p,
				 text.n) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return is_good;
}

/* Ed25519 signs the text's SHA-256: RFC 8463 3. */
static bool verify_ed25519(const struct dkim_record *key, struct slice text,
			   struct slice signature)
{
	unsigned char digest[DKIM_HASH_OCTETS];

	if (signature.n != ED25519_SIGNATURE_OCTETS ||
	    EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	return verify(key, NULL,
		      (struct slice){ (const char *)digest, sizeof(digest) },
		      signature);
}

bool dkim_record_verify(const struct dkim_record *key, struct slice text,
			struct slice signature)
{
	if (key->algorithm == DKIM_ED25519_SHA256)
		return verify_ed25519(key, text, signature);
	return verify(key, EVP_sha256(), text, signature);
}
