#include "proc/dkim_signer_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add(struct dkim_signer_keys *keys, const char *domain,
		const char *selector, enum tls_scheme scheme)
{
	const struct msg_conf_dkim_key m = { .domain = slice_of(domain),
					     .selector = slice_of(selector),
					     .scheme = scheme };

	dkim_signer_keys_add(keys, &m);
}

static void check(const struct dkim_signer_keys *keys, const char *domain,
		  const char *const *want, size_t want_count)
{
	size_t count;
	const struct dkim_signer_key *found =
		dkim_signer_keys_of(keys, slice_of(domain), &count);

	assert_int_equal(count, want_count);
	for (size_t i = 0; i < count; i++)
		assert_true(slice_equal(found[i].selector, slice_of(want[i])));
}

static void test_found_by_domain(void **state)
{
	static const char *const two[] = { "e", "r" };
	static const char *const one[] = { "x" };
	struct dkim_signer_keys *keys = dkim_signer_keys_new();

	(void)state;
	check(keys, "b.example", NULL, 0);
	add(keys, "b.example", "r", TLS_RSA_PKCS1_SHA256);
	add(keys, "c.example", "x", TLS_ED25519);
	add(keys, "b.example", "e", TLS_ED25519);
	add(keys, "b.example.a", "x", TLS_ED25519);
	add(keys, "b.example", "no", TLS_RSA_PSS_SHA256);
	for (int i = 0; i < 50; i++)
		add(keys, "z.example", "x", TLS_ED25519);
	dkim_signer_keys_sort(keys);
	assert_int_equal(dkim_signer_keys_count(keys), 54);
	check(keys, "b.example", two, 2);
	check(keys, "c.example", one, 1);
	check(keys, "a.example", NULL, 0);
	check(keys, "b.exampl", NULL, 0);
	check(keys, "sub.b.example", NULL, 0);
	check(keys, "zz.example", NULL, 0);
	dkim_signer_keys_free(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_by_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
