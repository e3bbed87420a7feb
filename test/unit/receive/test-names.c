#include "receive/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 5000 };

static void test_each_once(void **state)
{
	static char text[MANY][8];
	struct arena *arena = arena_new(8 << 20);
	struct names names;
	bool is_new;

	(void)state;
	names_init(&names, arena);
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "n%zu", i);
		assert_int_equal(names_add(&names, slice_of(text[i]), &is_new),
				 i);
		assert_true(is_new);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(names_add(&names, slice_of(text[i]), &is_new),
				 i);
		assert_false(is_new);
		assert_true(slice_equal(names.items[i], slice_of(text[i])));
	}
	assert_int_equal(names.count, MANY);
	assert_int_equal(names_add(&names, S(""), &is_new), MANY);
	assert_true(is_new);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
