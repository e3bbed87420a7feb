#include "conf/certificate.h"

#include "../net/certificate.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

struct world {
	struct certificate_pem root, other_root, leaf, stray;
};

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	certificate_make_root("One", &w->root);
	certificate_make_root("Two", &w->other_root);
	certificate_make_by(&w->root, "DNS:a.example", 86400L * 90, &w->leaf);
	certificate_make("DNS:b.example", &w->stray);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	certificate_free(&w->root);
	certificate_free(&w->other_root);
	certificate_free(&w->leaf);
	certificate_free(&w->stray);
	mem_free(&w);
	return 0;
}

/* What is said of chain (two texts) and key; "" for nothing. */
static void check(const char *first, const char *second, const char *key,
		  bool is_good, const char *want)
{
	struct conf_errors *e = conf_errors_new();
	size_t n = strlen(first) + strlen(second);
	char *chain = mem_new(n + 1);

	(void)strcat(strcat(chain, first), second);
	assert_int_equal(certificate_check((struct slice){ chain, n },
					   slice_of(key), "chain", "key", e),
			 is_good);
	assert_int_equal(conf_errors_count(e), !is_good);
	assert_int_equal(conf_errors_lines(e), want[0] != '\0');
	if (want[0] != '\0')
		assert_string_equal(conf_errors_line(e, 0), want);
	conf_errors_free(&e);
	mem_free(&chain);
}

/* The first of a chain of two. */
static char *first_of(const char *chain)
{
	const char *second = strstr(chain + 1, "-----BEGIN");
	char *first = mem_string(chain);

	assert_non_null(second);
	first[second - chain] = '\0';
	return first;
}

static void test_order(void **state)
{
	struct world *w = *state;
	char *leaf = first_of(w->leaf.chain);

	check(leaf, "", w->leaf.key, true, "");
	check(leaf, w->root.chain, w->leaf.key, true, "");
	check(w->root.chain, leaf, w->leaf.key, false,
	      "chain: the chain is in the wrong order: the key's certificate "
	      "is number 2, and has to come first");
	check(leaf, w->other_root.chain, w->leaf.key, true,
	      "chain: certificate 2 did not issue the one before it: clients "
	      "may not trust this chain");
	mem_free(&leaf);
}

static void test_keys(void **state)
{
	struct world *w = *state;
	struct certificate_pem odd;
	EVP_PKEY *key = EVP_EC_gen("secp256k1");

	check(w->leaf.chain, "", w->stray.key, false,
	      "key: this key does not belong to the first certificate in "
	      "chain");
	check(w->leaf.chain, "", "", false,
	      "key: this is no private key in PEM without a password");
	check("x", "", w->leaf.key, false,
	      "chain: this is no chain of certificates in PEM");
	certificate_make_for(key, "DNS:c.example", &odd);
	check(odd.chain, "", odd.key, false,
	      "key: a kind of key that is not supported; use ECDSA with P-256, "
	      "P-384 or P-521, RSA or Ed25519");
	certificate_free(&odd);
	EVP_PKEY_free(key);
	assert_true(certificate_has_key(slice_of(w->leaf.chain),
					slice_of(w->leaf.key)));
	assert_false(certificate_has_key(slice_of(w->leaf.chain),
					 slice_of(w->root.key)));
	assert_false(certificate_has_key(slice_of(w->leaf.chain), S("")));
}

static void test_dates(void **state)
{
	struct world *w = *state;
	struct conf_errors *e = conf_errors_new();
	struct certificate_pem soon;

	certificate_check_dates(slice_of(w->leaf.chain), "chain", e);
	assert_int_equal(conf_errors_lines(e), 0);
	certificate_make_by(&w->root, "DNS:a.example", 86400L * 3 + 60, &soon);
	certificate_check_dates(slice_of(soon.chain), "chain", e);
	assert_string_equal(conf_errors_line(e, 0),
			    "chain: the certificate expires in 3 days");
	assert_true(conf_errors_is_warning(e, 0));
	certificate_free(&soon);
	conf_errors_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
