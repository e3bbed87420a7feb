#include "queue/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h wants the four above it. */
#include <cmocka.h>

static const struct schedule five_days = { .first_s = 60,
					   .longest_s = 1800,
					   .lifetime_s = 432000 };

static const struct {
	const char *name;
	uint32_t attempts;
	int64_t least, most;
} delays[] = {
	{ "the first retry comes after retry_first", 1, 48, 72 },
	{ "the second takes twice as long", 2, 96, 144 },
	{ "and so on", 3, 192, 288 },
	{ "up to retry_longest", 6, 1440, 2160 },
	{ "and never longer", 4000000000u, 1440, 2160 },
};

static void test_delays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		int64_t least = INT64_MAX, most = 0;

		for (uint32_t random = 0; random < 2000; random++) {
			int64_t due = schedule_next(&five_days, 1000,
						    delays[i].attempts, 1000,
						    random * 2654435761u);

			least = due - 1000 < least ? due - 1000 : least;
			most = due - 1000 > most ? due - 1000 : most;
		}
		if (least < delays[i].least || most > delays[i].most ||
		    most - least < (delays[i].most - delays[i].least) / 2)
			fail_msg("%s: %ld..%ld", delays[i].name, (long)least,
				 (long)most);
	}
}

static void test_the_last_try_is_at_the_end_of_life(void **state)
{
	int64_t end = 1000 + 432000;

	(void)state;
	assert_int_equal(schedule_next(&five_days, 1000, 9, end - 5, 77), end);
	assert_false(schedule_is_over(&five_days, 1000, end - 1));
	assert_true(schedule_is_over(&five_days, 1000, end));
}

static void test_due_is_always_later_than_now(void **state)
{
	static const struct schedule hasty = { .first_s = 1,
					       .longest_s = 1,
					       .lifetime_s = 0 };

	(void)state;
	for (uint32_t random = 0; random < 10; random++)
		assert_true(schedule_next(&hasty, 5, 1, 9, random) > 9);
}

static void test_a_first_wait_over_the_longest_is_the_longest(void **state)
{
	static const struct schedule odd = { .first_s = 3600,
					     .longest_s = 10,
					     .lifetime_s = 432000 };

	(void)state;
	for (uint32_t random = 0; random < 10; random++)
		assert_true(schedule_next(&odd, 0, 1, 100, random) <= 112);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_the_last_try_is_at_the_end_of_life),
		cmocka_unit_test(test_due_is_always_later_than_now),
		cmocka_unit_test(
			test_a_first_wait_over_the_longest_is_the_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
