/* The part of sandbox.h that shuts off the file system and TCP, for sandbox.c
 * alone. */
#ifndef PROC_SANDBOX_LANDLOCK_H
#define PROC_SANDBOX_LANDLOCK_H

#include "proc/message.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the queue: what it may connect to. */
struct sandbox_database {
	bool is_used;
	bool is_unix;
	uint16_t port; /* of TCP */
};

/* Returns 0 or -errno; a kernel without Landlock is no error. */
int landlock_enter(enum role role, const char *state_dir,
		   const struct sandbox_database *database);

#endif
