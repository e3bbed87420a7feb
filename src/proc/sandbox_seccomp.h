/* The part of sandbox.h that shuts off calls of the kernel, for sandbox.c
 * alone. */
#ifndef PROC_SANDBOX_SECCOMP_H
#define PROC_SANDBOX_SECCOMP_H

#include "proc/message.h"

#include <stdbool.h>
#include <stdint.h>

/* What the queue connects to. */
struct sandbox_database {
	bool is_used;
	bool is_unix;
	uint16_t port; /* of TCP */
};

/* Returns 0 or -errno. */
int seccomp_enter(enum role role, const struct sandbox_database *database);

#endif
