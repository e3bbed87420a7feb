/*
 * The files that `receive` writes big messages into: "tmp-ID" in the spool
 * directory. Each belongs to the link it was handed to, and only an ENQUEUE of
 * that link may name it.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include "proc/link.h"

#include <stdbool.h>
#include <stdint.h>

enum { SPOOL_NAME_OCTETS = 32, SPOOL_FILES_PER_LINK = 4096 };

struct spool;

/* dir stays the caller's, and open. */
struct spool *spool_new(int dir);
/* Removes all its files. */
void spool_free(struct spool **spool);

/* A new file for owner; *ret_fd, for writing, is the caller's. 0 or -errno. */
int spool_create(struct spool *spool, const struct link *owner,
		 uint64_t *ret_id, int *ret_fd);
/* Whether id is a file of owner. */
bool spool_is_of(const struct spool *spool, const struct link *owner,
		 uint64_t id);
/* Whether id is a file of anyone. */
bool spool_has(const struct spool *spool, uint64_t id);
/* Its size in octets, or -errno. */
int64_t spool_octets(const struct spool *spool, uint64_t id);

void spool_name(uint64_t id, char ret_name[SPOOL_NAME_OCTETS]);
/* The reverse; false for any other name. */
bool spool_parse_name(const char *name, uint64_t *ret_id);

/* The file has been moved away. */
void spool_forget(struct spool *spool, uint64_t id);
/* Removes the file. */
void spool_drop(struct spool *spool, uint64_t id);
/* owner is gone: removes all of its files. */
void spool_drop_owner(struct spool *spool, const struct link *owner);

#endif
