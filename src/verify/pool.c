#include "verify/pool.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	STACK_OCTETS = 1 << 20,
	LOOK_S = 1,
};

struct task {
	TAILQ_ENTRY(task) entry;
	pool_fn *run, *done;
	void *job;
	uint64_t since_ms; /* when a thread took it */
};
TAILQ_HEAD(task_list, task);

struct pool {
	struct pool_limits limits;
	int wake_fd; /* something is finished */
	struct event *on_wake, *on_look;
	pthread_t *threads;
	unsigned thread_count;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t on_work;
	struct task_list waiting, running, finished;
	size_t waiting_count;
	bool is_ending;
};

/* --- threads ------------------------------------------------------------------- */

/* Locked. NULL: the pool ends. */
static struct task *take(struct pool *p)
{
	struct task *t;

	while (!p->is_ending && TAILQ_EMPTY(&p->waiting))
		(void)pthread_cond_wait(&p->on_work, &p->lock);
	if (p->is_ending)
		return NULL;
	t = TAILQ_FIRST(&p->waiting);
	TAILQ_REMOVE(&p->waiting, t, entry);
	p->waiting_count--;
	t->since_ms = clock_monotonic_ms();
	TAILQ_INSERT_TAIL(&p->running, t, entry);
	return t;
}

static void *work(void *arg)
{
	const uint64_t one = 1;
	struct pool *p = arg;
	struct task *t;

	(void)pthread_mutex_lock(&p->lock);
	while ((t = take(p)) != NULL) {
		(void)pthread_mutex_unlock(&p->lock);
		t->run(t->job);
		(void)pthread_mutex_lock(&p->lock);
		TAILQ_REMOVE(&p->running, t, entry);
		TAILQ_INSERT_TAIL(&p->finished, t, entry);
		(void)!write(p->wake_fd, &one, sizeof(one));
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are the loop's. */
static void start_threads(struct pool *p)
{
	pthread_attr_t small;
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&small);
	(void)pthread_attr_setstacksize(&small, STACK_OCTETS);
	while (p->thread_count < p->limits.threads &&
	       pthread_create(&p->threads[p->thread_count], &small, work, p) ==
		       0)
		p->thread_count++;
	(void)pthread_attr_destroy(&small);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- the loop's side -------------------------------------------------------------- */

static struct task *next_finished(struct pool *p)
{
	struct task *t;

	(void)pthread_mutex_lock(&p->lock);
	t = TAILQ_FIRST(&p->finished);
	if (t != NULL)
		TAILQ_REMOVE(&p->finished, t, entry);
	(void)pthread_mutex_unlock(&p->lock);
	return t;
}

static void on_wake(int fd, short what, void *arg)
{
	struct pool *p = arg;
	struct task *t;
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	while ((t = next_finished(p)) != NULL) {
		t->done(t->job);
		mem_free(&t);
	}
}

/* The first of them has run for longest. */
static void on_look(int fd, short what, void *arg)
{
	struct pool *p = arg;
	const struct task *t;
	bool is_stuck;

	(void)fd;
	(void)what;
	(void)pthread_mutex_lock(&p->lock);
	t = TAILQ_FIRST(&p->running);
	is_stuck = t != NULL &&
		   clock_monotonic_ms() - t->since_ms > p->limits.stuck_ms;
	(void)pthread_mutex_unlock(&p->lock);
	if (is_stuck) {
		(void)event_del(p->on_look);
		p->limits.on_stuck();
	}
}

bool pool_submit(struct pool *pool, pool_fn *run, pool_fn *done, void *job)
{
	struct task *t = NULL;

	(void)pthread_mutex_lock(&pool->lock);
	if (pool->waiting_count < pool->limits.waiting) {
		t = mem_new(sizeof(*t));
		t->run = run;
		t->done = done;
		t->job = job;
		TAILQ_INSERT_TAIL(&pool->waiting, t, entry);
		pool->waiting_count++;
		(void)pthread_cond_signal(&pool->on_work);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return t != NULL;
}

/* --- life ------------------------------------------------------------------------ */

static void watch(struct pool *p, struct event_base *base)
{
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(p->wake_fd >= 0);
	p->on_wake =
		event_new(base, p->wake_fd, EV_READ | EV_PERSIST, on_wake, p);
	p->on_look = event_new(base, -1, EV_PERSIST, on_look, p);
	assert(p->on_wake != NULL && p->on_look != NULL);
	(void)event_add(p->on_wake, NULL);
	(void)event_add(p->on_look, &(struct timeval){ .tv_sec = LOOK_S });
}

struct pool *pool_new(struct event_base *base, const struct pool_limits *limits)
{
	struct pool *p = mem_new(sizeof(*p));

	p->limits = *limits;
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->running);
	TAILQ_INIT(&p->finished);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->on_work, NULL);
	watch(p, base);
	p->threads = mem_array(limits->threads, sizeof(*p->threads));
	start_threads(p);
	if (p->thread_count == 0)
		pool_free(&p);
	return p;
}

static void forget(struct task_list *list)
{
	struct task *t;

	while ((t = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, t, entry);
		mem_free(&t);
	}
}

void pool_free(struct pool **pool)
{
	struct pool *p = *pool;

	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->is_ending = true;
	(void)pthread_cond_broadcast(&p->on_work);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->thread_count; i++)
		(void)pthread_join(p->threads[i], NULL);
	forget(&p->waiting);
	forget(&p->finished);
	event_free(p->on_wake);
	event_free(p->on_look);
	fd_close(&p->wake_fd);
	(void)pthread_cond_destroy(&p->on_work);
	(void)pthread_mutex_destroy(&p->lock);
	mem_free(&p->threads);
	mem_free(pool);
}
