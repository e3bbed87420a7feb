#include "hook/program.h"

#include "base/clock.h"
#include "base/mem.h"
#include "hook/program-private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ARENA_OCTETS = 16 << 20, /* a tripwire: requests are bounded */
	ERROR_LINES = 5,         /* of standard error, in the log */
};

struct programs {
	struct event_base *base;
	unsigned running_max, waiting_max;
	struct program_list running, waiting;
	unsigned running_count, waiting_count;
	struct event *on_turn; /* the line moves */
};

static void after(struct event *e, unsigned ms)
{
	(void)event_add(e, &(struct timeval){ .tv_sec = ms / 1000,
					      .tv_usec = ms % 1000 * 1000L });
}

/* --- ends ----------------------------------------------------------------------------------- */

static void free_event(struct event **e)
{
	if (*e != NULL)
		event_free(*e);
	*e = NULL;
}

static void program_free(struct program **program)
{
	struct program *p = *program;
	struct programs *all = p->programs;

	TAILQ_REMOVE(p->pid > 0 ? &all->running : &all->waiting, p, entry);
	*(p->pid > 0 ? &all->running_count : &all->waiting_count) -= 1;
	program_pipes_free(p);
	free_event(&p->on_exit);
	free_event(&p->on_timeout);
	fd_close(&p->pid_fd);
	fd_close(&p->failure_fd);
	fd_close(&p->source_fd);
	arena_free(&p->arena);
	mem_free(program);
}

static void kill_group(const struct program *p)
{
	/* Not reaped yet, so these numbers are still its own. Before its
	 * setsid() it has no group, and no children either. */
	(void)kill(-p->pid, SIGKILL);
	(void)kill(p->pid, SIGKILL);
}

static const struct log_ctx *log_of(const struct program *p)
{
	return p->log.value.n > 0 ? &p->log : NULL;
}

static void log_error_lines(const struct program *p,
			    const struct program_result *result)
{
	bool is_fine = result->end == PROGRAM_EXITED && result->number == 0;
	struct slice text = { .n = 0 }, line;

	if (p->error != NULL) {
		text.n = evbuffer_get_length(p->error);
		text.p = (const char *)evbuffer_pullup(p->error, -1);
	}
	for (int i = 0; i < ERROR_LINES && text.n > 0; i++) {
		(void)slice_cut(text, '\n', &line, &text);
		LOG(is_fine ? LOG_DEBUG : LOG_INFO, log_of(p), "program says",
		    log_string("program", p->path), log_text("line", line));
	}
}

/* Whoever waits hears of it; only once. */
static void answer(struct program *p, const struct program_result *result)
{
	program_on_end *done = p->done;

	p->done = NULL;
	if (done == NULL)
		return;
	free_event(&p->on_timeout);
	log_error_lines(p, result);
	LOG(LOG_DEBUG, log_of(p), "program ended",
	    log_string("program", p->path), log_number("end", result->end),
	    log_number("number", (uint64_t)result->number),
	    log_number("ms", clock_monotonic_ms() - p->begun_ms));
	done(result, p->arg);
}

void program_fail(struct program *p, enum program_end end)
{
	const struct program_result result = { .end = end };

	answer(p, &result);
	if (p->pid == 0) {
		program_free(&p);
		return;
	}
	/* Its place is free once it is dead. */
	program_pipes_free(p);
	kill_group(p);
}

static int exec_error(const struct program *p)
{
	int error;

	if (read(p->failure_fd, &error, sizeof(error)) == sizeof(error))
		return error;
	return 0;
}

static struct program_result result_of(struct program *p, int status)
{
	struct program_result r = { .end = PROGRAM_NOT_STARTED,
				    .number = exec_error(p) };

	if (r.number != 0)
		return r;
	if (WIFSIGNALED(status))
		return (struct program_result){ .end = PROGRAM_SIGNALED,
						.number = WTERMSIG(status) };
	if (!program_pipes_drain(p))
		return (struct program_result){ .end = PROGRAM_TOO_LOUD };
	r.end = PROGRAM_EXITED;
	r.number = WEXITSTATUS(status);
	r.output.n = evbuffer_get_length(p->output);
	r.output.p = (const char *)evbuffer_pullup(p->output, -1);
	return r;
}

static void on_exit_of(int fd, short what, void *arg)
{
	struct program *p = arg;
	struct programs *all = p->programs;
	int status = 0;
	pid_t r;

	(void)fd;
	(void)what;
	kill_group(p);
	r = waitpid(p->pid, &status, WNOHANG);
	if (r == 0)
		return; /* not ended after all: comes again */
	if (r < 0)
		status = SIGKILL; /* unknown is not good */
	if (p->done != NULL) {
		const struct program_result result = result_of(p, status);

		answer(p, &result);
	}
	program_free(&p);
	after(all->on_turn, 0);
}

static void on_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	program_fail(arg, PROGRAM_TOO_LATE);
}

void program_cancel(struct program **program)
{
	struct program *p = *program;

	if (p == NULL)
		return;
	*program = NULL;
	p->done = NULL;
	free_event(&p->on_timeout);
	program_fail(p, PROGRAM_TOO_LATE);
}

struct slice program_problem(const struct program_result *result,
			     struct arena *arena)
{
	switch (result->end) {
	case PROGRAM_EXITED:
		break;
	case PROGRAM_SIGNALED:
		return arena_format(arena, "ended by signal %d",
				    result->number);
	case PROGRAM_TOO_LATE:
		return S("did not end in time");
	case PROGRAM_TOO_LOUD:
		return S("said more than it may");
	case PROGRAM_NO_INPUT:
		return S("the message cannot be read");
	case PROGRAM_NOT_STARTED:
		return arena_format(arena, "cannot be run: %s",
				    strerrordesc_np(result->number));
	}
	return S("");
}

/* --- beginnings ------------------------------------------------------------------------------- */

static void run(struct program *p)
{
	struct programs *all = p->programs;
	int r = program_spawn(p);

	if (r < 0) {
		const struct program_result result = {
			.end = PROGRAM_NOT_STARTED, .number = -r
		};

		answer(p, &result);
		program_free(&p);
		return;
	}
	TAILQ_REMOVE(&all->waiting, p, entry);
	all->waiting_count--;
	TAILQ_INSERT_TAIL(&all->running, p, entry);
	all->running_count++;
	p->on_exit = event_new(all->base, p->pid_fd, EV_READ | EV_PERSIST,
			       on_exit_of, p);
	assert(p->on_exit != NULL);
	(void)event_add(p->on_exit, NULL);
	program_pipes_open(p, all->base);
}

static void on_turn(int fd, short what, void *arg)
{
	struct programs *all = arg;

	(void)fd;
	(void)what;
	while (all->running_count < all->running_max &&
	       !TAILQ_EMPTY(&all->waiting))
		run(TAILQ_FIRST(&all->waiting));
}

static char **copy_words(struct arena *a, const char *const *words)
{
	size_t n = 0;
	char **copies;

	while (words[n] != NULL)
		n++;
	copies = arena_array(a, n + 1, sizeof(*copies));
	for (size_t i = 0; i < n; i++) {
		size_t octets = strlen(words[i]) + 1;

		copies[i] = arena_alloc(a, octets);
		memcpy(copies[i], words[i], octets);
	}
	return copies;
}

static struct program *program_new(struct programs *all,
				   const struct program_request *request)
{
	struct program *p = mem_new(sizeof(*p));
	struct arena *a = arena_new(ARENA_OCTETS);

	p->programs = all;
	p->arena = a;
	p->path = arena_string(a, slice_of(request->path));
	p->argv = copy_words(a, request->argv);
	p->environment = copy_words(a, request->environment);
	p->directory = arena_string(a, slice_of(request->directory));
	p->log = (struct log_ctx){ .key = "trace",
				   .value = arena_copy(a, request->trace) };
	p->timeout_ms = request->timeout_ms;
	p->keeps_tail = request->keeps_tail;
	p->begun_ms = clock_monotonic_ms();
	p->pid_fd = p->failure_fd = p->source_fd = -1;
	p->in_fd = p->out_fd = p->err_fd = -1;
	p->source_octets = request->input_octets;
	return p;
}

struct program *program_start(struct programs *programs,
			      const struct program_request *request,
			      program_on_end *done, void *arg)
{
	int source_fd = -1;
	struct program *p;

	if (programs->waiting_count >= programs->waiting_max)
		return NULL;
	if (request->input_fd >= 0) {
		source_fd = fcntl(request->input_fd, F_DUPFD_CLOEXEC, 0);
		if (source_fd < 0)
			return NULL;
	}
	p = program_new(programs, request);
	p->source_fd = source_fd;
	p->done = done;
	p->arg = arg;
	p->on_timeout = evtimer_new(programs->base, on_timeout, p);
	assert(p->on_timeout != NULL);
	after(p->on_timeout, p->timeout_ms);
	TAILQ_INSERT_TAIL(&programs->waiting, p, entry);
	programs->waiting_count++;
	after(programs->on_turn, 0);
	return p;
}

/* --- all of them ------------------------------------------------------------------------------- */

struct programs *programs_new(struct event_base *base, unsigned running_max,
			      unsigned waiting_max)
{
	struct programs *all = mem_new(sizeof(*all));

	all->base = base;
	all->running_max = running_max;
	all->waiting_max = waiting_max;
	TAILQ_INIT(&all->running);
	TAILQ_INIT(&all->waiting);
	all->on_turn = evtimer_new(base, on_turn, all);
	assert(all->on_turn != NULL);
	return all;
}

void programs_free(struct programs **programs)
{
	struct programs *all = *programs;
	struct program *p;

	if (all == NULL)
		return;
	while ((p = TAILQ_FIRST(&all->waiting)) != NULL)
		program_free(&p);
	while ((p = TAILQ_FIRST(&all->running)) != NULL) {
		kill_group(p);
		program_free(&p);
	}
	event_free(all->on_turn);
	mem_free(programs);
}
