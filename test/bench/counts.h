/*
 * What the sink shows to the harness: a file mapped by both. The harness
 * (bench.py) knows this layout by offset, so it is plain 64-bit words and then
 * one 32-bit word a message: the microseconds from the client's first byte to
 * the sink's 250, plus one; 0 while it has not come.
 */
#ifndef BENCH_COUNTS_H
#define BENCH_COUNTS_H

#include <stdint.h>
#include <time.h>

enum { COUNTS_MESSAGES = 1 << 20 };

struct counts {
	uint64_t run;    /* set by the harness: messages of others are old */
	uint64_t refuse; /* set by the harness: RCPT is answered with 450 */
	uint64_t delivered;
	uint64_t twice;   /* an id that had come before */
	uint64_t unknown; /* without an id, or of another run */
	uint64_t refused;
	uint64_t last_ns; /* CLOCK_MONOTONIC of the last delivery */
	uint64_t sessions;
	uint64_t most_open;
	uint32_t latency_us[COUNTS_MESSAGES];
};

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
