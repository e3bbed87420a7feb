/* The two clocks. Timers and deadlines use the monotonic one, trace headers
 * and the queue's database the wall clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some point before the process began; never goes back. */
uint64_t clock_monotonic_ms(void);
/* Seconds since 1970-01-01 00:00 UTC. */
int64_t clock_wall_s(void);

#endif
