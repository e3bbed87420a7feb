#include "queue/sts_memory.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

enum {
	TICK_S = 300, /* longer than fetching one takes */
	DAY_S = 86400,
	USED_S =
		60 * DAY_S, /* who was not written to for so long may run out */
	PAGE = 20,
	TRIES = 3, /* another node may be in the way */
	NAME_OCTETS = 253,
	ARENA_OCTETS = 8 << 20,
};

/* A change, in a transaction of its own. */
typedef int change(struct store *store, const struct store_sts *sts);

static int make_once(struct store *store, change *make,
		     const struct store_sts *sts)
{
	int r = store_begin(store);

	if (r == 0)
		r = make(store, sts);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

static int make(struct store *store, change *how, const struct store_sts *sts)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < TRIES; i++)
		r = make_once(store, how, sts);
	return r;
}

static int use(struct store *store, const struct store_sts *sts)
{
	return store_use_sts(store, sts->domain, sts->used);
}

static int expire(struct store *store, const struct store_sts *sts)
{
	return store_expire_sts(store, sts->used);
}

/* --- lookup ------------------------------------------------------------------------ */

static bool is_over(const struct sts *sts, int64_t now)
{
	return (int64_t)sts->fetched + sts->max_age_s <= now;
}

/* Its place among those that are kept fresh; a lost day does no harm. */
static void note_use(struct store *store, struct store_sts *sts, int64_t now)
{
	if (sts->used > now - DAY_S)
		return;
	sts->used = now;
	(void)make(store, use, sts);
}

void sts_memory_wanted(struct sts_memory *m, const struct peers *peers,
		       struct link *from, const struct msg_sts_wanted *wanted,
		       int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct message answer = { .type = MESSAGE_STS_KNOWN };
	struct store_sts kept = { .used = 0 };
	int r = store_load_sts(m->store, wanted->domain, arena, &kept);

	answer.sts_known.id = wanted->id;
	if (r == 0 && !is_over(&kept.sts, now)) {
		answer.sts_known.sts = kept.sts;
		note_use(m->store, &kept, now);
	} else if (r < 0 && r != -ENOENT) {
		answer.sts_known.error = (uint32_t)-r;
	}
	peers_send(peers, from, &answer, -1);
}

void sts_memory_keep(struct sts_memory *m, const struct msg_sts_keep *keep,
		     int64_t now)
{
	const struct store_sts sts = { .domain = keep->domain,
				       .sts = keep->sts,
				       .used = now };
	int r;

	if (keep->domain.n == 0 || keep->domain.n > NAME_OCTETS ||
	    is_over(&keep->sts, now))
		return;
	r = make(m->store, store_keep_sts, &sts);
	if (r < 0)
		LOG(LOG_WARNING, NULL, "a policy of MTA-STS is not kept",
		    log_text("domain", keep->domain),
		    log_string("error", strerror(-r)));
}

/* --- time -------------------------------------------------------------------------- */

static void send_stale(struct sts_memory *m, const struct peers *peers,
		       struct link *to, int64_t now)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct store_sts *items = arena_array(arena, PAGE, sizeof(*items));
	struct store_sts_page page = { .arena = arena,
				       .items = items,
				       .max = PAGE };

	if (store_list_sts(m->store, now, now - USED_S, &page) < 0)
		return; /* the next time will do */
	for (size_t i = 0; i < page.count; i++) {
		struct message stale = { .type = MESSAGE_STS_STALE };

		stale.sts_stale.domain = items[i].domain;
		stale.sts_stale.sts = items[i].sts;
		peers_send(peers, to, &stale, -1);
	}
}

void sts_memory_tick(struct sts_memory *m, const struct peers *peers,
		     int64_t now)
{
	const struct store_sts until = { .used = now };
	struct link *links[ROLE_INDEX_MAX];

	if (now >= m->ticked && now - m->ticked < TICK_S)
		return;
	m->ticked = now;
	(void)make(m->store, expire, &until);
	if (peers->list(peers->arg, ROLE_LOOKUP, links) > 0)
		send_stale(m, peers, links[0], now);
}
