/*
 * What `deliver` has sent back, as its destination has more than it can do:
 * by destination, so that the queue can bring it sooner than it is due when
 * `deliver` asks for it. That is an advantage and no promise: only so many are
 * remembered, not for ever, and nobody after a restart. The others come when they
 * are due.
 */
#ifndef QUEUE_SENT_BACK_H
#define QUEUE_SENT_BACK_H

#include <stddef.h>
#include <stdint.h>

enum {
	SENT_BACK_MAX = 65536,
	SENT_BACK_AGE_MS = 300000, /* by then most are due */
};

struct sent_back;

struct sent_back *sent_back_new(void);
void sent_back_free(struct sent_back **s);

/* destination: deliver's number for it, never used for another one. */
void sent_back_add(struct sent_back *s, uint64_t destination, uint64_t row);
/* Takes up to max rows, the longest here first; returns how many. */
size_t sent_back_take(struct sent_back *s, uint64_t destination, size_t max,
		      uint64_t *rows);
/* Forgets what was there when it was called the last time. */
void sent_back_age(struct sent_back *s);

#endif
