#include "queue/tls_memory.h"

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

enum { DAY_S = 86400 };

static int set_up(void **state)
{
	*state = fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_free(&f);
	return 0;
}

/* Mail to that place; returns the floor that it must have, and what deliver
 * answers with. */
static uint64_t begin(struct fixture *f, const char *to, const char *via,
		      uint64_t *ret_id)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, to);
	const struct sent *s;

	fixture_clear(f);
	r.target.kind = TARGET_REMOTE;
	r.target.via = slice_of(via);
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
	s = fixture_find(f, MESSAGE_ATTEMPT, 0);
	assert_non_null(s);
	*ret_id = s->id;
	return s->number;
}

static void end(struct fixture *f, uint64_t id, enum outcome_kind kind,
		uint32_t level)
{
	struct message m = { .type = MESSAGE_ATTEMPT_RESULT, .fd = -1 };

	m.attempt_result = (struct msg_attempt_result){
		.id = id,
		.outcome = { .kind = kind, .text = S("so") },
		.tls_level = level,
		.tls_reason = S("with \"mx\""),
	};
	engine_on_message(f->engine, fixture_deliver(), &m);
	fixture_run(f);
}

static uint64_t send_mail(struct fixture *f, const char *to, const char *via,
			  enum outcome_kind kind, uint32_t level)
{
	uint64_t id, floor = begin(f, to, via, &id);

	end(f, id, kind, level);
	return floor;
}

static uint64_t floor_of(struct fixture *f, const char *to, const char *via)
{
	return send_mail(f, to, via, OUTCOME_REFUSED, 0);
}

static void deliver(struct fixture *f, const char *to, uint32_t level)
{
	(void)send_mail(f, to, "", OUTCOME_DELIVERED, level);
}

static uint64_t forget(struct fixture *f, const char *name)
{
	struct message m = { .type = MESSAGE_DOMAIN_TLS_FORGET, .fd = -1 };

	fixture_clear(f);
	m.domain_tls_forget.destination = slice_of(name);
	engine_on_message(f->engine, fixture_control(), &m);
	return fixture_find(f, MESSAGE_DOMAIN_TLS_FORGOTTEN, 0)->number;
}

static const struct sent *list(struct fixture *f, const char *name,
			       const char *after)
{
	struct message m = { .type = MESSAGE_DOMAIN_TLS_LIST, .fd = -1 };

	fixture_clear(f);
	m.domain_tls_list.destination = slice_of(name);
	m.domain_tls_list.after = slice_of(after);
	engine_on_message(f->engine, fixture_control(), &m);
	return fixture_find(f, MESSAGE_DOMAIN_TLS_END, 0);
}

static void test_the_best_is_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	deliver(f, "a@one.example", TLS_LEVEL_NONE);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	deliver(f, "a@one.example", TLS_LEVEL_TLS);
	assert_int_equal(floor_of(f, "b@one.example", ""), TLS_LEVEL_TLS);
	deliver(f, "a@one.example", TLS_LEVEL_NONE); /* it was on its way */
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_TLS);
	deliver(f, "a@one.example", TLS_LEVEL_VERIFIED);
	fixture_restart(f);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_of(f, "a@two.example", ""), TLS_LEVEL_NONE);
}

static void test_only_what_was_taken_counts(void **state)
{
	struct fixture *f = *state;

	(void)send_mail(f, "a@one.example", "", OUTCOME_REFUSED,
			TLS_LEVEL_VERIFIED);
	(void)send_mail(f, "a@one.example", "", OUTCOME_DEFERRED,
			TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_of(f, "b@one.example", ""), TLS_LEVEL_NONE);
	deliver(f, "a@two.example", 7); /* no such level */
	assert_int_equal(floor_of(f, "a@two.example", ""), TLS_LEVEL_NONE);
}

static void test_one_name_for_a_domain(void **state)
{
	struct fixture *f = *state;

	deliver(f,
		"a@B\xc3\xbc"
		"cher.Example",
		TLS_LEVEL_TLS);
	assert_int_equal(floor_of(f, "a@xn--bcher-kva.example", ""),
			 TLS_LEVEL_TLS);
	assert_int_equal(floor_of(f, "\"x@y\"@XN--BCHER-KVA.EXAMPLE", ""),
			 TLS_LEVEL_TLS);
	assert_int_equal(forget(f, "B\xc3\xbc"
				   "CHER.example"),
			 1);
	assert_int_equal(floor_of(f, "a@xn--bcher-kva.example", ""),
			 TLS_LEVEL_NONE);
}

static void test_via_is_another_way(void **state)
{
	struct fixture *f = *state;

	(void)send_mail(f, "a@one.example", "Relay.example/b.example",
			OUTCOME_DELIVERED, TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	assert_int_equal(floor_of(f, "a@relay.example", ""), TLS_LEVEL_NONE);
	assert_int_equal(
		floor_of(f, "a@two.example", "relay.example/b.example"),
		TLS_LEVEL_VERIFIED);
	assert_int_equal(forget(f, "via:relay.example/B.example"), 1);
	assert_int_equal(
		floor_of(f, "a@one.example", "relay.example/b.example"),
		TLS_LEVEL_NONE);
}

static void test_forgetting(void **state)
{
	struct fixture *f = *state;

	deliver(f, "a@one.example", TLS_LEVEL_TLS);
	deliver(f, "a@two.example", TLS_LEVEL_TLS);
	assert_int_equal(forget(f, "three.example"), 0);
	assert_int_equal(forget(f, ""), 0);
	assert_int_equal(forget(f, "one.example"), 1);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	assert_int_equal(floor_of(f, "a@two.example", ""), TLS_LEVEL_TLS);
}

/* What is known of mail that came from there. */
static uint64_t sender_level(struct fixture *f, const char *domain)
{
	struct message m = { .type = MESSAGE_SENDER_TLS_WANTED, .fd = -1 };
	const struct sent *s;

	fixture_clear(f);
	m.sender_tls_wanted.domain = slice_of(domain);
	engine_on_message(f->engine, fixture_receive(), &m);
	s = fixture_find(f, MESSAGE_SENDER_TLS, 0);
	assert_non_null(s);
	return s->number;
}

static void come_by_tls(struct fixture *f, const char *domain)
{
	struct message m = { .type = MESSAGE_SENDER_TLS_SEEN, .fd = -1 };

	m.sender_tls_seen =
		(struct msg_sender_tls_seen){ .domain = slice_of(domain),
					      .reason = S("from somewhere") };
	engine_on_message(f->engine, fixture_receive(), &m);
	engine_tick(f->engine); /* it waits for a turn of others' */
	fixture_run(f);
}

static void test_senders(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sender_level(f, "one.example"), TLS_LEVEL_NONE);
	come_by_tls(f, "one.example");
	assert_int_equal(sender_level(f, "one.example"), TLS_LEVEL_TLS);
	assert_int_equal(sender_level(f, "sub.one.example"), TLS_LEVEL_NONE);
	fixture_restart(f);
	assert_int_equal(sender_level(f, "ONE.example"), TLS_LEVEL_TLS);
	/* The other direction is another matter; the operator sees both. */
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	deliver(f, "a@one.example", TLS_LEVEL_TLS);
	(void)list(f, "one.example", "");
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY), 2);
	assert_string_equal(
		fixture_find(f, MESSAGE_DOMAIN_TLS_ENTRY, 1)->address,
		"from:one.example");
	(void)list(f, "from:One.example", "");
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY), 1);
	assert_int_equal(forget(f, "from:one.example"), 1);
	assert_int_equal(sender_level(f, "one.example"), TLS_LEVEL_NONE);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_TLS);
	come_by_tls(f, "one.example");
	assert_int_equal(forget(f, "one.example"), 2);
	assert_int_equal(sender_level(f, "one.example"), TLS_LEVEL_NONE);
	f->settings.tls_memory_s = 0;
	come_by_tls(f, "one.example");
	f->settings.tls_memory_s = DAY_S;
	assert_int_equal(sender_level(f, "one.example"), TLS_LEVEL_NONE);
}

static void test_without_memory(void **state)
{
	struct fixture *f = *state;

	f->settings.tls_memory_s = 0;
	deliver(f, "a@one.example", TLS_LEVEL_TLS);
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
	f->settings.tls_memory_s = DAY_S;
	assert_int_equal(floor_of(f, "a@one.example", ""), TLS_LEVEL_NONE);
}

static void test_the_list(void **state)
{
	struct fixture *f = *state;
	const struct sent *s;
	char to[64];

	assert_false(list(f, "", "")->has_room);
	for (int i = 0; i < TLS_MEMORY_PAGE + 2; i++) {
		(void)snprintf(to, sizeof(to), "a@d%03d.example", i);
		deliver(f, to, TLS_LEVEL_TLS);
	}
	s = list(f, "", "");
	assert_true(s->has_room);
	assert_string_equal(s->address, "d255.example");
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY),
			 TLS_MEMORY_PAGE);
	s = list(f, "", "d255.example");
	assert_false(s->has_room);
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY), 2);
	s = fixture_find(f, MESSAGE_DOMAIN_TLS_ENTRY, 1);
	assert_string_equal(s->address, "d257.example");
	assert_string_equal(s->content, "with \"mx\"");
	assert_int_equal(s->number, TLS_LEVEL_TLS);
	assert_false(list(f, "D007.example", "")->has_room);
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY), 1);
	assert_int_equal(list(f, "no.example", "")->number, 0);
	assert_int_equal(fixture_count(f, MESSAGE_DOMAIN_TLS_ENTRY), 0);
}

/* --- time ------------------------------------------------------------------------- */

struct timed {
	char dir[64];
	struct queue_settings settings;
	struct tls_memory memory;
};

static int set_up_store(void **state)
{
	struct timed *t = mem_new(sizeof(*t));

	fixture_make_dir(t->dir);
	fixture_empty_database();
	t->settings.tls_memory_s = DAY_S;
	t->memory.settings = &t->settings;
	*state = t;
	return fixture_open_store(t->dir, &t->memory.store) < 0 ? -1 : 0;
}

static int tear_down_store(void **state)
{
	struct timed *t = *state;

	store_free(&t->memory.store);
	fixture_remove_dir(t->dir);
	mem_free(&t);
	return 0;
}

static void keep(struct timed *t, int64_t now, enum tls_level level)
{
	const struct target target = { .kind = TARGET_REMOTE,
				       .address = S("a@one.example") };
	struct turn turn;

	assert_int_equal(store_begin(t->memory.store), 0);
	turn_init(&turn, t->memory.store, &t->settings, now);
	assert_int_equal(tls_memory_keep(&turn, &target, level, S("r")), 0);
	assert_int_equal(store_commit(t->memory.store), 0);
	turn_done(&turn);
}

static enum tls_level floor_at(struct timed *t, int64_t now)
{
	enum tls_level floor = TLS_LEVEL_NONE;

	assert_int_equal(
		tls_memory_floor(&t->memory, S("one.example"), now, &floor), 0);
	return floor;
}

static void test_it_ends(void **state)
{
	const int64_t begin = 1000000;
	struct timed *t = *state;

	keep(t, begin, TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_at(t, begin + DAY_S - 1), TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_at(t, begin + DAY_S), TLS_LEVEL_NONE);
	/* Less does not make it last longer, the same does. */
	keep(t, begin + DAY_S / 2, TLS_LEVEL_TLS);
	assert_int_equal(floor_at(t, begin + DAY_S), TLS_LEVEL_NONE);
	keep(t, begin + DAY_S / 2, TLS_LEVEL_VERIFIED);
	assert_int_equal(floor_at(t, begin + DAY_S), TLS_LEVEL_VERIFIED);
	/* What has ended is no match for what is seen now. */
	keep(t, begin + 2 * DAY_S, TLS_LEVEL_TLS);
	assert_int_equal(floor_at(t, begin + 2 * DAY_S), TLS_LEVEL_TLS);
}

static void test_what_has_ended_is_removed(void **state)
{
	AUTO(arena_free) struct arena *arena = arena_new(65536);
	const int64_t begin = 1000000;
	struct timed *t = *state;
	struct store_tls tls;

	keep(t, begin, TLS_LEVEL_TLS);
	tls_memory_tick(&t->memory, begin + DAY_S - 10);
	assert_int_equal(
		store_load_tls(t->memory.store, S("one.example"), arena, &tls),
		0);
	assert_int_equal(tls.seen, begin);
	tls_memory_tick(&t->memory, begin + 2 * DAY_S);
	assert_int_equal(
		store_load_tls(t->memory.store, S("one.example"), arena, &tls),
		-ENOENT);
}

/* A domain that sends a lot is not written down each time, but often enough. */
static void test_what_is_news_of_senders(void **state)
{
	const struct slice domain = SLICE("one.example");
	const int64_t begin = 1000000;
	struct timed *t = *state;
	struct turn turn;

	assert_true(tls_memory_is_news(&t->memory, domain, begin));
	assert_int_equal(store_begin(t->memory.store), 0);
	turn_init(&turn, t->memory.store, &t->settings, begin);
	assert_int_equal(tls_memory_keep_sender(&turn, domain, S("r")), 0);
	assert_int_equal(store_commit(t->memory.store), 0);
	turn_done(&turn);
	assert_false(tls_memory_is_news(&t->memory, domain, begin + 1));
	assert_true(tls_memory_is_news(&t->memory, domain, begin + DAY_S / 2));
}

static void test_so_many_new_senders_a_day(void **state)
{
	const int64_t begin = 1000000;
	struct timed *t = *state;
	char name[32];

	for (unsigned i = 0; i < TLS_MEMORY_NEW_SENDERS; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_true(tls_memory_is_news(&t->memory, slice_of(name),
					       begin + i));
	}
	assert_false(
		tls_memory_is_news(&t->memory, S("x.example"), begin + 5000));
	assert_true(
		tls_memory_is_news(&t->memory, S("x.example"), begin + DAY_S));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TIMED(name)                                                            \
	cmocka_unit_test_setup_teardown(name, set_up_store, tear_down_store)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_best_is_kept),
		TEST(test_only_what_was_taken_counts),
		TEST(test_one_name_for_a_domain),
		TEST(test_via_is_another_way),
		TEST(test_forgetting),
		TEST(test_senders),
		TEST(test_without_memory),
		TEST(test_the_list),
		TIMED(test_it_ends),
		TIMED(test_what_has_ended_is_removed),
		TIMED(test_what_is_news_of_senders),
		TIMED(test_so_many_new_senders_a_day),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
