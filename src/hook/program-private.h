/* Shared by program.c (life), program_pipes.c (what goes in and comes out) and
 * program_spawn.c (birth). */
#ifndef HOOK_PROGRAM_PRIVATE_H
#define HOOK_PROGRAM_PRIVATE_H

#include "base/list.h"
#include "base/log.h"
#include "hook/program.h"

#include <event2/buffer.h>
#include <sys/types.h>

TAILQ_HEAD(program_list, program);

struct program {
	TAILQ_ENTRY(program) entry; /* waiting or running */
	struct programs *programs;
	struct arena *arena; /* of the copied request */
	const char *path;
	char **argv, **environment;
	const char *directory;
	struct log_ctx log;
	unsigned timeout_ms;
	bool keeps_tail;
	uint64_t begun_ms;

	program_on_end *done; /* NULL once it was called, or cancelled */
	void *arg;

	pid_t pid; /* 0: waits in the line */
	int pid_fd;
	int failure_fd; /* where execve's errno comes from */
	struct event *on_exit, *on_timeout;

	int source_fd; /* the message; -1: all of it was read */
	uint64_t source_at, source_octets;
	bool has_cr; /* the last octet read, not written yet */
	struct evbuffer *input;
	int in_fd, out_fd, err_fd; /* our ends; -1: shut */
	struct event *on_writable, *on_output, *on_error;
	struct evbuffer *output, *error;
};

/* program.c: the answer is given, the process killed. */
void program_fail(struct program *p, enum program_end end);

/* program_spawn.c: makes pipes and process; sets pid, pid_fd, failure_fd and
 * the three ends. Returns 0 or -errno. */
int program_spawn(struct program *p);

/* program_pipes.c */
void program_pipes_open(struct program *p, struct event_base *base);
void program_pipes_free(struct program *p);
/* The process has ended: takes what its pipes hold, and no more. Returns false
 * when that is too much. */
bool program_pipes_drain(struct program *p);

#endif
