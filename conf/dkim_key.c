#include "conf/dkim_key.h"

#include "base/mem.h"
#include "conf/certificate.h"

#include <openssl/evp.h>

enum { RSA_BITS_MIN = 1024, RSA_BITS_GOOD = 2048, SELECTOR_OCTETS = 128 };

static bool is_selector(struct slice s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_dot = c == '.';

		if (is_dot ? after_dot
			   : !(c >= 'a' && c <= 'z') &&
				     !(c >= 'A' && c <= 'Z') &&
				     !(c >= '0' && c <= '9') && c != '-' &&
				     c != '_')
			return false;
		after_dot = is_dot;
	}
	return !after_dot && s.n <= SELECTOR_OCTETS;
}

struct slice dkim_key_selector(struct slice file_name)
{
	const struct slice before = SLICE("dkim:"), after = SLICE(".pem");
	struct slice s = slice_tail(file_name, before.n);

	if (!slice_starts(file_name, before) || s.n <= after.n ||
	    !slice_equal(slice_tail(s, s.n - after.n), after))
		return (struct slice){ .n = 0 };
	s.n -= after.n;
	return is_selector(s) ? s : (struct slice){ .n = 0 };
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

bool dkim_key_check(struct slice pem, const char *path,
		    struct conf_errors *errors, enum dkim_key_kind *ret_kind)
{
	AUTO(free_key) EVP_PKEY *key = certificate_read_key(pem);
	bool is_rsa = key != NULL && EVP_PKEY_is_a(key, "RSA") == 1;
	int bits = is_rsa ? EVP_PKEY_get_bits(key) : 0;

	if (key == NULL) {
		conf_errors_add(errors, path, 0, NULL,
				"this is no private key in PEM without a "
				"password");
		return false;
	}
	if (!is_rsa && EVP_PKEY_is_a(key, "ED25519") != 1) {
		conf_errors_add(errors, path, 0, NULL,
				"DKIM takes keys of RSA and Ed25519 only");
		return false;
	}
	if (is_rsa && bits < RSA_BITS_MIN) {
		conf_errors_add(errors, path, 0, NULL,
				"a key of RSA with %d bits; at least %d", bits,
				RSA_BITS_MIN);
		return false;
	}
	if (is_rsa && bits < RSA_BITS_GOOD)
		conf_errors_warn(errors, path, 0, NULL,
				 "a key of RSA with %d bits; %d are usual",
				 bits, RSA_BITS_GOOD);
	*ret_kind = is_rsa ? DKIM_KEY_RSA : DKIM_KEY_ED25519;
	return true;
}
