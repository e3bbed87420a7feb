/* What reports on TLS are made of, in both stores. */
#include "queue/store.h"

#include "fixture.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { MANY = STORE_TLS_FACTS + 20 };

struct opened {
	char dir[64];
	struct store *store;
	struct arena *arena;
};

static int set_up(void **state)
{
	struct opened *o = mem_new(sizeof(*o));

	fixture_make_dir(o->dir);
	fixture_empty_database();
	o->arena = arena_new(8 << 20);
	if (fixture_open_store(o->dir, &o->store) < 0)
		return -1;
	*state = o;
	return 0;
}

static int tear_down(void **state)
{
	struct opened *o = *state;

	store_free(&o->store);
	arena_free(&o->arena);
	fixture_remove_dir(o->dir);
	mem_free(&o);
	return 0;
}

static void count(struct opened *o, int64_t day, const char *domain,
		  const char *fact, int64_t due)
{
	const struct store_tls_count c = { .day = day,
					   .domain = slice_of(domain),
					   .fact = slice_of(fact),
					   .outline = S("others"),
					   .sessions = 2 };

	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(store_count_tls(o->store, &c, due), 0);
	assert_int_equal(store_commit(o->store), 0);
}

static struct store_tls_counts counts_of(struct opened *o, int64_t day,
					 const char *domain)
{
	struct store_tls_counts page = { .arena = o->arena, .max = MANY };

	page.items = arena_array(o->arena, page.max, sizeof(*page.items));
	assert_int_equal(
		store_list_tls_counts(o->store, day, slice_of(domain), &page),
		0);
	return page;
}

static void test_the_same_is_added(void **state)
{
	struct opened *o = *state;
	struct store_tls_counts page;

	count(o, 10, "a.example", "one", 100);
	count(o, 10, "a.example", "one", 100);
	count(o, 10, "a.example", "two", 100);
	count(o, 10, "b.example", "one", 100);
	count(o, 11, "a.example", "one", 100);
	page = counts_of(o, 10, "a.example");
	assert_int_equal(page.count, 2);
	assert_true(slice_equal(page.items[0].fact, S("one")));
	assert_int_equal(page.items[0].sessions, 4);
	assert_int_equal(page.items[1].sessions, 2);
}

/* A domain's servers may have a new name each time. */
static void test_facts_are_bounded(void **state)
{
	struct opened *o = *state;
	struct store_tls_counts page;
	uint64_t sessions = 0;

	for (int i = 0; i < MANY; i++) {
		char fact[16];

		(void)snprintf(fact, sizeof(fact), "%03d", i);
		count(o, 10, "a.example", fact, 100);
	}
	count(o, 10, "a.example", "000", 100);
	page = counts_of(o, 10, "a.example");
	assert_int_equal(page.count, STORE_TLS_FACTS + 1);
	for (size_t i = 0; i < page.count; i++)
		sessions += page.items[i].sessions;
	assert_int_equal(sessions, 2 * (MANY + 1));
	assert_true(slice_equal(page.items[STORE_TLS_FACTS].fact, S("others")));
	assert_int_equal(page.items[0].sessions, 4);
}

static int take(struct opened *o, int64_t now, struct store_tls_report *report)
{
	int r;

	assert_int_equal(store_begin(o->store), 0);
	r = store_take_tls_report(o->store, now, now + 50, o->arena, report);
	assert_int_equal(store_commit(o->store), 0);
	return r;
}

static void test_a_report_is_taken_once_at_a_time(void **state)
{
	struct opened *o = *state;
	struct store_tls_report r;

	count(o, 10, "a.example", "one", 200);
	count(o, 10, "a.example", "one", 100); /* the first time stays */
	count(o, 10, "b.example", "one", 150);
	assert_int_equal(take(o, 149, &r), -ENOENT);
	assert_int_equal(take(o, 210, &r), 0);
	assert_true(slice_equal(r.domain, S("b.example")));
	assert_int_equal(r.day, 10);
	assert_int_equal(r.tries, 1);
	assert_int_equal(take(o, 210, &r), 0);
	assert_true(slice_equal(r.domain, S("a.example")));
	assert_int_equal(take(o, 259, &r), -ENOENT);
	assert_int_equal(take(o, 260, &r), 0);
	assert_int_equal(r.tries, 2);
}

static bool end(struct opened *o, int64_t day, const char *domain)
{
	bool was_there = false;

	assert_int_equal(store_begin(o->store), 0);
	assert_int_equal(store_end_tls_report(o->store, day, slice_of(domain),
					      &was_there),
			 0);
	assert_int_equal(store_commit(o->store), 0);
	return was_there;
}

static void test_the_end(void **state)
{
	struct opened *o = *state;
	struct store_tls_report items[4];
	struct store_tls_reports page = { .arena = o->arena,
					  .items = items,
					  .max = 4 };

	count(o, 10, "a.example", "one", 100);
	count(o, 11, "a.example", "one", 100);
	count(o, 11, "b.example", "one", 100);
	assert_true(end(o, 11, "a.example"));
	assert_false(end(o, 11, "a.example"));
	assert_int_equal(counts_of(o, 11, "a.example").count, 0);
	assert_int_equal(counts_of(o, 10, "a.example").count, 1);
	assert_int_equal(store_list_tls_reports(o->store, 0, S(""), &page), 0);
	assert_int_equal(page.count, 2);
	assert_int_equal(items[0].day, 10);
	assert_true(slice_equal(items[1].domain, S("b.example")));
	assert_int_equal(
		store_list_tls_reports(o->store, 10, S("a.example"), &page), 0);
	assert_int_equal(page.count, 1);
	assert_int_equal(items[0].day, 11);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_same_is_added),
		TEST(test_facts_are_bounded),
		TEST(test_a_report_is_taken_once_at_a_time),
		TEST(test_the_end),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
