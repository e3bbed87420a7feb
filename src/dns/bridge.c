#include "dns/bridge.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	ANSWER_OCTETS = 256 << 10,
	SILENT_MAX = 2, /* then: */
	HURRIED_MS = 1000,
};

/* Belongs to the thread that waits for it; from when that one has given up, to
 * the loop's. */
struct question {
	TAILQ_ENTRY(question) entry;
	struct dns_bridge *bridge;
	char *name;
	enum dns_type type;
	struct dns_query *query; /* the loop's; NULL: not asked yet */
	bool is_answered, is_abandoned;
	struct arena *arena; /* the answer's */
	struct dns_answer answer;
	pthread_cond_t on_answer;
};
TAILQ_HEAD(question_list, question);

struct dns_bridge {
	struct dns *dns;
	int wake_fd;
	struct event *on_wake;
	pthread_mutex_t lock; /* of all that follows */
	bool is_stopped;
	unsigned silent;            /* questions in a row, without answer */
	struct question_list fresh; /* not seen by the loop yet */
	struct question_list asked;
};

/* --- answers ------------------------------------------------------------------- */

static void question_free(struct question *q)
{
	(void)pthread_cond_destroy(&q->on_answer);
	arena_free(&q->arena);
	mem_free(&q->name);
	mem_free(&q);
}

static void copy_answer(const struct dns_answer *from, struct arena *arena,
			struct dns_answer *to)
{
	struct slice *records =
		arena_array(arena, from->count + 1, sizeof(*records));

	*to = *from;
	for (size_t i = 0; i < from->count; i++)
		records[i] = arena_copy(arena, from->records[i]);
	to->records = records;
	to->canonical = arena_copy(arena, from->canonical);
	to->problem = arena_copy(arena, from->problem);
}

static void fail(struct dns_answer *answer, const char *problem)
{
	*answer = (struct dns_answer){ .result = DNS_FAILED,
				       .problem = slice_of(problem) };
}

/* Locked. The question is in no list any more. */
static void give(struct question *q)
{
	q->query = NULL;
	if (q->is_abandoned) {
		question_free(q);
		return;
	}
	q->is_answered = true;
	(void)pthread_cond_signal(&q->on_answer);
}

static void on_answer(const struct dns_answer *answer, void *arg)
{
	struct question *q = arg;
	struct dns_bridge *b = q->bridge;

	(void)pthread_mutex_lock(&b->lock);
	TAILQ_REMOVE(&b->asked, q, entry);
	if (!answer->is_silence)
		b->silent = 0;
	else if (!q->is_abandoned)
		b->silent++;
	copy_answer(answer, q->arena, &q->answer);
	give(q);
	(void)pthread_mutex_unlock(&b->lock);
}

/* --- the loop's side -------------------------------------------------------------- */

static void on_wake(int fd, short what, void *arg)
{
	struct dns_bridge *b = arg;
	struct question *q;
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&b->lock);
	while ((q = TAILQ_FIRST(&b->fresh)) != NULL) {
		TAILQ_REMOVE(&b->fresh, q, entry);
		if (q->is_abandoned) {
			question_free(q);
			continue;
		}
		TAILQ_INSERT_TAIL(&b->asked, q, entry);
		/* It answers later, never at once. */
		q->query = dns_ask(b->dns, slice_of(q->name), q->type,
				   on_answer, q);
	}
	(void)pthread_mutex_unlock(&b->lock);
}

static void end_all(struct question_list *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, q, entry);
		dns_cancel(&q->query);
		fail(&q->answer, "the process is ending");
		give(q);
	}
}

void dns_bridge_stop(struct dns_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	bridge->is_stopped = true;
	end_all(&bridge->fresh);
	end_all(&bridge->asked);
	(void)pthread_mutex_unlock(&bridge->lock);
}

static void wake_all(struct question_list *list)
{
	struct question *q;

	TAILQ_FOREACH(q, list, entry)
		(void)pthread_cond_signal(&q->on_answer);
}

void dns_bridge_wake(struct dns_bridge *bridge)
{
	(void)pthread_mutex_lock(&bridge->lock);
	wake_all(&bridge->fresh);
	wake_all(&bridge->asked);
	(void)pthread_mutex_unlock(&bridge->lock);
}

struct dns_bridge *dns_bridge_new(struct event_base *base, struct dns *dns)
{
	struct dns_bridge *b = mem_new(sizeof(*b));

	b->dns = dns;
	TAILQ_INIT(&b->fresh);
	TAILQ_INIT(&b->asked);
	(void)pthread_mutex_init(&b->lock, NULL);
	b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(b->wake_fd >= 0);
	b->on_wake =
		event_new(base, b->wake_fd, EV_READ | EV_PERSIST, on_wake, b);
	assert(b->on_wake != NULL);
	(void)event_add(b->on_wake, NULL);
	return b;
}

void dns_bridge_free(struct dns_bridge **bridge)
{
	struct dns_bridge *b = *bridge;

	if (b == NULL)
		return;
	dns_bridge_stop(b);
	event_free(b->on_wake);
	fd_close(&b->wake_fd);
	(void)pthread_mutex_destroy(&b->lock);
	mem_free(bridge);
}

/* --- the other threads' side ------------------------------------------------------- */

static struct question *question_new(struct dns_bridge *b, struct slice name,
				     enum dns_type type)
{
	struct question *q = mem_new(sizeof(*q));
	pthread_condattr_t by_clock;

	q->bridge = b;
	q->name = mem_new(name.n + 1);
	if (name.n > 0)
		memcpy(q->name, name.p, name.n);
	q->type = type;
	q->arena = arena_new(ANSWER_OCTETS);
	(void)pthread_condattr_init(&by_clock);
	(void)pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&q->on_answer, &by_clock);
	(void)pthread_condattr_destroy(&by_clock);
	return q;
}

/* Locked. Returns whether it is answered. */
static bool wait_for(struct question *q, uint64_t limit_ms,
		     const _Atomic uint64_t *deadline_ms)
{
	while (!q->is_answered) {
		uint64_t end = atomic_load(deadline_ms);
		struct timespec until;

		if (end > limit_ms)
			end = limit_ms;
		if (clock_monotonic_ms() >= end)
			break;
		until.tv_sec = (time_t)(end / 1000);
		until.tv_nsec = (long)(end % 1000) * 1000000L;
		(void)pthread_cond_timedwait(&q->on_answer, &q->bridge->lock,
					     &until);
	}
	return q->is_answered;
}

/* Locked. */
static uint64_t limit_of(const struct dns_bridge *b)
{
	return b->silent >= SILENT_MAX ? clock_monotonic_ms() + HURRIED_MS
				       : UINT64_MAX;
}

/* NOLINTNEXTLINE(readability-function-size): what, until when, and where to */
void dns_bridge_ask(struct dns_bridge *bridge, struct slice name,
		    enum dns_type type, const _Atomic uint64_t *deadline_ms,
		    struct arena *arena, struct dns_answer *ret_answer)
{
	const uint64_t one = 1;
	struct question *q;

	fail(ret_answer, "no time is left");
	if (clock_monotonic_ms() >= atomic_load(deadline_ms))
		return;
	q = question_new(bridge, name, type);
	(void)pthread_mutex_lock(&bridge->lock);
	if (bridge->is_stopped) {
		question_free(q);
	} else {
		TAILQ_INSERT_TAIL(&bridge->fresh, q, entry);
		(void)!write(bridge->wake_fd, &one, sizeof(one));
		if (wait_for(q, limit_of(bridge), deadline_ms)) {
			copy_answer(&q->answer, arena, ret_answer);
			question_free(q);
		} else {
			q->is_abandoned = true;
		}
	}
	(void)pthread_mutex_unlock(&bridge->lock);
}
