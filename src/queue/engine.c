#include "queue/engine-private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/enqueue.h"

#include <errno.h>
#include <string.h>

/* --- keys --------------------------------------------------------------------------- */

static void tell_keys(struct engine *e, struct link *to)
{
	struct message m = { .type = MESSAGE_SRS_KEYS };

	m.srs_keys.current = e->keyring.srs.keys.current;
	m.srs_keys.previous = e->keyring.srs.keys.previous;
	peers_send(e->peers, to, &m, -1);
}

/* Returns whether there are new ones. */
static bool look_for_keys(struct engine *e)
{
	bool is_new;
	int r = keyring_look(&e->keyring, e->store, clock_wall_s(), &is_new);

	if (r < 0 && !e->lacks_keys)
		LOG(LOG_ERROR, NULL, "cannot have a key for SRS",
		    log_string("error", strerror(-r)),
		    log_string("store", store_problem(e->store)));
	e->lacks_keys = r < 0;
	return is_new;
}

static void renew_keys(struct engine *e)
{
	struct link *links[ROLE_INDEX_MAX];
	size_t count;

	if (!look_for_keys(e))
		return;
	count = e->peers->list(e->peers->arg, ROLE_RECEIVE, links);
	for (size_t i = 0; i < count; i++)
		tell_keys(e, links[i]);
}

/* True: whether there is room for mail has changed. */
static bool look_at_room(struct engine *e)
{
	e->room.reserve_octets = e->settings->reserve_octets;
	e->room.limit_octets = e->settings->size_limit_octets;
	return room_look(&e->room, store_octets(e->store));
}

/* --- birth ------------------------------------------------------------------------ */

int engine_open(const struct store_place *place,
		const struct queue_settings *settings,
		const struct peers *peers, struct engine **ret_engine)
{
	struct engine *e;
	struct store *store;
	int r = store_open(place, &store);

	if (r < 0)
		return r;
	e = mem_new(sizeof(*e));
	e->store = store;
	e->settings = settings;
	e->peers = peers;
	e->spool = spool_new(store_spool_dir(store));
	e->sweep = sweep_new(store, e->spool);
	e->batch = batch_new(store, e->spool, settings, peers);
	e->tls = (struct tls_memory){ .store = store, .settings = settings };
	e->sts.store = store;
	e->allowances = allowances_new(store, settings);
	e->attempts = attempts_new(store, e->batch, peers, &e->keyring.srs.keys,
				   &e->tls);
	e->tls_reports = tls_reports_new(store, settings, peers);
	e->dmarc = dmarc_counts_new(store);
	e->holders = holders_new();
	e->quiet_until_ms = clock_monotonic_ms() + settings->quiet_ms;
	room_init(&e->room, store_spool_dir(store));
	(void)look_at_room(e);
	(void)look_for_keys(e); /* all that come are told */
	/* Whoever held something spoke to the process before us. */
	batch_end_holds(e->batch, 0, clock_wall_s() + ENQUEUE_ORPHAN_S);
	e->wants_run = true;
	*ret_engine = e;
	return 0;
}

void engine_free(struct engine **engine)
{
	struct engine *e = *engine;

	if (e == NULL)
		return;
	holders_free(&e->holders);
	dmarc_counts_free(&e->dmarc);
	tls_reports_free(&e->tls_reports);
	attempts_free(&e->attempts);
	batch_free(&e->batch);
	allowances_free(&e->allowances);
	sweep_free(&e->sweep);
	spool_free(&e->spool);
	store_free(&e->store);
	mem_free(engine);
}

/* --- room -------------------------------------------------------------------------- */

static void tell_room(struct engine *e, struct link *to)
{
	struct message m = { .type = MESSAGE_ROOM };

	m.room.has_room = e->room.has_room;
	peers_send(e->peers, to, &m, -1);
}

static void tell_room_to_all(struct engine *e)
{
	struct link *links[ROLE_INDEX_MAX];
	size_t count = e->peers->list(e->peers->arg, ROLE_RECEIVE, links);

	LOG(LOG_WARNING, NULL,
	    e->room.has_room ? "there is room for mail again"
			     : "no room for mail: it is refused with 452",
	    log_number("available", e->room.available_octets),
	    log_number("used", e->room.used_octets));
	for (size_t i = 0; i < count; i++)
		tell_room(e, links[i]);
}

void engine_look_for_room(struct engine *e)
{
	if (look_at_room(e))
		tell_room_to_all(e);
}

/* --- peers --------------------------------------------------------------------------- */

void engine_on_peer(struct engine *e, enum role role, struct link *peer)
{
	if (role == ROLE_RECEIVE) {
		tell_room(e, peer);
		tell_keys(e, peer);
	}
	e->wants_run = true; /* what is due can go there */
}

void engine_on_peer_gone(struct engine *e, struct link *peer)
{
	uint64_t holder;

	batch_forget(e->batch, peer);
	spool_drop_owner(e->spool, peer);
	attempts_on_gone(e->attempts, peer, clock_monotonic_ms());
	if (!holders_forget(e->holders, peer, &holder))
		return;
	batch_end_holds(e->batch, holder, clock_wall_s() + ENQUEUE_ORPHAN_S);
	e->wants_run = true;
}

/* --- work ------------------------------------------------------------------------------ */

bool engine_wants_run(const struct engine *e)
{
	return e->wants_run;
}

static void fill(struct engine *e)
{
	uint64_t now_ms = clock_monotonic_ms();
	int r;

	if (e->is_stopped || now_ms < e->quiet_until_ms)
		return;
	r = attempts_fill(e->attempts, clock_wall_s(), now_ms);
	if (r < 0 && !e->complained)
		LOG(LOG_ERROR, NULL, "cannot read the queue",
		    log_string("error", strerror(-r)),
		    log_string("database", store_problem(e->store)));
	e->complained = r < 0;
}

void engine_run(struct engine *e)
{
	int error, r = batch_run(e->batch, &error);

	e->wants_run = false; /* what is kept waits for the tick */
	e->is_failing = r < 0;
	if ((r == -ENOSPC || error == -ENOSPC) && room_is_full(&e->room))
		tell_room_to_all(e);
	if (room_is_tight(&e->room))
		store_settle(e->store);
	if (r == 0) {
		fill(e);
		/* Contents that could not be read have an outcome now. */
		e->wants_run = !batch_is_empty(e->batch);
	}
	batch_drop_contents(e->batch);
}

static void sweep(struct engine *e)
{
	uint64_t removed;

	if (e->sweep == NULL || sweep_step(e->sweep))
		return;
	removed = sweep_removed(e->sweep);
	if (removed > 0)
		LOG(LOG_INFO, NULL, "removed left-over spool files",
		    log_number("files", removed));
	sweep_free(&e->sweep);
}

void engine_tick(struct engine *e)
{
	attempts_tick(e->attempts, clock_monotonic_ms());
	renew_keys(e);
	tls_memory_tick(&e->tls, clock_wall_s());
	if (!e->is_stopped)
		tls_reports_tick(e->tls_reports, clock_wall_s());
	dmarc_counts_tick(e->dmarc);
	sts_memory_tick(&e->sts, e->peers, clock_wall_s());
	allowances_tick(e->allowances, clock_wall_s());
	engine_run(e);
	store_keep(e->store);
	store_shrink(e->store, !e->room.has_room);
	engine_look_for_room(e);
	sweep(e);
}

void engine_stop(struct engine *e)
{
	e->is_stopped = true;
}

bool engine_is_idle(const struct engine *e)
{
	return batch_is_empty(e->batch) && attempts_count(e->attempts) == 0;
}
