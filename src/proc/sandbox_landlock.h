/* The part of sandbox.h that shuts off the file system and TCP, for sandbox.c
 * alone. */
#ifndef PROC_SANDBOX_LANDLOCK_H
#define PROC_SANDBOX_LANDLOCK_H

#include "proc/message.h"

#include <stddef.h>
#include <stdint.h>

enum { SANDBOX_PORTS = 16 };

/* To which a role may connect by TCP; all of them for those who ask DNS. */
struct sandbox_ports {
	uint16_t items[SANDBOX_PORTS];
	size_t count;
};

/* Returns 0 or -errno; a kernel without Landlock is no error. */
int landlock_enter(enum role role, const char *state_dir,
		   const struct sandbox_ports *ports);

#endif
