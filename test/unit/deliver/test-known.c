#include "deliver/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct target bob = { .kind = TARGET_REMOTE,
				   .address = SLICE("bob@far.example") };
static const struct outcome taken = { .kind = OUTCOME_DELIVERED,
				      .code = 250,
				      .text = SLICE("Taken"),
				      .server = SLICE("mx.far.example") };

static int make(void **state)
{
	*state = known_new();
	return 0;
}

static int end(void **state)
{
	known_free((struct known **)state);
	return 0;
}

static void test_nothing_is_known(void **state)
{
	assert_null(known_find(*state, 0, bob));
}

static void test_same(void **state)
{
	const struct outcome *found;

	known_add(*state, 7, bob, &taken);
	found = known_find(*state, 7, bob);
	assert_non_null(found);
	assert_int_equal(found->code, 250);
	assert_true(slice_equal(found->text, taken.text));
	assert_true(slice_equal(found->server, taken.server));
}

static void test_other(void **state)
{
	struct target other = bob;

	known_add(*state, 7, bob, &taken);
	assert_null(known_find(*state, 8, bob));
	other.address = S("carl@far.example");
	assert_null(known_find(*state, 7, other));
	other = bob;
	other.via = S("relay.example");
	assert_null(known_find(*state, 7, other));
	other = bob;
	other.kind = TARGET_MAILBOX;
	assert_null(known_find(*state, 7, other));
}

static void test_the_oldest_is_forgotten(void **state)
{
	for (uint64_t i = 0; i < KNOWN_MAX; i++)
		known_add(*state, i, bob, &taken);
	assert_non_null(known_find(*state, 0, bob));
	known_add(*state, KNOWN_MAX, bob, &taken);
	assert_null(known_find(*state, 0, bob));
	assert_non_null(known_find(*state, 1, bob));
	assert_non_null(known_find(*state, KNOWN_MAX, bob));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_known, make,
						end),
		cmocka_unit_test_setup_teardown(test_same, make, end),
		cmocka_unit_test_setup_teardown(test_other, make, end),
		cmocka_unit_test_setup_teardown(test_the_oldest_is_forgotten,
						make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
