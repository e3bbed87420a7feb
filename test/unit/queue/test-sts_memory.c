#include "queue/sts_memory.h"

#include "fixture.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { DAY_S = 86400, BEGIN = 100000000 };

/* What was sent, with a copy of its texts. */
struct said {
	enum message_type type;
	uint64_t error;
	struct slice domain;
	struct sts sts;
};

struct world {
	char dir[64];
	struct sts_memory memory;
	struct peers peers;
	struct arena *arena;
	struct said said[64];
	size_t count;
};

static size_t list(void *arg, enum role role,
		   struct link *ret_links[ROLE_INDEX_MAX])
{
	(void)arg;
	ret_links[0] = fixture_deliver();
	return role == ROLE_LOOKUP;
}

static struct sts copy_of(struct sts sts, struct arena *arena)
{
	struct slice *items =
		arena_array(arena, sts.patterns.count + 1, sizeof(*items));

	for (size_t i = 0; i < sts.patterns.count; i++)
		items[i] = arena_copy(arena, sts.patterns.items[i]);
	sts.id = arena_copy(arena, sts.id);
	sts.patterns.items = items;
	return sts;
}

static void send_it(void *arg, struct link *to, const struct message *m, int fd)
{
	struct world *w = arg;
	struct said *s = &w->said[w->count++];

	(void)to;
	(void)fd;
	s->type = m->type;
	if (m->type == MESSAGE_STS_KNOWN) {
		s->error = m->sts_known.error;
		s->sts = copy_of(m->sts_known.sts, w->arena);
	} else {
		assert_int_equal(m->type, MESSAGE_STS_STALE);
		s->domain = arena_copy(w->arena, m->sts_stale.domain);
		s->sts = copy_of(m->sts_stale.sts, w->arena);
	}
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->peers = (struct peers){ .list = list, .send = send_it, .arg = w };
	w->arena = arena_new(1 << 20);
	fixture_make_dir(w->dir);
	fixture_empty_database();
	*state = w;
	return fixture_open_store(w->dir, &w->memory.store);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	store_free(&w->memory.store);
	fixture_remove_dir(w->dir);
	arena_free(&w->arena);
	mem_free(&w);
	return 0;
}

static const struct slice patterns[] = { SLICE("mx.one.example"),
					 SLICE("*.two.example") };

static void keep_for(struct world *w, const char *domain, int64_t begin,
		     uint32_t max_age_s)
{
	const struct msg_sts_keep m = {
		.domain = slice_of(domain),
		.sts = { .id = S("1"),
			 .max_age_s = max_age_s,
			 .fetched = (uint64_t)begin,
			 .tried = (uint64_t)begin },
	};

	sts_memory_keep(&w->memory, &m, begin);
}

static void keep(struct world *w, const char *domain, const char *id,
		 int64_t fetched, int64_t tried)
{
	const struct msg_sts_keep m = {
		.domain = slice_of(domain),
		.sts = { .id = slice_of(id),
			 .mode = STS_ENFORCE,
			 .max_age_s = 10 * DAY_S,
			 .patterns = { patterns, 2 },
			 .fetched = (uint64_t)fetched,
			 .tried = (uint64_t)tried },
	};

	sts_memory_keep(&w->memory, &m, tried);
}

static const struct sts *ask(struct world *w, const char *domain, int64_t now)
{
	const struct msg_sts_wanted m = { .id = 7, .domain = slice_of(domain) };

	w->count = 0;
	sts_memory_wanted(&w->memory, &w->peers, NULL, &m, now);
	assert_int_equal(w->count, 1);
	assert_int_equal(w->said[0].type, MESSAGE_STS_KNOWN);
	assert_int_equal(w->said[0].error, 0);
	return &w->said[0].sts;
}

/* How many policies lookup is told to fetch again. */
static size_t tick(struct world *w, int64_t now)
{
	w->count = 0;
	sts_memory_tick(&w->memory, &w->peers, now);
	return w->count;
}

static void test_a_policy_is_kept(void **state)
{
	struct world *w = *state;
	const struct sts *sts;

	assert_int_equal(ask(w, "one.example", BEGIN)->id.n, 0);
	keep(w, "one.example", "v1", BEGIN, BEGIN);
	store_free(&w->memory.store);
	assert_int_equal(fixture_open_store(w->dir, &w->memory.store), 0);
	sts = ask(w, "one.example", BEGIN + 10);
	assert_true(slice_equal(sts->id, S("v1")));
	assert_int_equal(sts->mode, STS_ENFORCE);
	assert_int_equal(sts->max_age_s, 10 * DAY_S);
	assert_int_equal(sts->fetched, BEGIN);
	assert_int_equal(sts->tried, BEGIN);
	assert_int_equal(sts->patterns.count, 2);
	assert_true(slice_equal(sts->patterns.items[0], patterns[0]));
	assert_true(slice_equal(sts->patterns.items[1], patterns[1]));
	assert_int_equal(ask(w, "two.example", BEGIN)->id.n, 0);
}

static void test_the_newer_one_counts(void **state)
{
	struct world *w = *state;

	keep(w, "one.example", "v2", BEGIN + 100, BEGIN + 100);
	keep(w, "one.example", "v1", BEGIN, BEGIN + 200);
	assert_true(
		slice_equal(ask(w, "one.example", BEGIN + 300)->id, S("v2")));
	keep(w, "one.example", "v3", BEGIN + 400, BEGIN + 400);
	assert_true(
		slice_equal(ask(w, "one.example", BEGIN + 500)->id, S("v3")));
}

static void test_the_clock_was_ahead(void **state)
{
	struct world *w = *state;

	keep(w, "one.example", "v1", BEGIN + 1000 * DAY_S,
	     BEGIN + 1000 * DAY_S);
	keep(w, "one.example", "v2", BEGIN, BEGIN);
	assert_true(
		slice_equal(ask(w, "one.example", BEGIN + 10)->id, S("v2")));
}

static void test_it_ends(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(1 << 20);
	struct world *w = *state;
	struct store_sts kept;

	keep(w, "one.example", "v1", BEGIN, BEGIN);
	assert_int_equal(ask(w, "one.example", BEGIN + 10 * DAY_S - 1)->id.n,
			 2);
	assert_int_equal(ask(w, "one.example", BEGIN + 10 * DAY_S)->id.n, 0);
	assert_int_equal(
		store_load_sts(w->memory.store, S("one.example"), arena, &kept),
		0);
	assert_int_equal(tick(w, BEGIN + 10 * DAY_S), 0);
	assert_true(store_load_sts(w->memory.store, S("one.example"), arena,
				   &kept) < 0);
}

static void test_what_is_used_is_kept_fresh(void **state)
{
	struct world *w = *state;

	keep(w, "one.example", "v1", BEGIN, BEGIN);
	keep(w, "two.example", "v1", BEGIN, BEGIN + DAY_S / 2);
	assert_int_equal(tick(w, BEGIN + DAY_S - 400), 0);
	assert_int_equal(tick(w, BEGIN + DAY_S), 1);
	assert_true(slice_equal(w->said[0].domain, S("one.example")));
	assert_int_equal(w->said[0].sts.patterns.count, 2);
	assert_int_equal(tick(w, BEGIN + DAY_S + 10), 0); /* not so soon */
	assert_int_equal(tick(w, BEGIN + DAY_S + 400), 1);
	keep(w, "one.example", "v1", BEGIN, BEGIN + DAY_S + 500);
	assert_int_equal(tick(w, BEGIN + DAY_S + 800), 0);
}

static void test_short_lives(void **state)
{
	struct world *w = *state;

	keep_for(w, "day.example", BEGIN, DAY_S);
	keep_for(w, "hours.example", BEGIN, 7200);
	keep_for(w, "hour.example", BEGIN, 3600);
	assert_int_equal(tick(w, BEGIN + 3590), 0);
	assert_int_equal(tick(w, BEGIN + 3900), 1);
	assert_true(slice_equal(w->said[0].domain, S("hours.example")));
	assert_int_equal(tick(w, BEGIN + DAY_S / 2), 1);
	assert_true(slice_equal(w->said[0].domain, S("day.example")));
}

static void test_what_nobody_uses_runs_out(void **state)
{
	struct world *w = *state;
	int64_t now = BEGIN;

	keep(w, "one.example", "v1", now, now);
	keep(w, "two.example", "v1", now, now);
	for (int i = 0; i < 7; i++) {
		now += 9 * DAY_S;
		(void)ask(w, "one.example", now);
		keep(w, "one.example", "v1", now, now);
		keep(w, "two.example", "v1", now, now);
	}
	assert_int_equal(tick(w, now + DAY_S), 1);
	assert_true(slice_equal(w->said[0].domain, S("one.example")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_policy_is_kept),
		TEST(test_the_newer_one_counts),
		TEST(test_the_clock_was_ahead),
		TEST(test_it_ends),
		TEST(test_what_is_used_is_kept_fresh),
		TEST(test_short_lives),
		TEST(test_what_nobody_uses_runs_out),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
