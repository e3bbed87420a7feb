/*
 * The environment of programs: chasquid's names, values without control
 * octets, and nothing of ours. All lists end with NULL and live in arena.
 */
#ifndef HOOK_ENVIRONMENT_H
#define HOOK_ENVIRONMENT_H

#include "base/arena.h"
#include "proc/message.h"

/* Where programs are looked for, ours and theirs: PATH as the server was
 * started with it, or systemd's. */
const char *environment_path(void);

/* USER, SHELL, PATH and PWD. directory: the configuration directory. */
const char **environment_plain(struct slice directory, struct arena *arena);
/* The same and all that post-data is told. RCPT_TO ends, between two
 * addresses, where it would be too long for the kernel. */
const char **environment_post_data(struct slice directory,
				   const struct msg_post_data *m,
				   struct arena *arena);
/* The same and MAIL_FROM, RCPT_TO. */
const char **environment_command(struct slice directory,
				 const struct msg_command *m,
				 struct arena *arena);

#endif
