#include "deliver/commands.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = COMMANDS_WAITING_MAX + COMMANDS_RUNNING_MAX + 2 };

/* What became of a run. */
struct seen {
	unsigned ends;
	enum outcome_kind kind;
	uint16_t code;
	char text[64];
};

struct world {
	struct event_base *base;
	struct commands *commands;
	struct link *ours, *theirs; /* to `hook`, and `hook`'s */
	int content;
	uint64_t asked[MANY]; /* ids, as they came to `hook` */
	unsigned asked_count;
	char last[200]; /* the last COMMAND in words */
	struct command_run *runs[MANY];
	struct seen seen[MANY];
};

static void on_command(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;
	const struct msg_command *c = &m->command;

	(void)link;
	assert_int_equal(m->type, MESSAGE_COMMAND);
	assert_true(m->fd >= 0);
	w->asked[w->asked_count++] = c->id;
	(void)snprintf(w->last, sizeof(w->last), "%.*s %.*s %.*s %u",
		       (int)c->trace.n, c->trace.p, (int)c->alias.n, c->alias.p,
		       (int)c->reverse_path.n, c->reverse_path.p,
		       (unsigned)c->content_octets);
}

static void on_result(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	commands_on_result(w->commands, &m->command_result);
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void connect_hook(struct world *w)
{
	int pair[2];

	link_free(&w->ours);
	link_free(&w->theirs);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	w->ours = link_new(w->base, pair[0], ROLE_DELIVER, ROLE_HOOK, 0,
			   on_result, on_closed, w);
	w->theirs = link_new(w->base, pair[1], ROLE_HOOK, ROLE_DELIVER, 0,
			     on_command, on_closed, w);
	commands_use_hook(w->commands, w->ours);
}

static int make_world(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->base = event_base_new();
	w->content = memfd_create("test", MFD_CLOEXEC);
	w->commands = commands_new(w->base);
	*state = w;
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	commands_free(&w->commands);
	link_free(&w->ours);
	link_free(&w->theirs);
	fd_close(&w->content);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}

static void on_end(const struct outcome *outcome, void *arg)
{
	struct seen *seen = arg;

	seen->ends++;
	seen->kind = outcome->kind;
	seen->code = outcome->code;
	(void)snprintf(seen->text, sizeof(seen->text), "%.*s",
		       (int)outcome->text.n, outcome->text.p);
}

static void start(struct world *w, unsigned i)
{
	const struct command_request request = {
		.trace = S("T1"),
		.alias = S("robot@d"),
		.reverse_path = S("s@d"),
		.content_octets = 4,
		.content_fd = w->content,
	};

	w->runs[i] = commands_run(w->commands, &request, on_end, &w->seen[i]);
	assert_int_equal(w->seen[i].ends, 0); /* never at once */
}

static void answer(struct world *w, uint64_t id, struct outcome outcome)
{
	struct message m = { .type = MESSAGE_COMMAND_RESULT, .fd = -1 };

	m.command_result = (struct msg_command_result){ id, outcome, 0 };
	link_send(w->theirs, &m, -1);
	turn(w);
}

static void test_asked_and_answered(void **state)
{
	struct world *w = *state;

	connect_hook(w);
	start(w, 0);
	start(w, 1);
	turn(w);
	assert_int_equal(w->asked_count, 2);
	assert_string_equal(w->last, "T1 robot@d s@d 4");
	answer(w, 99, (struct outcome){ .kind = OUTCOME_DELIVERED });
	assert_int_equal(w->seen[0].ends + w->seen[1].ends, 0);
	answer(w, w->asked[1],
	       (struct outcome){ .kind = OUTCOME_REFUSED,
				 .status = { 5, 3, 0 },
				 .text = S("no") });
	assert_int_equal(w->seen[0].ends, 0);
	assert_int_equal(w->seen[1].ends, 1);
	assert_int_equal(w->seen[1].kind, OUTCOME_REFUSED);
	assert_string_equal(w->seen[1].text, "no");
	answer(w, w->asked[0], (struct outcome){ .kind = OUTCOME_DELIVERED });
	answer(w, w->asked[0], (struct outcome){ .kind = OUTCOME_REFUSED });
	assert_int_equal(w->seen[0].ends, 1);
	assert_int_equal(w->seen[0].kind, OUTCOME_DELIVERED);
}

static void test_no_hook(void **state)
{
	struct world *w = *state;

	start(w, 0);
	turn(w);
	assert_int_equal(w->seen[0].ends, 1);
	assert_int_equal(w->seen[0].kind, OUTCOME_DEFERRED);
}

static void test_hook_gone(void **state)
{
	struct world *w = *state;
	unsigned i;

	connect_hook(w);
	for (i = 0; i <= COMMANDS_RUNNING_MAX; i++)
		start(w, i);
	turn(w);
	commands_use_hook(w->commands, NULL);
	turn(w);
	assert_int_equal(w->seen[0].ends, 1);
	assert_int_equal(w->seen[0].kind, OUTCOME_UNCERTAIN);
	assert_int_equal(w->seen[COMMANDS_RUNNING_MAX].ends, 1);
	assert_int_equal(w->seen[COMMANDS_RUNNING_MAX].kind, OUTCOME_DEFERRED);
	connect_hook(w); /* it is back */
	start(w, i);
	turn(w);
	assert_int_equal(w->asked_count, COMMANDS_RUNNING_MAX + 1);
}

static void test_few_at_a_time(void **state)
{
	struct world *w = *state;

	connect_hook(w);
	for (unsigned i = 0; i < MANY; i++)
		start(w, i);
	turn(w);
	assert_int_equal(w->asked_count, COMMANDS_RUNNING_MAX);
	/* no room in the line */
	assert_int_equal(w->seen[MANY - 1].kind, OUTCOME_DEFERRED);
	assert_int_equal(w->seen[MANY - 1].ends, 1);
	assert_int_equal(w->seen[MANY - 3].ends, 0);
	assert_false(command_withdraw(&w->runs[0]));
	assert_true(command_withdraw(&w->runs[COMMANDS_RUNNING_MAX]));
	assert_null(w->runs[COMMANDS_RUNNING_MAX]);
	for (unsigned i = 0; i < w->asked_count; i++)
		answer(w, w->asked[i],
		       (struct outcome){ .kind = OUTCOME_DELIVERED });
	assert_int_equal(w->asked_count, MANY - 3);
	for (unsigned i = 0; i < MANY - 2; i++)
		assert_int_equal(w->seen[i].ends, i != COMMANDS_RUNNING_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_asked_and_answered),
		TEST(test_no_hook),
		TEST(test_hook_gone),
		TEST(test_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
