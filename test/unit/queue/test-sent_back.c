#include "queue/sent_back.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_rows_come_in_their_order(void **state)
{
	struct sent_back *s = sent_back_new();
	uint64_t rows[1000], next = 0, expected = 0;

	(void)state;
	/* more come than go, so it moves and grows meanwhile */
	for (size_t round = 0; round < 50; round++) {
		for (size_t i = 0; i < 30; i++)
			sent_back_add(s, 5, next++);
		sent_back_add(s, 5 + 256, 77); /* in the same bucket */
		assert_int_equal(sent_back_take(s, 5, 20, rows), 20);
		for (size_t i = 0; i < 20; i++)
			assert_int_equal(rows[i], expected++);
	}
	assert_int_equal(sent_back_take(s, 5, 1000, rows), 500);
	assert_int_equal(rows[499], next - 1);
	assert_int_equal(sent_back_take(s, 5, 1000, rows), 0);
	assert_int_equal(sent_back_take(s, 5 + 256, 1000, rows), 50);
	sent_back_free(&s);
	assert_null(s);
}

static void test_it_has_an_end(void **state)
{
	struct sent_back *s = sent_back_new();
	uint64_t rows[2];

	(void)state;
	for (uint64_t i = 0; i < SENT_BACK_MAX; i++)
		sent_back_add(s, i % 100, i);
	sent_back_add(s, 100, 1);
	assert_int_equal(sent_back_take(s, 100, 2, rows), 0);
	assert_int_equal(sent_back_take(s, 1, 1, rows), 1);
	sent_back_add(s, 100, 1);
	assert_int_equal(sent_back_take(s, 100, 2, rows), 1);
	sent_back_free(&s);
}

static void test_what_is_old_is_forgotten(void **state)
{
	struct sent_back *s = sent_back_new();
	uint64_t rows[200];

	(void)state;
	for (uint64_t i = 0; i < 60; i++)
		sent_back_add(s, 1, i);
	sent_back_add(s, 2, 1000);
	sent_back_age(s);
	assert_int_equal(sent_back_take(s, 1, 40, rows), 40);
	for (uint64_t i = 60; i < 70; i++)
		sent_back_add(s, 1, i);
	sent_back_age(s); /* the first 60, and the other destination */
	assert_int_equal(sent_back_take(s, 2, 200, rows), 0);
	assert_int_equal(sent_back_take(s, 1, 200, rows), 10);
	assert_int_equal(rows[0], 60);
	for (uint64_t i = 0; i < SENT_BACK_MAX; i++)
		sent_back_add(s, i, i);
	sent_back_age(s);
	sent_back_age(s);
	sent_back_add(s, 3, 3); /* there is room again */
	assert_int_equal(sent_back_take(s, 3, 200, rows), 1);
	sent_back_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_come_in_their_order),
		cmocka_unit_test(test_it_has_an_end),
		cmocka_unit_test(test_what_is_old_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
