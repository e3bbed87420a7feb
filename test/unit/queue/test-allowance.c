#include "queue/allowance.h"

#include "fixture.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

enum { DAY_S = 86400, RECIPIENTS = 10 };

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

/* first to first + count - 1 are whom it goes to. */
static uint64_t spend_to(struct fixture *f, const char *login,
			 uint64_t messages, uint64_t recipients, unsigned first,
			 unsigned count)
{
	struct message m = { .type = MESSAGE_SPEND, .fd = -1 };
	struct slice items[RECIPIENTS];
	char names[RECIPIENTS][32];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "u%u@far.example",
			       first + i);
		items[i] = slice_of(names[i]);
	}
	fixture_clear(f);
	m.spend = (struct msg_spend){
		.id = 7,
		.login = slice_of(login),
		.message_limit = messages,
		.recipient_limit = recipients,
		.recipients = { items, count },
	};
	engine_on_message(f->engine, fixture_receive(), &m);
	assert_int_equal(fixture_count(f, MESSAGE_SPENT), 1);
	assert_int_equal(fixture_find(f, MESSAGE_SPENT, 0)->queue_id, 0);
	return fixture_find(f, MESSAGE_SPENT, 0)->number;
}

static uint64_t spend(struct fixture *f, const char *login, uint64_t messages)
{
	return spend_to(f, login, messages, 100, 0, 1);
}

static struct sent *show(struct fixture *f, const char *login)
{
	struct message m = { .type = MESSAGE_USAGE_LIST, .fd = -1 };

	fixture_clear(f);
	m.usage_list.login = slice_of(login);
	engine_on_message(f->engine, fixture_control(), &m);
	assert_int_equal(fixture_count(f, MESSAGE_USAGE_END), 1);
	return fixture_find(f, MESSAGE_USAGE_ENTRY, 0);
}

static void test_messages(void **state)
{
	struct fixture *f = *state;
	uint64_t resets;

	assert_int_equal(spend(f, "alice", 2), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 2), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 2), ALLOWANCE_MESSAGES);
	resets = fixture_find(f, MESSAGE_SPENT, 0)->next_try;
	assert_int_equal(resets % DAY_S, 0);
	assert_in_range(resets, (uint64_t)clock_wall_s(),
			(uint64_t)clock_wall_s() + DAY_S);
	assert_int_equal(spend(f, "bob", 2), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 3), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 0), ALLOWANCE_LEFT);
	assert_int_equal(show(f, "alice")->number, 4);
}

static void test_recipients(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spend_to(f, "alice", 0, 5, 0, 3), ALLOWANCE_LEFT);
	assert_int_equal(spend_to(f, "alice", 0, 5, 0, 3), ALLOWANCE_LEFT);
	assert_int_equal(spend_to(f, "alice", 0, 5, 1, 5),
			 ALLOWANCE_RECIPIENTS);
	assert_int_equal(spend_to(f, "alice", 0, 5, 1, 4), ALLOWANCE_LEFT);
	assert_int_equal(spend_to(f, "alice", 0, 5, 9, 1),
			 ALLOWANCE_RECIPIENTS);
	assert_int_equal(spend_to(f, "alice", 0, 5, 0, 5), ALLOWANCE_LEFT);
	/* Whom another one knows is new to this one. */
	assert_int_equal(spend_to(f, "bob", 0, 2, 0, 3), ALLOWANCE_RECIPIENTS);
	assert_int_equal(show(f, "alice")->row, 5);
	assert_int_equal(show(f, "bob")->row, 0);
}

static void test_what_is_written_is_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spend_to(f, "alice", 2, 3, 0, 3), ALLOWANCE_LEFT);
	engine_tick(f->engine);
	fixture_restart(f);
	assert_int_equal(spend_to(f, "alice", 2, 3, 3, 1),
			 ALLOWANCE_RECIPIENTS);
	assert_int_equal(spend_to(f, "alice", 2, 3, 0, 3), ALLOWANCE_LEFT);
	assert_int_equal(spend_to(f, "alice", 2, 3, 0, 3), ALLOWANCE_MESSAGES);
}

/* The letter to the postmaster, or NULL. */
static struct sent *letter(struct fixture *f)
{
	engine_tick(f->engine);
	fixture_run(f);
	return fixture_find(f, MESSAGE_RESOLVE, 0);
}

static void test_the_postmaster_is_told_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_LEFT);
	assert_null(letter(f));
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_MESSAGES);
	assert_string_equal(letter(f)->address, "postmaster");
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_MESSAGES);
	assert_null(letter(f));
	fixture_restart(f);
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_MESSAGES);
	engine_tick(f->engine);
	assert_int_equal(fixture_total(f), 1);
}

static uint64_t forget(struct fixture *f, const char *login)
{
	struct message m = { .type = MESSAGE_USAGE_FORGET, .fd = -1 };

	fixture_clear(f);
	m.usage_forget.login = slice_of(login);
	engine_on_message(f->engine, fixture_control(), &m);
	return fixture_find(f, MESSAGE_USAGE_FORGOTTEN, 0)->number;
}

static void test_beginning_anew(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_MESSAGES);
	assert_false(show(f, "alice")->has_room);
	assert_int_equal(forget(f, "bob"), 0);
	assert_int_equal(forget(f, "alice"), 1);
	assert_null(show(f, "alice"));
	assert_int_equal(forget(f, ""), 0);
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_LEFT);
	assert_int_equal(spend(f, "alice", 1), ALLOWANCE_MESSAGES);
}

static void test_the_list(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_USAGE_LIST, .fd = -1 };
	char login[16];

	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(login, sizeof(login), "u%03u", i);
		assert_int_equal(spend(f, login, 5), ALLOWANCE_LEFT);
	}
	fixture_clear(f);
	engine_on_message(f->engine, fixture_control(), &m);
	assert_int_equal(fixture_count(f, MESSAGE_USAGE_ENTRY), 256);
	assert_true(fixture_find(f, MESSAGE_USAGE_END, 0)->has_room);
	assert_string_equal(fixture_find(f, MESSAGE_USAGE_END, 0)->address,
			    "u255");
	m.usage_list.after = S("u255");
	fixture_clear(f);
	engine_on_message(f->engine, fixture_control(), &m);
	assert_int_equal(fixture_count(f, MESSAGE_USAGE_ENTRY), 44);
	assert_false(fixture_find(f, MESSAGE_USAGE_END, 0)->has_room);
}

static void test_bad_questions(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_SPEND, .fd = -1 };
	static char octets[ALLOWANCE_LOGIN_OCTETS + 1];

	memset(octets, 'a', sizeof(octets));
	engine_on_message(f->engine, fixture_receive(), &m);
	m.spend.login = (struct slice){ octets, sizeof(octets) };
	engine_on_message(f->engine, fixture_receive(), &m);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fixture_find(f, MESSAGE_SPENT, i)->queue_id,
				 EBADMSG);
}

/* --- days ------------------------------------------------------------------------- */

struct days {
	char dir[64];
	struct store *store;
	struct arena *arena;
};

static int set_up_days(void **state)
{
	struct days *d = mem_new(sizeof(*d));

	fixture_make_dir(d->dir);
	fixture_empty_database();
	assert_int_equal(fixture_open_store(d->dir, &d->store), 0);
	d->arena = arena_new(1 << 20);
	*state = d;
	return 0;
}

static int tear_down_days(void **state)
{
	struct days *d = *state;

	store_free(&d->store);
	arena_free(&d->arena);
	fixture_remove_dir(d->dir);
	mem_free(&d);
	return 0;
}

static void test_days_pass(void **state)
{
	struct days *d = *state;
	struct store_usage usage = { .login = S("alice"),
				     .day = 20000,
				     .messages = 3,
				     .is_told = true };
	uint64_t count;
	int64_t day;

	assert_int_equal(store_begin(d->store), 0);
	assert_int_equal(store_add_usage(d->store, &usage), 0);
	usage.is_told = false;
	assert_int_equal(store_add_usage(d->store, &usage), 0);
	assert_int_equal(store_keep_correspondent(d->store, S("alice"),
						  UINT64_MAX, 20000),
			 0);
	assert_int_equal(
		store_keep_correspondent(d->store, S("alice"), 1, 20050), 0);
	assert_int_equal(store_commit(d->store), 0);
	assert_int_equal(
		store_load_usage(d->store, S("alice"), 20001, d->arena, &usage),
		-ENOENT);
	assert_int_equal(
		store_load_usage(d->store, S("alice"), 20000, d->arena, &usage),
		0);
	assert_int_equal(usage.messages, 6);
	assert_true(usage.is_told);

	assert_int_equal(store_begin(d->store), 0);
	assert_int_equal(store_forget_usage(d->store, S(""), 20001, &count), 0);
	assert_int_equal(store_commit(d->store), 0);
	assert_int_equal(count, 1);
	assert_int_equal(store_load_correspondent(d->store, S("alice"),
						  UINT64_MAX, &day),
			 -ENOENT);
	assert_int_equal(
		store_load_correspondent(d->store, S("alice"), 1, &day), 0);
	assert_int_equal(day, 20050);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_messages),
		TEST(test_recipients),
		TEST(test_what_is_written_is_kept),
		TEST(test_the_postmaster_is_told_once),
		TEST(test_beginning_anew),
		TEST(test_the_list),
		TEST(test_bad_questions),
		cmocka_unit_test_setup_teardown(test_days_pass, set_up_days,
						tear_down_days),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
