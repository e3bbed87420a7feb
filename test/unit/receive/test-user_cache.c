#include "receive/user_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_cache(void **state)
{
	struct user_cache *c = user_cache_new();
	bool found = false;

	(void)state;
	assert_false(user_cache_get(c, S("a"), 0, &found));
	user_cache_put(c, S("a"), true, 1000);
	user_cache_put(c, S("b"), false, 1000);
	assert_true(user_cache_get(c, S("a"), 30999, &found) && found);
	assert_false(user_cache_get(c, S("a"), 31000, &found));
	assert_true(user_cache_get(c, S("b"), 5999, &found) && !found);
	assert_false(user_cache_get(c, S("b"), 6000, &found));
	user_cache_put(c, S("a"), false, 2000);
	assert_true(user_cache_get(c, S("a"), 2000, &found) && !found);
	user_cache_clear(c);
	assert_false(user_cache_get(c, S("a"), 2000, &found));
	user_cache_free(&c);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
