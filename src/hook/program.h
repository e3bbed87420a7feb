/*
 * Runs programs that are not ours: without a shell, in a session and process
 * group of their own, under resource limits, with nothing of the role's but
 * three pipes. So many at once; the others wait in a bounded line, and what
 * they wait counts against their time.
 *
 * A run is over when its main process is, whoever still holds its pipes; then,
 * and at the end of its time, its whole process group is killed. A process that
 * has begun a session of its own is left alone: programs start daemons that
 * others use as well, gpg-agent for one.
 */
#ifndef HOOK_PROGRAM_H
#define HOOK_PROGRAM_H

#include "base/arena.h"
#include "base/slice.h"

#include <event2/event.h>

enum { PROGRAM_OUTPUT_OCTETS = 64 << 10 };

struct programs; /* one kind of program, and its line */
struct program;

struct programs *programs_new(struct event_base *base, unsigned running_max,
			      unsigned waiting_max);
/* Kills what runs; no callbacks. */
void programs_free(struct programs **programs);

struct program_request {
	const char *path;        /* executed as it is; relative to directory */
	const char *const *argv; /* NULL ends both of these */
	const char *const *environment;
	const char *directory; /* to run in */
	int input_fd;          /* read from its offset 0; -1 for none */
	uint64_t input_octets; /* CRLF becomes LF on the way */
	unsigned timeout_ms;
	bool keeps_tail;    /* output beyond the limit pushes out what is older,
	                       instead of being a failure */
	struct slice trace; /* for the log; may be empty */
};

enum program_end {
	PROGRAM_EXITED,      /* number: its status */
	PROGRAM_SIGNALED,    /* number: the signal that was not ours */
	PROGRAM_TOO_LATE,    /* its time was over, in the line maybe */
	PROGRAM_TOO_LOUD,    /* more output than PROGRAM_OUTPUT_OCTETS */
	PROGRAM_NO_INPUT,    /* the message could not be read */
	PROGRAM_NOT_STARTED, /* number: errno */
};

struct program_result {
	enum program_end end;
	int number;
	struct slice output; /* PROGRAM_EXITED: what came on standard output */
};

/* Called once, never from within program_start(); the program is gone then.
 * The result is valid during the call. */
typedef void program_on_end(const struct program_result *result, void *arg);

/* Copies the request; input_fd is duplicated. Returns NULL when too many wait
 * or there are no descriptors. */
struct program *program_start(struct programs *programs,
			      const struct program_request *request,
			      program_on_end *done, void *arg);
/* Nobody waits any more: it is killed. */
void program_cancel(struct program **program);

/* What went wrong, for the log; empty for an exit, whatever its status. */
struct slice program_problem(const struct program_result *result,
			     struct arena *arena);

#endif
