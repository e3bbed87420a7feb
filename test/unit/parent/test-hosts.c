#include "parent/hosts.h"

#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LIMIT_MS = 300 };

/* What the child does instead of looking names up. */
struct script {
	const void *octets;
	size_t n;
	bool stalls;
	int error; /* starting it fails */
	unsigned started;
	pid_t pid;
};

struct world {
	struct script script;
	struct event_base *base;
	struct hosts *hosts;
	unsigned answered;
};

static const struct host_address two[] = {
	{ .family = AF_INET, .octets = { 192, 0, 2, 1 } },
	{ .family = AF_INET6, .octets = { 0x20, 1, 0xd, 0xb8 } },
};

static pid_t start(const char *name, int pipe_fd, void *arg)
{
	struct world *w = arg;
	const struct script *s = &w->script;

	assert_string_equal(name, "filter.example.com");
	w->script.started++;
	if (s->error < 0)
		return s->error;
	w->script.pid = fork();
	if (w->script.pid == 0) {
		if (s->n > 0 && write(pipe_fd, s->octets, s->n) < 0)
			_exit(1);
		if (s->stalls)
			(void)pause();
		_exit(0);
	}
	return w->script.pid;
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->base = event_base_new();
	w->hosts = hosts_new(w->base, LIMIT_MS, start, w);
	w->script.octets = two;
	w->script.n = sizeof(two);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	hosts_free(&w->hosts);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}

static void on_done(void *arg)
{
	struct world **w = arg;

	(*w)->answered++;
}

static int look_up(struct world *w)
{
	struct world **arg = mem_new(sizeof(struct world *));
	int r;

	*arg = w;
	r = hosts_look_up(w->hosts, "filter.example.com", on_done, arg);
	if (r < 0)
		mem_free(&arg);
	return r;
}

static const struct host_addresses *known(const struct world *w)
{
	return hosts_find(w->hosts, "FILTER.example.com");
}

static void bury(struct world *w)
{
	int status;

	assert_int_equal(waitpid(w->script.pid, &status, 0), w->script.pid);
	assert_true(hosts_reap(w->hosts, w->script.pid));
	assert_false(hosts_reap(w->hosts, w->script.pid));
}

static void test_found(void **state)
{
	struct world *w = *state;

	assert_null(known(w));
	assert_int_equal(look_up(w), 0);
	assert_int_equal(look_up(w), 0);
	assert_int_equal(w->answered, 0);
	bury(w);
	(void)event_base_dispatch(w->base);
	assert_int_equal(w->answered, 2);
	assert_int_equal(w->script.started, 1);
	assert_non_null(known(w));
	assert_int_equal(known(w)->count, 2);
	assert_memory_equal(known(w)->items, two, sizeof(two));
}

static void test_split(void **state)
{
	struct world *w = *state;

	w->script.n = sizeof(two) / 2 + 1;
	w->script.stalls = true;
	assert_int_equal(look_up(w), 0);
	for (int i = 0; i < 10; i++) {
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	assert_int_equal(w->answered, 0);
	(void)kill(w->script.pid, SIGKILL);
	bury(w);
	(void)event_base_dispatch(w->base);
	assert_int_equal(w->answered, 1);
	assert_int_equal(known(w)->count, 0);
}

static void test_wrong_answers(void **state)
{
	static const struct host_address strange[] = { { .family = AF_UNIX } };
	static const struct host_address many[HOSTS_ADDRESSES + 1] = {
		{ .family = AF_INET }
	};
	struct host_address none = { .family = AF_UNSPEC };
	const int error = EAI_NONAME;
	const struct {
		const char *name;
		const void *octets;
		size_t n;
	} cases[] = {
		{ "nothing", two, 0 },
		{ "half an address", two, 5 },
		{ "no family of ours", strange, sizeof(strange) },
		{ "too many", many, sizeof(many) },
		{ "there is no such name", &none, sizeof(none) },
	};
	struct world *w = *state;

	memcpy(none.octets, &error, sizeof(error));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		w->script.octets = cases[i].octets;
		w->script.n = cases[i].n;
		w->answered = 0;
		assert_int_equal(look_up(w), 0);
		(void)event_base_dispatch(w->base);
		assert_int_equal(w->answered, 1);
		assert_int_equal(known(w)->count, 0);
		bury(w);
		hosts_free(&w->hosts);
		w->hosts = hosts_new(w->base, LIMIT_MS, start, w);
	}
}

static void test_no_child(void **state)
{
	struct world *w = *state;

	w->script.error = -ENOMEM;
	assert_int_equal(look_up(w), -ENOMEM);
	assert_null(known(w));
	w->script.error = 0;
	assert_int_equal(look_up(w), 0);
	bury(w);
}

static void test_too_many_wait(void **state)
{
	struct world *w = *state;
	int r = 0, n = 0;

	w->script.stalls = true;
	for (; r == 0 && n < 10000; n++)
		r = look_up(w);
	assert_int_equal(r, -EAGAIN);
	assert_true(n > 1000);
	(void)kill(w->script.pid, SIGKILL);
	bury(w);
}

static void test_time_limit(void **state)
{
	struct world *w = *state;
	int status;

	w->script.stalls = true;
	assert_int_equal(look_up(w), 0);
	(void)event_base_dispatch(w->base);
	assert_int_equal(w->answered, 1);
	assert_int_equal(known(w)->count, 0);
	assert_int_equal(waitpid(w->script.pid, &status, 0), w->script.pid);
	assert_true(WIFSIGNALED(status));
	assert_true(hosts_reap(w->hosts, w->script.pid));
}

static void test_child(void **state)
{
	struct host_address got[HOSTS_ADDRESSES + 1];
	const unsigned char localhost[] = { 127, 0, 0, 1 };
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(hosts_child("127.0.0.1", fds[1]), 0);
	assert_int_equal(read(fds[0], got, sizeof(got)), sizeof(got[0]));
	assert_int_equal(got[0].family, AF_INET);
	assert_memory_equal(got[0].octets, localhost, sizeof(localhost));
	assert_int_equal(hosts_child("no such name", fds[1]), 0);
	assert_int_equal(read(fds[0], got, sizeof(got)), sizeof(got[0]));
	assert_int_equal(got[0].family, AF_UNSPEC);
	(void)alarm(0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found),         TEST(test_split),
		TEST(test_wrong_answers), TEST(test_no_child),
		TEST(test_too_many_wait), TEST(test_time_limit),
		TEST(test_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
