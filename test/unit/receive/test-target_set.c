#include "receive/target_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { MANY = 3000 };

static struct target of(enum target_kind kind, struct slice address)
{
	return (struct target){ .kind = kind, .address = address };
}

/* The same address of another kind is another target. */
static void test_each_once(void **state)
{
	static const enum target_kind kinds[] = { TARGET_MAILBOX,
						  TARGET_COMMAND };
	static char text[MANY][8];
	struct arena *arena = arena_new(8 << 20);
	struct target_set set;
	struct targets all;

	(void)state;
	target_set_init(&set, arena);
	assert_int_equal(target_set_all(&set).count, 0);
	for (size_t i = 0; i < 4 * MANY; i++) {
		size_t n = i / 2 % MANY;
		struct target target = { .kind = kinds[i % 2],
					 .address.p = text[n] };

		target.address.n =
			(size_t)snprintf(text[n], sizeof(text[n]), "n%zu", n);
		assert_int_equal(target_set_add(&set, target), i < 2 * MANY);
	}
	all = target_set_all(&set);
	assert_int_equal(all.count, 2 * MANY);
	for (size_t i = 0; i < all.count; i++) {
		assert_int_equal(all.items[i].kind, kinds[i % 2]);
		assert_true(slice_equal(all.items[i].address,
					slice_of(text[i / 2])));
	}
	arena_free(&arena);
}

/* A mailbox that looks like the key of a command. */
static void test_quoted(void **state)
{
	struct arena *arena = arena_new(1 << 16);
	struct target_set set;

	(void)state;
	target_set_init(&set, arena);
	assert_true(target_set_add(&set, of(TARGET_COMMAND, S("a@d"))));
	assert_true(target_set_add(&set, of(TARGET_MAILBOX, S("\" |a\"@d"))));
	assert_true(target_set_add(&set, of(TARGET_MAILBOX, S("|a@d"))));
	assert_true(target_set_add(&set, of(TARGET_MAILBOX, S("a@d"))));
	assert_int_equal(set.count, 4);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
