/* What `deliver` tells a new queue that was delivered for the one before. */
#include "queue/engine.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

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

/* Queued and being tried when the queue dies. Returns its id. */
static uint64_t die_with(struct fixture *f, const char *to)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, to);
	uint64_t id;

	fixture_clear(f);
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	id = fixture_find(f, MESSAGE_ENQUEUED, 0)->queue_id;
	f->has_deliver = false;
	fixture_restart(f);
	return id;
}

static void tell(struct fixture *f, uint64_t queue_id, const char *to,
		 enum outcome_kind kind)
{
	struct message m = { .type = MESSAGE_DELIVERED_BEFORE, .fd = -1 };

	m.delivered_before = (struct msg_delivered_before){
		.queue_id = queue_id,
		.target = { .address = slice_of(to) },
		.outcome = { .kind = kind, .code = 250, .text = S("Saved") },
	};
	engine_on_message(f->engine, fixture_deliver(), &m);
	fixture_run(f);
}

static void test_it_is_settled(void **state)
{
	struct fixture *f = *state;
	uint64_t id = die_with(f, "bob@example.com");

	assert_int_equal(fixture_total(f), 1);
	tell(f, id, "bob@example.com", OUTCOME_DELIVERED);
	assert_int_equal(fixture_total(f), 0);
	tell(f, id, "bob@example.com", OUTCOME_DELIVERED); /* once more */
	assert_int_equal(fixture_total(f), 0);
}

static void test_nothing_else_is(void **state)
{
	struct fixture *f = *state;
	uint64_t id = die_with(f, "bob@example.com");

	tell(f, id, "eve@example.com", OUTCOME_DELIVERED);
	tell(f, id + 1, "bob@example.com", OUTCOME_DELIVERED);
	tell(f, 0, "bob@example.com", OUTCOME_DELIVERED);
	tell(f, id, "", OUTCOME_DELIVERED);
	tell(f, id, "bob@example.com", OUTCOME_REFUSED);
	assert_int_equal(fixture_total(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_settled),
		TEST(test_nothing_else_is),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	return fixture_run_on_both(run);
}
