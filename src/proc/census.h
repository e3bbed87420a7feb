/*
 * Who is connected, over all receive processes: a table of counters in shared
 * memory, a row a process, so that the row of one that died can be cleared.
 * Counts are exact but for addresses that share a hash: such a pair shares its
 * limit. IPv6 addresses count by /64.
 */
#ifndef PROC_CENSUS_H
#define PROC_CENSUS_H

#include <stdint.h>
#include <sys/socket.h>

struct census;

/* In place of an address: a user of this machine. */
struct census_user {
	sa_family_t family; /* AF_UNIX */
	uint32_t uid;
};

/* A new table for rows processes; *ret_fd is its memfd. Returns 0 or -errno. */
int census_create(unsigned rows, int *ret_fd);
/* Sets all counters of a row to 0: its process is dead. */
void census_clear_row(int fd, unsigned rows, unsigned row);

/* Maps the table; fd stays the caller's. Returns 0 or -errno. */
int census_open(int fd, unsigned rows, unsigned row, uint64_t hash_key,
		struct census **ret_census);
void census_free(struct census **census);

/* Connections of all rows: from this address, and in all. */
unsigned census_from(const struct census *c, const struct sockaddr *address);
unsigned census_total(const struct census *c);
/* One more, one less, in our own row. */
void census_enter(struct census *c, const struct sockaddr *address);
void census_leave(struct census *c, const struct sockaddr *address);

#endif
