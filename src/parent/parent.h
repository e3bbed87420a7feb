/*
 * The parent: reads the configuration, opens what needs rights, gives birth to
 * the roles, joins them, restarts them, ends them. It parses nothing that a
 * remote peer sent.
 */
#ifndef PARENT_PARENT_H
#define PARENT_PARENT_H

#include <stdbool.h>
#include <stddef.h>

struct parent_options {
	const char *dir;              /* the configuration directory */
	const char *const *overrides; /* of -o */
	size_t override_count;
	bool is_foreground;
};

/* Runs the server; returns the exit status. */
int parent_main(const struct parent_options *options);

#endif
