#include "milter/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_each_action_has_one_name(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (int i = 0; i < MILTER_ACTION_NAMES; i++) {
		assert_int_equal(seen & milter_action_names[i].bit, 0);
		assert_non_null(milter_action_names[i].name);
		seen |= milter_action_names[i].bit;
	}
	assert_int_equal(seen, MILTER_MAY_ALL);
}

static void test_each_step_has_one_name(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (int i = 0; i < MILTER_STEP_NAMES; i++) {
		uint32_t bits = milter_step_names[i].skip_bit |
				milter_step_names[i].silent_bit;

		assert_int_equal(seen & bits, 0);
		assert_non_null(milter_step_names[i].name);
		seen |= bits;
	}
	for (int i = 0; i < MILTER_HABIT_NAMES; i++) {
		assert_int_equal(seen & milter_habit_names[i].bit, 0);
		seen |= milter_habit_names[i].bit;
	}
	assert_int_equal(seen, MILTER_STEPS_ALL);
}

static void test_each_stage_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < MILTER_STAGES; i++)
		assert_non_null(milter_stage_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_action_has_one_name),
		cmocka_unit_test(test_each_step_has_one_name),
		cmocka_unit_test(test_each_stage_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
