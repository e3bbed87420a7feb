/*
 * Contents of messages that were committed just now, as they came: what is
 * tried at once need not be read from the store again. Owns its descriptors.
 */
#ifndef QUEUE_FRESH_H
#define QUEUE_FRESH_H

#include <stddef.h>
#include <stdint.h>

enum { FRESH_MAX = 256 };

/* Zeroed, it is empty. */
struct fresh {
	struct {
		uint64_t queue_id;
		int fd;
	} contents[FRESH_MAX];
	size_t count;
};

/* Takes fd in any case; when there are too many it is forgotten. */
void fresh_add(struct fresh *f, uint64_t queue_id, int fd);
/* Returns a descriptor that is the caller's, or -1. */
int fresh_take(struct fresh *f, uint64_t queue_id);
void fresh_clear(struct fresh *f);

#endif
