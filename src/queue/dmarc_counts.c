#include "queue/dmarc_counts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mail/dmarc_fact.h"

#include <errno.h>

enum {
	DAY_S = 86400,
	TRIES = 3, /* another node may be in the way */
	DOMAIN_OCTETS = 253,
	/* A tripwire: what gathers is bounded by number and size. */
	ARENA_OCTETS = 4 << 20,
};

struct dmarc_counts {
	struct store *store;
	struct arena *arena; /* of what has gathered */
	struct store_dmarc_count items[DMARC_COUNTS_MAX];
	size_t count;
	int64_t day;       /* the last one of a message */
	uint64_t since_ms; /* the first of them is there */
};

struct dmarc_counts *dmarc_counts_new(struct store *store)
{
	struct dmarc_counts *c = mem_new(sizeof(*c));

	c->store = store;
	c->arena = arena_new(ARENA_OCTETS);
	return c;
}

void dmarc_counts_free(struct dmarc_counts **counts)
{
	if (*counts == NULL)
		return;
	(void)dmarc_counts_write(*counts);
	arena_free(&(*counts)->arena);
	mem_free(counts);
}

static int write_once(struct dmarc_counts *c)
{
	int r = store_begin(c->store);

	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = store_count_dmarc(c->store, &c->items[i]);
	if (r == 0)
		r = store_expire_dmarc(c->store, c->day - DMARC_COUNTS_DAYS);
	if (r == 0)
		r = store_commit(c->store);
	if (r < 0)
		store_rollback(c->store);
	return r;
}

int dmarc_counts_write(struct dmarc_counts *c)
{
	int r = c->count > 0 ? -EAGAIN : 0;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = write_once(c);
	if (r < 0)
		return r;
	c->count = 0;
	arena_clear(c->arena);
	return 0;
}

void dmarc_counts_tick(struct dmarc_counts *c)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (c->count == 0 || now_ms - c->since_ms < DMARC_COUNTS_MS)
		return;
	if (dmarc_counts_write(c) < 0)
		c->since_ms = now_ms; /* and in a minute again */
}

static struct store_dmarc_count *find(struct dmarc_counts *c,
				      const struct msg_dmarc_seen *m)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].day == c->day &&
		    slice_equal(c->items[i].domain, m->domain) &&
		    slice_equal(c->items[i].fact, m->fact))
			return &c->items[i];
	return NULL;
}

static void append(struct dmarc_counts *c, const struct msg_dmarc_seen *m)
{
	/* What cannot be written does not grow. */
	if (c->count == DMARC_COUNTS_MAX && dmarc_counts_write(c) < 0)
		return;
	if (c->count == 0)
		c->since_ms = clock_monotonic_ms();
	c->items[c->count++] = (struct store_dmarc_count){
		.day = c->day,
		.domain = arena_copy(c->arena, m->domain),
		.fact = arena_copy(c->arena, m->fact),
		.outline = arena_copy(c->arena, m->outline),
		.messages = 1,
	};
}

static bool is_text(struct slice s, size_t max)
{
	return s.n > 0 && s.n <= max && !slice_has_control(s) &&
	       !slice_has_high(s);
}

void dmarc_counts_add(struct dmarc_counts *c, const struct msg_dmarc_seen *m,
		      int64_t now)
{
	struct store_dmarc_count *known;

	if (!is_text(m->domain, DOMAIN_OCTETS) ||
	    !is_text(m->fact, DMARC_FACT_OCTETS) ||
	    !is_text(m->outline, DMARC_FACT_OCTETS))
		return;
	c->day = now / DAY_S;
	known = find(c, m);
	if (known != NULL)
		known->messages++;
	else
		append(c, m);
}
