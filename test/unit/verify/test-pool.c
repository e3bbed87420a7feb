#include "verify/pool.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>

struct job {
	sem_t *may_end; /* or NULL */
	pthread_t by;
	unsigned *done_count;
	bool has_run;
};

static unsigned stuck_count; /* on_stuck() has no argument */

static void on_stuck(void)
{
	stuck_count++;
}

static void run(void *arg)
{
	struct job *j = arg;

	j->by = pthread_self();
	if (j->may_end != NULL)
		(void)sem_wait(j->may_end);
	j->has_run = true;
}

static void done(void *arg)
{
	const struct job *j = arg;

	assert_true(j->has_run);
	++*j->done_count;
}

static struct pool *make(struct event_base *base, unsigned threads,
			 size_t waiting, unsigned stuck_ms)
{
	const struct pool_limits limits = { .threads = threads,
					    .waiting = waiting,
					    .stuck_ms = stuck_ms,
					    .on_stuck = on_stuck };

	return pool_new(base, &limits);
}

static void test_jobs(void **state)
{
	struct event_base *base = event_base_new();
	struct pool *p = make(base, 3, 20, 60000);
	unsigned count = 0;
	struct job jobs[20] = { { .may_end = NULL } };

	(void)state;
	for (size_t i = 0; i < 20; i++) {
		jobs[i].done_count = &count;
		assert_true(pool_submit(p, run, done, &jobs[i]));
	}
	while (count < 20)
		(void)event_base_loop(base, EVLOOP_ONCE);
	for (size_t i = 0; i < 20; i++)
		assert_false(pthread_equal(jobs[i].by, pthread_self()));
	pool_free(&p);
	assert_null(p);
	event_base_free(base);
}

static void test_full(void **state)
{
	struct event_base *base = event_base_new();
	struct pool *p = make(base, 1, 2, 60000);
	unsigned count = 0, taken = 0;
	sem_t may_end;
	struct job jobs[8] = { { .may_end = NULL } };

	(void)state;
	(void)sem_init(&may_end, 0, 0);
	for (size_t i = 0; i < 8; i++) {
		jobs[i].may_end = &may_end;
		jobs[i].done_count = &count;
		taken += pool_submit(p, run, done, &jobs[i]);
	}
	/* One may run already. */
	assert_in_range(taken, 2, 3);
	assert_int_equal(count, 0);
	for (size_t i = 0; i < taken; i++)
		(void)sem_post(&may_end);
	while (count < taken)
		(void)event_base_loop(base, EVLOOP_ONCE);
	assert_true(pool_submit(p, run, done, &jobs[7]));
	(void)sem_post(&may_end);
	while (count < taken + 1)
		(void)event_base_loop(base, EVLOOP_ONCE);
	pool_free(&p);
	event_base_free(base);
	(void)sem_destroy(&may_end);
}

static void test_stuck(void **state)
{
	struct event_base *base = event_base_new();
	struct pool *p = make(base, 1, 2, 1);
	unsigned count = 0;
	sem_t may_end;
	struct job job = { .may_end = &may_end, .done_count = &count };

	(void)state;
	(void)sem_init(&may_end, 0, 0);
	assert_true(pool_submit(p, run, done, &job));
	while (stuck_count == 0)
		(void)event_base_loop(base, EVLOOP_ONCE);
	(void)sem_post(&may_end);
	/* Neither what ran nor what waits is heard of after the end. */
	pool_free(&p);
	assert_int_equal(count, 0);
	event_base_free(base);
	(void)sem_destroy(&may_end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
