#include "receive/queue_call.h"

#include "base/mem.h"
#include "fake_role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct world {
	struct role_self self;
	struct queue_calls *calls;
	unsigned spent_count, tls_count;
	uint32_t error, level;
};

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	fake_role_init(&w->self);
	w->calls = queue_calls_new(&w->self);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	queue_calls_free(&w->calls);
	fake_role_done(&w->self);
	mem_free(&w);
	return 0;
}

static void on_spent(const struct msg_spent *answer, void *arg)
{
	struct world *w = arg;

	w->spent_count++;
	w->error = answer->error;
}

static void on_tls(const struct msg_sender_tls *answer, void *arg)
{
	struct world *w = arg;

	w->tls_count++;
	w->error = answer->error;
	w->level = answer->level;
}

static struct queue_call *ask_spend(struct world *w)
{
	const struct msg_spend m = { .login = S("u@example.com") };

	return queue_call_spend(w->calls, &m, on_spent, w);
}

static struct queue_call *ask_tls(struct world *w)
{
	return queue_call_sender_tls(w->calls, S("a.example"), on_tls, w);
}

static void answer(struct world *w, enum message_type type, uint64_t id)
{
	struct message m = { .type = type };

	if (type == MESSAGE_SPENT)
		m.spent.id = id;
	else
		m.sender_tls =
			(struct msg_sender_tls){ .id = id,
						 .level = TLS_LEVEL_TLS };
	queue_calls_on_message(w->calls, &m);
}

static void test_answers_find_their_calls(void **state)
{
	struct world *w = *state;
	const struct message *spend, *tls;

	assert_non_null(ask_spend(w));
	assert_non_null(ask_tls(w));
	spend = fake_role_sent(&w->self, MESSAGE_SPEND, 0);
	tls = fake_role_sent(&w->self, MESSAGE_SENDER_TLS_WANTED, 0);
	assert_true(slice_equal(tls->sender_tls_wanted.domain, S("a.example")));
	/* Of the other kind, and unknown: nothing. */
	answer(w, MESSAGE_SPENT, tls->sender_tls_wanted.id);
	answer(w, MESSAGE_SENDER_TLS, spend->spend.id);
	answer(w, MESSAGE_SENDER_TLS, 99);
	assert_int_equal(w->spent_count + w->tls_count, 0);
	answer(w, MESSAGE_SENDER_TLS, tls->sender_tls_wanted.id);
	assert_int_equal(w->level, TLS_LEVEL_TLS);
	answer(w, MESSAGE_SPENT, spend->spend.id);
	answer(w, MESSAGE_SPENT, spend->spend.id);
	assert_int_equal(w->spent_count, 1);
	assert_int_equal(w->tls_count, 1);
	assert_int_equal(w->error, 0);
}

static void test_gone_and_away(void **state)
{
	struct world *w = *state;

	assert_non_null(ask_spend(w));
	assert_non_null(ask_tls(w));
	w->self.has_queue = false;
	queue_calls_on_queue_gone(w->calls);
	assert_int_equal(w->spent_count, 1);
	assert_int_equal(w->tls_count, 1);
	assert_true(w->error != 0);
	w->error = 0;
	assert_non_null(ask_tls(w));
	queue_calls_tls_seen(w->calls, S("a.example"), S("by TLS"));
	assert_int_equal(w->tls_count, 1); /* never from within the starter */
	fake_role_turn(&w->self);
	assert_int_equal(w->tls_count, 2);
	assert_true(w->error != 0);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct queue_call *c = ask_tls(w);

	queue_call_cancel(&c);
	assert_null(c);
	queue_call_cancel(&c);
	answer(w, MESSAGE_SENDER_TLS, 1);
	assert_int_equal(w->tls_count, 0);
}

static void test_seen(void **state)
{
	struct world *w = *state;
	const struct message *m;

	queue_calls_tls_seen(w->calls, S("a.example"), S("by TLS"));
	m = fake_role_sent(&w->self, MESSAGE_SENDER_TLS_SEEN, 0);
	assert_true(slice_equal(m->sender_tls_seen.domain, S("a.example")));
	assert_true(slice_equal(m->sender_tls_seen.reason, S("by TLS")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_find_their_calls),
		TEST(test_gone_and_away),
		TEST(test_cancel),
		TEST(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
