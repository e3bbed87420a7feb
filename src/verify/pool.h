/*
 * Threads for jobs that run straight on and may wait: what has an old library
 * in it, or takes a long message apart. The loop's thread hands jobs out and
 * hears of their end.
 */
#ifndef VERIFY_POOL_H
#define VERIFY_POOL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct pool;

struct pool_limits {
	unsigned threads;
	size_t waiting; /* jobs that no thread has taken yet */
	/* A job that runs for longer hangs: on_stuck is called, once. What it
	 * holds cannot be had back but by ending the process. */
	unsigned stuck_ms;
	void (*on_stuck)(void);
};

/* NULL when there can be no threads. */
struct pool *pool_new(struct event_base *base,
		      const struct pool_limits *limits);
/* Waits for the jobs that run; neither they nor those that wait are done. */
void pool_free(struct pool **pool);

/* run: by a thread of the pool. done: by the loop's, after it; never from
 * within pool_submit(). */
typedef void pool_fn(void *job);

/* False: too many wait already. */
bool pool_submit(struct pool *pool, pool_fn *run, pool_fn *done, void *job);

#endif
