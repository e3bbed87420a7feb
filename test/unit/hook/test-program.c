#include "hook/program.h"

#include "base/clock.h"
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
#include <sys/stat.h>
#include <unistd.h>

enum { LONG_MS = 20000, SHORT_MS = 300, SOON_MS = 5000 };

struct world {
	struct event_base *base;
	struct programs *programs;
	struct arena *arena;
	int input_fd;
	size_t input_octets;
	unsigned ended; /* answers that came */
	struct program_result result;
};

static int begin(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	(void)signal(SIGPIPE, SIG_IGN); /* as role_main() does */
	w->base = event_base_new();
	w->programs = programs_new(w->base, 2, 3);
	w->arena = arena_new(64 << 20);
	w->input_fd = -1;
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	programs_free(&w->programs);
	event_base_free(w->base);
	arena_free(&w->arena);
	fd_close(&w->input_fd);
	mem_free(&w);
	return 0;
}

static void on_end(const struct program_result *result, void *arg)
{
	struct world *w = arg;

	w->ended++;
	w->result = *result;
	w->result.output = arena_copy(w->arena, result->output);
}

static struct program *start_path(struct world *w, const char *path,
				  const char *script, unsigned timeout_ms,
				  bool keeps_tail)
{
	const struct program_request request = {
		.path = path,
		.argv = (const char *const[]){ path, "-c", script, NULL },
		.environment =
			(const char *const[]){ "PATH=/usr/bin:/bin", NULL },
		.directory = "/usr",
		.input_fd = w->input_fd,
		.input_octets = w->input_octets,
		.timeout_ms = timeout_ms,
		.keeps_tail = keeps_tail,
	};

	return program_start(w->programs, &request, on_end, w);
}

static struct program *start(struct world *w, const char *script,
			     unsigned timeout_ms)
{
	return start_path(w, "/bin/sh", script, timeout_ms, false);
}

static void wait_for(struct world *w, unsigned count)
{
	while (w->ended < count)
		assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

static void run(struct world *w, const char *script)
{
	unsigned ended = w->ended;

	assert_non_null(start(w, script, LONG_MS));
	assert_int_equal(w->ended, ended); /* never from within */
	wait_for(w, ended + 1);
}

static void give_input(struct world *w, struct slice content)
{
	w->input_fd = memfd_create("input", MFD_CLOEXEC);
	assert_int_equal(write(w->input_fd, content.p, content.n), content.n);
	w->input_octets = content.n;
}

static void assert_output(const struct world *w, const char *want)
{
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	assert_string_equal(arena_string(w->arena, w->result.output), want);
}

static void test_status_and_output(void **state)
{
	struct world *w = *state;

	run(w, "echo out; echo err >&2; exit 20");
	assert_output(w, "out\n");
	assert_int_equal(w->result.number, 20);
}

static void test_directory_and_environment(void **state)
{
	struct world *w = *state;

	assert_int_equal(setenv("CULVER_SECRET", "1", 1), 0);
	run(w, "pwd; /usr/bin/env | grep -c . ; echo $CULVER_SECRET");
	/* PATH, and what the shell adds: PWD, OLDPWD or _ */
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	assert_true(slice_starts(w->result.output, S("/usr\n")));
	assert_true(slice_ends_nocase(w->result.output, S("\n\n")));
}

static void test_input_has_lf_lines(void **state)
{
	struct world *w = *state;

	give_input(w, S("a\r\nb\rc\r\r\n\r\nd\r"));
	run(w, "od -An -c | tr -d ' \\n'");
	assert_output(w, "a\\nb\\rc\\r\\n\\nd\\r");
}

/* More than a pipe holds, and pieces that part CR from LF. */
static void test_big_input(void **state)
{
	struct world *w = *state;
	struct slice line = S("0123456789\r\n");
	size_t lines = 100000;
	char *text = arena_alloc(w->arena, lines * line.n);

	for (size_t i = 0; i < lines; i++)
		memcpy(text + i * line.n, line.p, line.n);
	give_input(w, (struct slice){ text, lines * line.n });
	run(w, "wc -lc | tr -s ' '");
	assert_output(w, " 100000 1100000\n");
}

static void test_no_input_is_an_end(void **state)
{
	struct world *w = *state;

	run(w, "wc -c");
	assert_output(w, "0\n");
}

static void test_input_need_not_be_read(void **state)
{
	struct world *w = *state;
	char *text = arena_alloc(w->arena, 1 << 20);

	give_input(w, (struct slice){ text, 1 << 20 });
	run(w, "exec <&-; echo done; sleep 0.1");
	assert_output(w, "done\n");
}

static void test_input_that_is_cut(void **state)
{
	struct world *w = *state;

	give_input(w, S("short"));
	w->input_octets = 1000;
	run(w, "cat; exit 0");
	assert_int_equal(w->result.end, PROGRAM_NO_INPUT);
}

static void test_killed(void **state)
{
	struct world *w = *state;

	run(w, "echo X: y; kill -SEGV $$");
	assert_int_equal(w->result.end, PROGRAM_SIGNALED);
	assert_int_equal(w->result.number, SIGSEGV);
}

static void test_time_limit(void **state)
{
	struct world *w = *state;
	uint64_t begun = clock_monotonic_ms();

	assert_non_null(start(w, "trap '' TERM; sleep 30; echo no", SHORT_MS));
	wait_for(w, 1);
	assert_int_equal(w->result.end, PROGRAM_TOO_LATE);
	assert_in_range(clock_monotonic_ms() - begun, SHORT_MS - 20, SOON_MS);
}

static void test_flood(void **state)
{
	struct world *w = *state;

	run(w, "yes X-Flood: yes");
	assert_int_equal(w->result.end, PROGRAM_TOO_LOUD);
}

static void test_flood_before_the_end(void **state)
{
	struct world *w = *state;

	run(w, "head -c 65537 /dev/zero");
	assert_int_equal(w->result.end, PROGRAM_TOO_LOUD);
	run(w, "head -c 65536 /dev/zero");
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	assert_int_equal(w->result.output.n, 65536);
}

static void test_tail(void **state)
{
	struct world *w = *state;

	assert_non_null(start_path(w, "/bin/sh",
				   "yes | head -c 1000000; echo last", LONG_MS,
				   true));
	wait_for(w, 1);
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	assert_int_equal(w->result.output.n, PROGRAM_OUTPUT_OCTETS);
	assert_true(slice_ends_nocase(w->result.output, S("\nlast\n")));
}

static void test_error_flood_is_no_harm(void **state)
{
	struct world *w = *state;

	run(w, "yes no | head -c 3000000 >&2; echo good");
	assert_output(w, "good\n");
}

/* A child that holds the pipes does not hold us, and does not live on. */
static void test_child_left_behind(void **state)
{
	struct world *w = *state;
	uint64_t begun = clock_monotonic_ms();
	pid_t child;

	run(w, "sleep 30 & echo $!");
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	assert_in_range(clock_monotonic_ms() - begun, 0, SOON_MS);
	child = (pid_t)atoi(arena_string(w->arena, w->result.output));
	assert_true(child > 1);
	/* Nobody here reaps it; a zombie is dead enough. */
	for (int i = 0; kill(child, 0) == 0 && i < 100; i++) {
		char path[64], text[512] = "";
		FILE *f;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", child);
		f = fopen(path, "r");
		if (f == NULL)
			break;
		(void)!fread(text, 1, sizeof(text) - 1, f);
		(void)fclose(f);
		if (strstr(text, ") Z") != NULL)
			break;
		assert_int_not_equal(i, 99);
		(void)usleep(20000);
	}
}

/* Even one in a session of its own, which escapes the kill. */
static void test_daemon_left_behind(void **state)
{
	struct world *w = *state;
	uint64_t begun = clock_monotonic_ms();

	run(w, "setsid sleep 3 & echo X-Here: yes; sleep 0.2");
	assert_output(w, "X-Here: yes\n");
	assert_in_range(clock_monotonic_ms() - begun, 0, 2500);
}

static void test_pipes_are_all_it_gets(void **state)
{
	struct world *w = *state;
	int ours = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	assert_true(ours >= 0);
	run(w, "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do"
	       " [ -e /proc/$$/fd/$i ] && echo $i; done");
	assert_output(w, "0\n1\n2\n");
	(void)close(ours);
}

static void test_session_and_signals_are_its_own(void **state)
{
	struct world *w = *state;

	run(w, "grep '^SigIgn:' /proc/self/status | tr -d '\\t0';"
	       "set -- $(cut -d' ' -f5,6 /proc/$$/stat);"
	       "[ $1 = $$ ] && [ $2 = $$ ] && echo leader; ulimit -c");
	assert_output(w, "SigIgn:\nleader\n0\n");
}

static const struct {
	const char *name;
	const char *path;
	int error;
} wrong[] = {
	{ "missing", "/nonexistent/program", ENOENT },
	{ "not executable", "/etc/passwd", EACCES },
	{ "a directory", "/usr", EACCES },
};

static void test_not_started(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_non_null(
			start_path(w, wrong[i].path, "", LONG_MS, false));
		wait_for(w, (unsigned)i + 1);
		if (w->result.end != PROGRAM_NOT_STARTED ||
		    w->result.number != wrong[i].error)
			fail_msg("%s", wrong[i].name);
	}
}

static void test_no_interpreter(void **state)
{
	char path[] = "/tmp/culver-test-XXXXXX";
	struct world *w = *state;
	int fd = mkstemp(path);

	assert_int_equal(write(fd, "echo X: y\n", 10), 10);
	assert_int_equal(fchmod(fd, 0755), 0);
	(void)close(fd);
	assert_non_null(start_path(w, path, "", LONG_MS, false));
	wait_for(w, 1);
	(void)unlink(path);
	assert_int_equal(w->result.end, PROGRAM_NOT_STARTED);
	assert_int_equal(w->result.number, ENOEXEC);
}

static void test_cancel(void **state)
{
	struct world *w = *state;
	struct program *p = start(w, "sleep 30", LONG_MS);
	struct program *waiting;

	run(w, "true"); /* so that the first one runs, too */
	assert_non_null(start(w, "sleep 0.1", LONG_MS));
	waiting = start(w, "touch /nonexistent", LONG_MS);
	program_cancel(&p);
	program_cancel(&waiting);
	assert_null(p);
	program_cancel(&p);
	wait_for(w, 2);
	run(w, "echo still");
	assert_output(w, "still\n");
	assert_int_equal(w->ended, 3);
}

/* Two run, three wait, and waiting is no excuse. */
static void test_line(void **state)
{
	struct world *w = *state;

	assert_non_null(start(w, "sleep 30", SHORT_MS));
	assert_non_null(start(w, "sleep 30", SHORT_MS));
	(void)event_base_loop(w->base, EVLOOP_ONCE);
	assert_non_null(start(w, "echo first", LONG_MS));
	assert_non_null(start(w, "echo second", SHORT_MS / 3));
	assert_non_null(start(w, "echo third", LONG_MS));
	assert_null(start(w, "echo none", LONG_MS));
	wait_for(w, 1);
	assert_int_equal(w->result.end, PROGRAM_TOO_LATE); /* the second */
	wait_for(w, 5);
	assert_int_equal(w->result.end, PROGRAM_EXITED);
	run(w, "echo next");
	assert_output(w, "next\n");
}

static void test_problems_in_words(void **state)
{
	struct world *w = *state;
	const struct program_result missing = { .end = PROGRAM_NOT_STARTED,
						.number = ENOENT },
				    good = { .end = PROGRAM_EXITED,
					     .number = 3 };

	assert_string_equal(program_problem(&missing, w->arena).p,
			    "cannot be run: No such file or directory");
	assert_int_equal(program_problem(&good, w->arena).n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status_and_output),
		TEST(test_directory_and_environment),
		TEST(test_input_has_lf_lines),
		TEST(test_big_input),
		TEST(test_no_input_is_an_end),
		TEST(test_input_need_not_be_read),
		TEST(test_input_that_is_cut),
		TEST(test_killed),
		TEST(test_time_limit),
		TEST(test_flood),
		TEST(test_flood_before_the_end),
		TEST(test_tail),
		TEST(test_error_flood_is_no_harm),
		TEST(test_child_left_behind),
		TEST(test_daemon_left_behind),
		TEST(test_pipes_are_all_it_gets),
		TEST(test_session_and_signals_are_its_own),
		TEST(test_not_started),
		TEST(test_no_interpreter),
		TEST(test_cancel),
		TEST(test_line),
		TEST(test_problems_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
