#include "receive/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_domains(void **state)
{
	struct domains *d = domains_new();

	(void)state;
	assert_false(domains_is_local(d, S("a.test")));
	assert_false(domains_is_local(d, S("")));
	assert_int_equal(domains_first(d).n, 0);
	domains_add(d, S("b.test"), NULL);
	domains_add(d, S("a.test"), NULL);
	domains_add(d, S("a.test"), NULL);
	assert_int_equal(domains_count(d), 2);
	assert_true(domains_is_local(d, S("a.test")));
	assert_false(domains_is_local(d, S("a.tesu")));
	assert_false(domains_is_local(d, S("x.a.test")));
	assert_null(domains_aliases(d, S("a.test")));
	assert_true(slice_equal(domains_first(d), S("b.test")));
	domains_free(&d);
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
