#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_alloc(void **state)
{
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		char *p = arena_alloc(arena, size);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size); /* the next one must not see it */
	}
	assert_true(arena_used(arena) > 0);
	arena_clear(arena);
	assert_int_equal(arena_used(arena), 0);
	assert_int_equal(*(char *)arena_alloc(arena, 1), 0);
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

static void test_text(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	const struct slice parts[] = { S("a"), { NULL, 0 }, S("b\0c") };
	struct slice copy = arena_copy(arena, S("x\0y"));

	(void)state;
	assert_true(slice_equal(copy, S("x\0y")));
	assert_int_equal(copy.p[copy.n], '\0');
	assert_int_equal(arena_copy(arena, parts[1]).n, 0);
	assert_string_equal(arena_string(arena, S("abc")), "abc");
	assert_string_equal(arena_string(arena, parts[1]), "");
	assert_true(
		slice_equal(arena_format(arena, "%d-%s", 12, "z"), S("12-z")));
	assert_true(slice_equal(arena_join(arena, parts, 3), S("ab\0c")));
	assert_int_equal(arena_join(arena, parts, 0).n, 0);
	arena_free(&arena);
}

static void test_array(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	uint64_t *numbers = arena_array(arena, 100, sizeof(*numbers));

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(numbers[i], 0);
	assert_true(arena_used(arena) >= 800);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
