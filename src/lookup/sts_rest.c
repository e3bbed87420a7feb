#include "lookup/sts_rest.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "lookup/sts.h"

enum { ENTRY_OCTETS = 4096 };

struct failed {
	TAILQ_ENTRY(failed) entry;
	struct arena *arena;
	struct slice domain, id, problem;
	enum tlsrpt_result failure;
	uint64_t until_ms;
};

struct sts_rest {
	TAILQ_HEAD(, failed) all; /* the oldest first */
	unsigned count;
};

static void forget(struct sts_rest *rest, struct failed *f)
{
	TAILQ_REMOVE(&rest->all, f, entry);
	rest->count--;
	arena_free(&f->arena);
	mem_free(&f);
}

static void forget_old(struct sts_rest *rest)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct failed *f;

	while ((f = TAILQ_FIRST(&rest->all)) != NULL && f->until_ms <= now_ms)
		forget(rest, f);
}

void sts_rest_begin(struct sts_rest *rest, struct slice domain, struct slice id,
		    enum tlsrpt_result failure, struct slice problem)
{
	struct failed *f;

	forget_old(rest);
	if (rest->count == STS_RESTS_MAX)
		forget(rest, TAILQ_FIRST(&rest->all));
	f = mem_new(sizeof(*f));
	f->arena = arena_new(ENTRY_OCTETS);
	f->domain = arena_copy(f->arena, domain);
	f->id = arena_copy(f->arena, id);
	f->problem = arena_copy(f->arena, problem);
	f->failure = failure;
	f->until_ms = clock_monotonic_ms() + STS_REST_MS;
	TAILQ_INSERT_TAIL(&rest->all, f, entry);
	rest->count++;
}

bool sts_rest_find(struct sts_rest *rest, struct slice domain, struct slice id,
		   enum tlsrpt_result *ret_failure, struct slice *ret_problem)
{
	const struct failed *f;

	forget_old(rest);
	TAILQ_FOREACH(f, &rest->all, entry) {
		if (!slice_equal(f->id, id) || !slice_equal(f->domain, domain))
			continue;
		*ret_failure = f->failure;
		*ret_problem = f->problem;
		return true;
	}
	return false;
}

struct sts_rest *sts_rest_new(void)
{
	struct sts_rest *rest = mem_new(sizeof(*rest));

	TAILQ_INIT(&rest->all);
	return rest;
}

void sts_rest_free(struct sts_rest **rest)
{
	struct failed *f;

	if (*rest == NULL)
		return;
	while ((f = TAILQ_FIRST(&(*rest)->all)) != NULL)
		forget(*rest, f);
	mem_free(rest);
}
