#include "receive/hooks.h"

#include "fake_role.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct world {
	struct role_self self;
	struct hooks *hooks;
	unsigned post_data_count, alias_count;
	struct hook_call *next; /* begun by an answer */
	bool begins_next;
	enum hook_result result;
	bool is_answered;
	char text[64];
};

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	fake_role_init(&w->self);
	w->hooks = hooks_new(&w->self);
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	hooks_free(&w->hooks);
	fake_role_done(&w->self);
	mem_free(&w);
	return 0;
}

static void on_post_data(const struct msg_post_data_result *result, void *arg);

static struct hook_call *ask(struct world *w)
{
	const struct slice rcpt = S("a@example.com");
	const struct msg_post_data m = { .id = 4711, /* not ours to choose */
					 .trace = S("T"),
					 .content_octets = 3,
					 .rcpt_to = { &rcpt, 1 },
					 .on_tls = true };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct hook_call *c =
		hooks_post_data(w->hooks, &m, fd, on_post_data, w);

	fd_close(&fd);
	return c;
}

static void on_post_data(const struct msg_post_data_result *result, void *arg)
{
	struct world *w = arg;

	w->post_data_count++;
	w->result = result->result;
	assert_true(result->text.n < sizeof(w->text));
	memcpy(w->text, result->text.p != NULL ? result->text.p : "",
	       result->text.n);
	if (w->begins_next)
		w->next = ask(w);
	w->begins_next = false;
}

static void on_alias(const struct msg_alias_resolved *result, void *arg)
{
	struct world *w = arg;

	w->alias_count++;
	w->is_answered = result->is_answered;
}

static void answer_post_data(struct world *w, uint64_t id, struct slice text)
{
	const struct message m = {
		.type = MESSAGE_POST_DATA_RESULT,
		.post_data_result = { .id = id,
				      .result = HOOK_REJECT,
				      .text = text },
	};

	hooks_on_message(w->hooks, &m);
}

static void answer_alias(struct world *w, uint64_t id)
{
	const struct message m = {
		.type = MESSAGE_ALIAS_RESOLVED,
		.alias_resolved = { .id = id, .is_answered = true },
	};

	hooks_on_message(w->hooks, &m);
}

static void test_what_there_is(void **state)
{
	struct world *w = *state;
	const struct msg_conf_hooks m = { .has_alias_resolve = true };

	assert_false(hooks_has_post_data(w->hooks));
	assert_false(hooks_has_alias_resolve(w->hooks));
	hooks_configure(w->hooks, &m);
	assert_false(hooks_has_post_data(w->hooks));
	assert_true(hooks_has_alias_resolve(w->hooks));
}

static void test_answers_find_their_calls(void **state)
{
	struct world *w = *state;
	const struct message *first, *second;

	assert_non_null(ask(w));
	assert_non_null(ask(w));
	first = fake_role_sent(&w->self, MESSAGE_POST_DATA, 0);
	second = fake_role_sent(&w->self, MESSAGE_POST_DATA, 1);
	assert_true(first->post_data.id != second->post_data.id);
	assert_true(second->fd >= 0);
	assert_true(second->post_data.on_tls);
	assert_int_equal(second->post_data.rcpt_to.count, 1);
	answer_post_data(w, second->post_data.id, S("no"));
	assert_int_equal(w->post_data_count, 1);
	assert_string_equal(w->text, "no");
	/* Twice, unknown, and of the other kind: nothing. */
	answer_post_data(w, second->post_data.id, S("again"));
	answer_post_data(w, 99, S("who"));
	answer_alias(w, first->post_data.id);
	assert_int_equal(w->post_data_count, 1);
	assert_int_equal(w->alias_count, 0);
	answer_post_data(w, first->post_data.id, S("yes"));
	assert_int_equal(w->post_data_count, 2);
}

static void test_alias(void **state)
{
	struct world *w = *state;
	const struct message *m;

	assert_non_null(
		hooks_alias_resolve(w->hooks, S("a@b.test"), on_alias, w));
	m = fake_role_sent(&w->self, MESSAGE_ALIAS_RESOLVE, 0);
	assert_true(slice_equal(m->alias_resolve.address, S("a@b.test")));
	answer_post_data(w, m->alias_resolve.id, S(""));
	assert_int_equal(w->alias_count, 0);
	answer_alias(w, m->alias_resolve.id);
	assert_int_equal(w->alias_count, 1);
	assert_true(w->is_answered);
}

/* "Later", and not from within the starter. */
static void test_away(void **state)
{
	struct world *w = *state;

	w->self.has_hook = false;
	w->is_answered = true;
	assert_non_null(ask(w));
	assert_non_null(hooks_alias_resolve(w->hooks, S("a@b"), on_alias, w));
	assert_int_equal(w->post_data_count + w->alias_count, 0);
	fake_role_turn(&w->self);
	assert_int_equal(w->post_data_count, 1);
	assert_int_equal(w->result, HOOK_TRY_LATER);
	assert_int_equal(w->alias_count, 1);
	assert_false(w->is_answered);
}

static void test_gone(void **state)
{
	struct world *w = *state;

	w->is_answered = true;
	assert_non_null(ask(w));
	assert_non_null(hooks_alias_resolve(w->hooks, S("a@b"), on_alias, w));
	w->self.has_hook = false;
	w->begins_next = true;
	hooks_on_hook_gone(w->hooks);
	assert_int_equal(w->post_data_count, 1);
	assert_int_equal(w->result, HOOK_TRY_LATER);
	assert_int_equal(w->alias_count, 1);
	assert_false(w->is_answered);
	/* The one begun by an answer waits for its own. */
	fake_role_turn(&w->self);
	assert_int_equal(w->post_data_count, 2);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct hook_call *c = ask(w);
	uint64_t id =
		fake_role_sent(&w->self, MESSAGE_POST_DATA, 0)->post_data.id;

	hook_call_cancel(&c);
	assert_null(c);
	hook_call_cancel(&c);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_HOOK_CANCEL), 1);
	assert_int_equal(fake_role_sent(&w->self, MESSAGE_HOOK_CANCEL, 0)
				 ->hook_cancel.id,
			 id);
	answer_post_data(w, id, S("late"));
	assert_int_equal(w->post_data_count, 0);
	/* Away: nobody is to be told. */
	w->self.has_hook = false;
	c = ask(w);
	hook_call_cancel(&c);
	fake_role_turn(&w->self);
	assert_int_equal(w->post_data_count, 0);
	assert_int_equal(fake_role_count(&w->self, MESSAGE_HOOK_CANCEL), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_there_is), TEST(test_answers_find_their_calls),
		TEST(test_alias),         TEST(test_away),
		TEST(test_gone),          TEST(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
