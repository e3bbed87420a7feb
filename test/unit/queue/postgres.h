/* A private PostgreSQL for tests: a cluster in a temporary directory, a unix
 * socket, no network. */
#ifndef TEST_QUEUE_POSTGRES_H
#define TEST_QUEUE_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

struct postgres {
	char dir[64];
	char bin[128]; /* the directory of initdb and postgres */
	char uri[160];
	pid_t pid;
};

/* False when PostgreSQL is not installed. */
bool postgres_start(struct postgres *p);
/* Runs the server again after postgres_kill(). */
void postgres_restart(struct postgres *p);
/* As a crash of it. */
void postgres_kill(struct postgres *p);
/* Ends it, and removes all. */
void postgres_stop(struct postgres *p);
/* Runs SQL; the first field of the last result as a number, or 0. */
long postgres_run(const struct postgres *p, const char *sql);

#endif
