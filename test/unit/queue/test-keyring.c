#include "queue/keyring.h"

#include "fixture.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1700000000, DAY = 86400 };

/* What another node, or the process after us, finds. */
static void look(struct keyring *k, struct store *store, int64_t now)
{
	bool is_new;

	*k = (struct keyring){ .looked = 0 };
	assert_int_equal(keyring_look(k, store, now, &is_new), 0);
	assert_true(is_new);
}

static bool is_same(const char a[SRS_KEY_OCTETS], const char b[SRS_KEY_OCTETS])
{
	return memcmp(a, b, SRS_KEY_OCTETS) == 0;
}

static void test_keys(void **state)
{
	const int64_t old = NOW + (int64_t)(KEYRING_LIFE_DAYS + 1) * DAY;
	struct keyring first, same, second, third;
	struct store *store;
	char dir[64];
	bool is_new;

	(void)state;
	fixture_make_dir(dir);
	fixture_empty_database();
	assert_int_equal(fixture_open_store(dir, &store), 0);
	look(&first, store, NOW);
	assert_int_equal(first.srs.keys.current.n, SRS_KEY_OCTETS);
	assert_int_equal(first.srs.keys.previous.n, 0);
	look(&same, store, NOW + DAY);
	assert_true(is_same(first.srs.octets[0], same.srs.octets[0]));
	assert_int_equal(same.srs.keys.previous.n, 0);
	/* An old one gets a successor, and stays good. */
	look(&second, store, old);
	assert_false(is_same(first.srs.octets[0], second.srs.octets[0]));
	assert_true(is_same(first.srs.octets[0], second.srs.octets[1]));
	look(&third, store, old + (int64_t)(KEYRING_LIFE_DAYS + 1) * DAY);
	assert_true(is_same(second.srs.octets[0], third.srs.octets[1]));
	/* Who runs on finds it when the time comes. */
	assert_int_equal(keyring_look(&same, store, NOW + DAY + 1, &is_new), 0);
	assert_false(is_new);
	assert_int_equal(keyring_look(&same, store, old, &is_new), 0);
	assert_true(is_new);
	assert_int_equal(
		keyring_look(&same, store, old + KEYRING_LOOK_S, &is_new), 0);
	assert_false(is_new);
	store_free(&store);
	fixture_remove_dir(dir);
}

static int run(const char *group)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keys) };

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
