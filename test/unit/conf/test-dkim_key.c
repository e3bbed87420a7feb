#include "conf/dkim_key.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

static const struct {
	const char *file, *selector;
} names[] = {
	{ "dkim:2026a.pem", "2026a" },
	{ "dkim:a.b-c_d.pem", "a.b-c_d" },
	{ "dkim:Upper.pem", "Upper" },
	{ "dkim:.pem", "" },
	{ "dkim:a..b.pem", "" },
	{ "dkim:.a.pem", "" },
	{ "dkim:a..pem", "" },
	{ "dkim:a b.pem", "" },
	{ "dkim:a/b.pem", "" },
	{ "dkim:a.pem.new", "" },
	{ "dkim:a", "" },
	{ "a.pem", "" },
	{ "dkim:", "" },
	{ "", "" },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!slice_equal(dkim_key_selector(slice_of(names[i].file)),
				 slice_of(names[i].selector)))
			fail_msg("%s", names[i].file);
}

/* Takes key over. */
static void check(EVP_PKEY *key, bool is_good, enum dkim_key_kind kind,
		  const char *want)
{
	struct conf_errors *e = conf_errors_new();
	enum dkim_key_kind found = DKIM_KEY_RSA;
	BIO *bio = BIO_new(BIO_s_mem());
	struct slice pem;
	char *text;

	if (key != NULL)
		(void)PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL,
					       NULL);
	pem.n = (size_t)BIO_get_mem_data(bio, &text);
	pem.p = text;
	assert_int_equal(dkim_key_check(pem, "file", e, &found), is_good);
	assert_int_equal(conf_errors_count(e), !is_good);
	if (is_good)
		assert_int_equal(found, kind);
	assert_int_equal(conf_errors_lines(e), want[0] != '\0');
	if (want[0] != '\0')
		assert_string_equal(conf_errors_line(e, 0), want);
	conf_errors_free(&e);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static void test_keys(void **state)
{
	(void)state;
	check(EVP_RSA_gen(2048), true, DKIM_KEY_RSA, "");
	check(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), true, DKIM_KEY_ED25519,
	      "");
	check(EVP_RSA_gen(1024), true, DKIM_KEY_RSA,
	      "file: a key of RSA with 1024 bits; 2048 are usual");
	check(EVP_RSA_gen(768), false, DKIM_KEY_RSA,
	      "file: a key of RSA with 768 bits; at least 1024");
	check(EVP_EC_gen("P-256"), false, DKIM_KEY_RSA,
	      "file: DKIM takes keys of RSA and Ed25519 only");
	check(NULL, false, DKIM_KEY_RSA,
	      "file: this is no private key in PEM without a password");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
