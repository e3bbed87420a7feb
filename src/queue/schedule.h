/*
 * When to try again (RFC 5321 4.5.4.1): first after first_s, then each time
 * twice as long up to longest_s, a fifth more or less so that what failed
 * together does not come back together, until lifetime_s is over.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
	uint64_t first_s;
	uint64_t longest_s;
	uint64_t lifetime_s;
};

/*
 * The wall-clock second of the next try, always after now; the last one is at
 * the end of the message's life. attempts: tries made, at least 1. random: any
 * number.
 */
int64_t schedule_next(const struct schedule *s, int64_t arrived,
		      uint32_t attempts, int64_t now, uint32_t random);

/* Whether a message that arrived then is given up when a try fails now. */
bool schedule_is_over(const struct schedule *s, int64_t arrived, int64_t now);

/* 32 random bits, from the kernel. */
uint32_t schedule_random(void);

#endif
