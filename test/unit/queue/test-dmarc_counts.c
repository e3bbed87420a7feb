/* What reports on DMARC would be made of, in both stores. */
#include "queue/dmarc_counts.h"

#include "fixture.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { DAY_S = 86400, MANY = STORE_DMARC_FACTS + 20 };

struct opened {
	char dir[64];
	struct store *store;
	struct dmarc_counts *counts;
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
	o->counts = dmarc_counts_new(o->store);
	*state = o;
	return 0;
}

static int tear_down(void **state)
{
	struct opened *o = *state;

	dmarc_counts_free(&o->counts);
	store_free(&o->store);
	arena_free(&o->arena);
	fixture_remove_dir(o->dir);
	mem_free(&o);
	return 0;
}

static void add(struct opened *o, int64_t day, const char *domain,
		const char *fact)
{
	const struct msg_dmarc_seen m = { .domain = slice_of(domain),
					  .fact = slice_of(fact),
					  .outline = S("source=*") };

	dmarc_counts_add(o->counts, &m, day * DAY_S + 7);
}

static struct store_dmarc_page page_of(struct opened *o, int64_t day,
				       const char *domain)
{
	struct store_dmarc_page page = { .arena = o->arena, .max = MANY };

	page.items = arena_array(o->arena, page.max, sizeof(*page.items));
	assert_int_equal(
		store_list_dmarc(o->store, day, slice_of(domain), &page), 0);
	return page;
}

static void test_the_same_is_added(void **state)
{
	struct opened *o = *state;
	struct store_dmarc_page page;

	add(o, 20, "a.example", "one");
	add(o, 20, "a.example", "one");
	add(o, 20, "a.example", "two");
	add(o, 20, "b.example", "one");
	assert_int_equal(page_of(o, 20, "a.example").count, 0);
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	add(o, 20, "a.example", "one");
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	page = page_of(o, 20, "a.example");
	assert_int_equal(page.count, 2);
	assert_true(slice_equal(page.items[0].fact, S("one")));
	assert_int_equal(page.items[0].messages, 3);
	assert_int_equal(page.items[1].messages, 1);
	assert_int_equal(page_of(o, 20, "b.example").count, 1);
	assert_int_equal(page_of(o, 19, "a.example").count, 0);
}

static void test_too_many_have_an_outline(void **state)
{
	struct opened *o = *state;
	struct store_dmarc_page page;
	uint64_t messages = 0;

	for (int i = 0; i < MANY; i++)
		add(o, 20, "a.example",
		    arena_format(o->arena, "source=%d", i).p);
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	page = page_of(o, 20, "a.example");
	assert_int_equal(page.count, STORE_DMARC_FACTS + 1);
	assert_true(slice_equal(page.items[0].fact, S("source=*")));
	assert_int_equal(page.items[0].messages, MANY - STORE_DMARC_FACTS);
	for (size_t i = 0; i < page.count; i++)
		messages += page.items[i].messages;
	assert_int_equal(messages, MANY);
}

static void test_days_end(void **state)
{
	struct opened *o = *state;

	add(o, 20, "a.example", "one");
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	add(o, 20 + DMARC_COUNTS_DAYS, "a.example", "one");
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	assert_int_equal(page_of(o, 20, "a.example").count, 1);
	add(o, 21 + DMARC_COUNTS_DAYS, "a.example", "one");
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	assert_int_equal(page_of(o, 20, "a.example").count, 0);
}

static void test_what_is_no_text(void **state)
{
	struct opened *o = *state;
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	add(o, 20, "", "one");
	add(o, 20, "a.example", "");
	add(o, 20, "a\nb.example", "one");
	add(o, 20, "a.example", "o\xffne");
	add(o, 20, "a.example", text);
	assert_int_equal(dmarc_counts_write(o->counts), 0);
	assert_int_equal(page_of(o, 20, "a.example").count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_same_is_added),
		TEST(test_too_many_have_an_outline),
		TEST(test_days_end),
		TEST(test_what_is_no_text),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
