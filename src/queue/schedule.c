#include "queue/schedule.h"

#include <sys/random.h>

static uint64_t delay_s(const struct schedule *s, uint32_t attempts)
{
	uint64_t delay = s->first_s;

	while (attempts > 1 && delay < s->longest_s) {
		delay *= 2;
		attempts--;
	}
	return delay < s->longest_s ? delay : s->longest_s;
}

int64_t schedule_next(const struct schedule *s, int64_t arrived,
		      uint32_t attempts, int64_t now, uint32_t random)
{
	int64_t end = arrived + (int64_t)s->lifetime_s;
	uint64_t delay = delay_s(s, attempts);
	uint64_t spread = delay * 2 / 5; /* a fifth to either side */
	int64_t due;

	delay = delay - spread / 2 + random % (spread + 1);
	due = now + (int64_t)(delay > 0 ? delay : 1);
	return due > end && end > now ? end : due;
}

bool schedule_is_over(const struct schedule *s, int64_t arrived, int64_t now)
{
	return now >= arrived + (int64_t)s->lifetime_s;
}

uint32_t schedule_random(void)
{
	uint32_t random;

	/* Without entropy the jitter is lost and nothing else. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 0;
	return random;
}
