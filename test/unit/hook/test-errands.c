#include "hook/errands.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A configuration directory with programs, and the two roles that ask. */
struct world {
	struct event_base *base;
	struct errands *errands;
	char directory[64];
	struct link *receive, *deliver;           /* as `hook` sees them */
	struct link *receive_side, *deliver_side; /* what they hold */
	struct arena *arena;
	unsigned answers;
	struct message last; /* its slices live in arena */
};

static void on_asked(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	errands_on_message(w->errands, link, m);
}

static struct slice keep(struct world *w, struct slice s)
{
	return arena_copy(w->arena, s);
}

static void on_answer(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	w->answers++;
	w->last = *m;
	if (m->type == MESSAGE_POST_DATA_RESULT) {
		w->last.post_data_result.header =
			keep(w, m->post_data_result.header);
		w->last.post_data_result.text =
			keep(w, m->post_data_result.text);
		w->last.post_data_result.problem =
			keep(w, m->post_data_result.problem);
	} else if (m->type == MESSAGE_ALIAS_RESOLVED) {
		w->last.alias_resolved.targets =
			keep(w, m->alias_resolved.targets);
		w->last.alias_resolved.problem =
			keep(w, m->alias_resolved.problem);
	} else {
		w->last.command_result.outcome.text =
			keep(w, m->command_result.outcome.text);
	}
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

static void join(struct world *w, enum role role, struct link **ret_ours,
		 struct link **ret_theirs)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair),
		0);
	*ret_ours = link_new(w->base, pair[0], ROLE_HOOK, role, 0, on_asked,
			     on_closed, w);
	*ret_theirs = link_new(w->base, pair[1], role, ROLE_HOOK, 0, on_answer,
			       on_closed, w);
}

static const char *path_of(struct world *w, const char *name)
{
	return arena_format(w->arena, "%s/%s", w->directory, name).p;
}

static void write_program(struct world *w, const char *name, const char *script)
{
	FILE *f = fopen(path_of(w, name), "w");

	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path_of(w, name), 0755), 0);
}

static void use(struct world *w, struct slice aliases, bool has_alias_resolve)
{
	struct catalog *c = catalog_new();
	const struct msg_conf_hooks hooks = {
		.directory = slice_of(w->directory),
		.has_post_data = true,
		.has_alias_resolve = has_alias_resolve,
	};
	const struct msg_conf_domain domain = { .domain = S("example.com"),
						.aliases = aliases };

	catalog_add_hooks(c, &hooks);
	catalog_add_domain(c, &domain);
	assert_true(catalog_read(c, "."));
	errands_use(w->errands, &c);
}

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	(void)signal(SIGPIPE, SIG_IGN);
	w->base = event_base_new();
	w->arena = arena_new(16 << 20);
	w->errands = errands_new(w->base);
	join(w, ROLE_RECEIVE, &w->receive, &w->receive_side);
	join(w, ROLE_DELIVER, &w->deliver, &w->deliver_side);
	(void)strcpy(w->directory, "/tmp/culver-test-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	assert_int_equal(mkdir(path_of(w, "hooks"), 0755), 0);
	use(w, S(""), false);
	*state = w;
	return 0;
}

static int end(void **state)
{
	static const char *const names[] = { "hooks/post-data",
					     "hooks/alias-resolve", "prog",
					     "mark", "hooks" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(path_of(w, names[i]));
	assert_int_equal(rmdir(w->directory), 0);
	errands_free(&w->errands);
	link_free(&w->receive);
	link_free(&w->deliver);
	link_free(&w->receive_side);
	link_free(&w->deliver_side);
	event_base_free(w->base);
	arena_free(&w->arena);
	mem_free(&w);
	return 0;
}

static void wait_for(struct world *w, unsigned answers)
{
	while (w->answers < answers)
		assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

static void send_content(struct link *to, const struct message *m)
{
	AUTO(fd_close) int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(write(fd, "S: x\r\n\r\nbody\r\n", 14), 14);
	link_send(to, m, fd);
}

static const struct msg_post_data_result *post_data(struct world *w,
						    uint64_t id)
{
	const struct slice rcpt = S("a@example.com");
	const struct message m = {
		.type = MESSAGE_POST_DATA,
		.post_data = { .id = id,
			       .content_octets = 14,
			       .mail_from = S("me@example.net"),
			       .rcpt_to = { &rcpt, 1 } },
	};

	send_content(w->receive_side, &m);
	wait_for(w, w->answers + 1);
	assert_int_equal(w->last.type, MESSAGE_POST_DATA_RESULT);
	assert_int_equal(w->last.post_data_result.id, id);
	return &w->last.post_data_result;
}

static void assert_text(struct slice is, const char *want)
{
	if (!slice_equal(is, slice_of(want)))
		fail_msg("\"%.*s\", wanted \"%s\"", (int)is.n, is.p, want);
}

/* --- post-data --------------------------------------------------------------------- */

static void test_header(void **state)
{
	struct world *w = *state;
	const struct msg_post_data_result *r;

	write_program(w, "hooks/post-data",
		      "echo X-From: $MAIL_FROM; echo X-Body: $(tail -n 1);"
		      "echo X-Here: $(test $PWD = $(pwd) && echo yes)");
	r = post_data(w, 1);
	assert_int_equal(r->result, HOOK_ACCEPT);
	assert_text(r->header, "X-From: me@example.net\r\nX-Body: body\r\n"
			       "X-Here: yes\r\n");
	assert_int_equal(r->problem.n, 0);
}

static void test_refusals(void **state)
{
	struct world *w = *state;
	const struct msg_post_data_result *r;

	write_program(w, "hooks/post-data", "cat >&2; echo spam; exit 20");
	r = post_data(w, 1);
	assert_int_equal(r->result, HOOK_REJECT);
	assert_text(r->text, "spam");
	write_program(w, "hooks/post-data", "echo greylisted; exit 75");
	r = post_data(w, 2);
	assert_int_equal(r->result, HOOK_TRY_LATER);
	assert_text(r->text, "greylisted");
	assert_int_equal(r->problem.n, 0);
}

static void test_broken(void **state)
{
	static const char *const scripts[] = { "kill -9 $$", "yes", NULL };
	struct world *w = *state;
	const struct msg_post_data_result *r;
	uint64_t id = 1;

	for (size_t i = 0; scripts[i] != NULL; i++) {
		write_program(w, "hooks/post-data", scripts[i]);
		r = post_data(w, id++);
		assert_int_equal(r->result, HOOK_TRY_LATER);
		assert_true(r->problem.n > 0);
	}
	assert_int_equal(chmod(path_of(w, "hooks/post-data"), 0644), 0);
	r = post_data(w, id++);
	assert_int_equal(r->result, HOOK_TRY_LATER);
	assert_text(r->problem, "cannot be run: Permission denied");
	assert_int_equal(remove(path_of(w, "hooks/post-data")), 0);
	r = post_data(w, id++);
	assert_int_equal(r->result, HOOK_TRY_LATER);
	assert_text(r->problem, "cannot be run: No such file or directory");
}

/* The descriptor got lost, or the content is shorter than was said. */
static void test_no_content(void **state)
{
	struct world *w = *state;
	struct message m = { .type = MESSAGE_POST_DATA };

	write_program(w, "hooks/post-data", "cat >/dev/null");
	link_send(w->receive_side, &m, -1);
	wait_for(w, 1);
	assert_int_equal(w->last.post_data_result.result, HOOK_TRY_LATER);
	m.post_data.content_octets = 15;
	send_content(w->receive_side, &m);
	wait_for(w, 2);
	assert_int_equal(w->last.post_data_result.result, HOOK_TRY_LATER);
	assert_text(w->last.post_data_result.problem,
		    "the message cannot be read");
}

static bool is_marked(struct world *w)
{
	return access(path_of(w, "mark"), F_OK) == 0;
}

/* Killed: what it wanted to do later is not done. */
static void test_cancel_and_gone(void **state)
{
	struct world *w = *state;
	struct message m = { .type = MESSAGE_POST_DATA };
	const struct message cancel = { .type = MESSAGE_HOOK_CANCEL,
					.hook_cancel = { .id = 1 } };

	write_program(w, "hooks/post-data", "sleep 1; : >mark");
	m.post_data.id = 1;
	send_content(w->receive_side, &m);
	m.post_data.id = 2;
	send_content(w->receive_side, &m);
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	link_send(w->receive_side, &cancel, -1);
	(void)event_base_loop(w->base, EVLOOP_ONCE);
	errands_forget(w->errands, w->receive);
	(void)usleep(1300000);
	write_program(w, "hooks/post-data", "exit 0");
	assert_int_equal(post_data(w, 3)->result, HOOK_ACCEPT);
	assert_int_equal(w->answers, 1);
	assert_false(is_marked(w));
}

/* --- alias-resolve ------------------------------------------------------------------- */

static const struct msg_alias_resolved *resolve(struct world *w,
						struct slice address)
{
	const struct message m = {
		.type = MESSAGE_ALIAS_RESOLVE,
		.alias_resolve = { .id = 7, .address = address },
	};

	link_send(w->receive_side, &m, -1);
	wait_for(w, w->answers + 1);
	assert_int_equal(w->last.type, MESSAGE_ALIAS_RESOLVED);
	assert_int_equal(w->last.alias_resolved.id, 7);
	return &w->last.alias_resolved;
}

static void test_alias_resolve(void **state)
{
	struct world *w = *state;
	const struct msg_alias_resolved *r;

	write_program(w, "hooks/alias-resolve",
		      "test \"$*\" = 'a b@example.com' && echo ' x, y '\n"
		      "test \"$1\" = wrong@example.com && exit 1; exit 0");
	r = resolve(w, S("a b@example.com"));
	assert_true(r->is_answered);
	assert_text(r->targets, "x, y");
	r = resolve(w, S("none@example.com"));
	assert_true(r->is_answered);
	assert_int_equal(r->targets.n, 0);
	r = resolve(w, S("wrong@example.com"));
	assert_false(r->is_answered);
	assert_text(r->problem, "exit status 1");
	assert_int_equal(remove(path_of(w, "hooks/alias-resolve")), 0);
	assert_false(resolve(w, S("a@example.com"))->is_answered);
	assert_false(resolve(w, S("a\n@example.com"))->is_answered);
}

/* --- commands ------------------------------------------------------------------------- */

static const struct outcome *command(struct world *w, struct slice alias)
{
	const struct message m = {
		.type = MESSAGE_COMMAND,
		.command = { .id = 9,
			     .trace = S("T1"),
			     .alias = alias,
			     .reverse_path = S("me@example.net"),
			     .content_octets = 14 },
	};

	send_content(w->deliver_side, &m);
	wait_for(w, w->answers + 1);
	assert_int_equal(w->last.type, MESSAGE_COMMAND_RESULT);
	assert_int_equal(w->last.command_result.id, 9);
	return &w->last.command_result.outcome;
}

static void test_commands(void **state)
{
	struct world *w = *state;
	const struct outcome *o;

	write_program(w, "prog",
		      "test \"$(tail -n 1)\" = body || exit 3\n"
		      "echo \"$# $1 $RCPT_TO $MAIL_FROM\"; exit $2");
	use(w,
	    S("good: | ./prog it's 0\nbad: |./prog a 1\nlater: |./prog \"a 75\n"
	      "none: | no-such-program\n"),
	    false);
	assert_int_equal(command(w, S("good@example.com"))->kind,
			 OUTCOME_DELIVERED);
	o = command(w, S("bad@example.com"));
	assert_int_equal(o->kind, OUTCOME_REFUSED);
	assert_text(o->text, "2 a bad@example.com me@example.net");
	o = command(w, S("later@example.com"));
	assert_int_equal(o->kind, OUTCOME_DEFERRED);
	assert_text(o->text, "2 \"a later@example.com me@example.net");
	o = command(w, S("none@example.com"));
	assert_int_equal(o->kind, OUTCOME_DEFERRED);
	assert_text(o->text, "The command cannot be run");
	o = command(w, S("removed@example.com"));
	assert_int_equal(o->kind, OUTCOME_DEFERRED);
}

/* The command is what alias-resolve says now. */
static void test_commands_of_alias_resolve(void **state)
{
	struct world *w = *state;

	use(w, S("file: | /bin/false\n"), true);
	write_program(w, "prog", "cat >mark; exit 0");
	write_program(w, "hooks/alias-resolve",
		      "case $1 in\n"
		      "dynamic@*) echo '| ./prog';;\n"
		      "plain@*) echo alice;;\n"
		      "*) exit 1;;\n"
		      "esac");
	assert_int_equal(command(w, S("dynamic@example.com"))->kind,
			 OUTCOME_DELIVERED);
	assert_true(is_marked(w));
	assert_int_equal(command(w, S("file@example.com"))->kind,
			 OUTCOME_REFUSED);
	assert_int_equal(command(w, S("plain@example.com"))->kind,
			 OUTCOME_DEFERRED);
	assert_int_equal(command(w, S("other@example.com"))->kind,
			 OUTCOME_DEFERRED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_refusals),
		TEST(test_broken),
		TEST(test_no_content),
		TEST(test_cancel_and_gone),
		TEST(test_alias_resolve),
		TEST(test_commands),
		TEST(test_commands_of_alias_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
