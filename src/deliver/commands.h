/*
 * Commands of aliases: `hook` is asked to run them, a few at a time; the others
 * wait in line here, where they can be taken back.
 */
#ifndef DELIVER_COMMANDS_H
#define DELIVER_COMMANDS_H

#include "proc/link.h"

enum {
	COMMANDS_RUNNING_MAX = 8,
	COMMANDS_WAITING_MAX = 64,   /* more is answered "busy" */
	COMMANDS_ANSWER_MS = 120000, /* hook's own limit is shorter */
};

struct commands;
struct command_run;

struct commands *commands_new(struct event_base *base);
/* Ends all runs without calling back. */
void commands_free(struct commands **commands);

/* The link to `hook`; NULL: it is away. Those that were asked of it before are
 * uncertain, for others there is nobody. */
void commands_use_hook(struct commands *commands, struct link *hook);
/* COMMAND_RESULT. */
void commands_on_result(struct commands *commands,
			const struct msg_command_result *m);

/* All of it lives until the result. */
struct command_request {
	struct slice trace;
	struct slice alias; /* "user@domain" */
	struct slice reverse_path;
	uint64_t content_octets;
	int content_fd;
};

/* outcome is valid during the call. Called once, never from within
 * commands_run(); the run is gone then. */
typedef void command_on_end(const struct outcome *outcome, void *arg);

struct command_run *commands_run(struct commands *commands,
				 const struct command_request *request,
				 command_on_end *done, void *arg);
/* Takes back what has not begun; returns false, and changes nothing, if it
 * has: then it ends by itself. */
bool command_withdraw(struct command_run **run);

#endif
