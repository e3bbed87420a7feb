#include "queue/tls_counts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mail/tlsrpt.h"
#include "queue/schedule.h"
#include "smtp/name.h"

#include <errno.h>

enum {
	TRIES = 3, /* another node may be in the way */
	/* A tripwire: what gathers is bounded by number and size. */
	ARENA_OCTETS = 16 << 20,
	MESSAGE_OCTETS = 64 << 10,
};

struct tls_counts {
	struct store *store;
	struct arena *arena; /* of what has gathered */
	struct store_tls_count items[TLS_COUNTS_MAX];
	size_t count;
	uint64_t since_ms; /* the first of them is there */
};

struct tls_counts *tls_counts_new(struct store *store)
{
	struct tls_counts *c = mem_new(sizeof(*c));

	c->store = store;
	c->arena = arena_new(ARENA_OCTETS);
	return c;
}

void tls_counts_free(struct tls_counts **counts)
{
	if (*counts == NULL)
		return;
	(void)tls_counts_write(*counts);
	arena_free(&(*counts)->arena);
	mem_free(counts);
}

/* --- writing ------------------------------------------------------------------------ */

/* Not all domains' at once, and not before all have written what they saw. */
static int64_t due_of(int64_t day)
{
	return (day + 1) * TLSRPT_DAY_S + TLS_REPORT_DELAY_S +
	       schedule_random() % TLS_REPORT_SPREAD_S;
}

static int write_once(struct tls_counts *c)
{
	int r = store_begin(c->store);

	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = store_count_tls(c->store, &c->items[i],
				    due_of(c->items[i].day));
	if (r == 0)
		r = store_commit(c->store);
	if (r < 0)
		store_rollback(c->store);
	return r;
}

int tls_counts_write(struct tls_counts *c)
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

void tls_counts_tick(struct tls_counts *c)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (c->count == 0 || now_ms - c->since_ms < TLS_COUNTS_MS)
		return;
	if (tls_counts_write(c) < 0)
		c->since_ms = now_ms; /* and in a minute again */
}

/* --- gathering ---------------------------------------------------------------------- */

static bool read_fact(const struct msg_tls_seen *m, struct tlsrpt_fact *f)
{
	if (m->policy >= TLSRPT_POLICIES || m->result >= TLSRPT_RESULTS)
		return false;
	*f = (struct tlsrpt_fact){
		.policy = (enum tlsrpt_policy)m->policy,
		.policy_lines = m->policy_lines,
		.mx_patterns = m->mx_patterns,
		.result = (enum tlsrpt_result)m->result,
		.mx = m->mx,
		.address = m->address,
		.own_address = m->own_address,
		.reason = m->reason,
	};
	return true;
}

static struct store_tls_count *find(struct tls_counts *c,
				    const struct store_tls_count *like)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].day == like->day &&
		    slice_equal(c->items[i].domain, like->domain) &&
		    slice_equal(c->items[i].fact, like->fact))
			return &c->items[i];
	return NULL;
}

static void append(struct tls_counts *c, const struct store_tls_count *new,
		   const struct tlsrpt_fact *f)
{
	const struct tlsrpt_fact outline = tlsrpt_fact_outline(f);

	/* What cannot be written does not grow. */
	if (c->count == TLS_COUNTS_MAX && tls_counts_write(c) < 0)
		return;
	if (c->count == 0)
		c->since_ms = clock_monotonic_ms();
	c->items[c->count++] = (struct store_tls_count){
		.day = new->day,
		.domain = arena_copy(c->arena, new->domain),
		.fact = arena_copy(c->arena, new->fact),
		.outline = tlsrpt_fact_write(&outline, c->arena),
		.sessions = 1,
	};
}

void tls_counts_add(struct tls_counts *c, const struct msg_tls_seen *m,
		    int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(MESSAGE_OCTETS);
	struct store_tls_count new = { .day = now / TLSRPT_DAY_S };
	struct store_tls_count *known;
	struct tlsrpt_fact f;

	if (!read_fact(m, &f) || m->domain.n > TLSRPT_NAME_OCTETS ||
	    name_domain(m->domain, arena, &new.domain) != 0)
		return;
	new.fact = tlsrpt_fact_write(&f, arena);
	known = find(c, &new);
	if (known != NULL)
		known->sessions++;
	else
		append(c, &new, &f);
}
