#include "queue/engine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "queue/attempts.h"
#include "queue/dmarc_counts.h"
#include "queue/enqueue.h"
#include "queue/keyring.h"
#include "queue/list.h"
#include "queue/room.h"
#include "queue/sts_memory.h"
#include "queue/sweep.h"
#include "queue/tls_memory.h"
#include "queue/tls_reports.h"

#include <errno.h>
#include <string.h>

/* A process that delivers in session; its id is in the store. */
struct holder {
	TAILQ_ENTRY(holder) entry;
	const struct link *link;
	uint64_t id;
};

struct engine {
	struct store *store;
	struct spool *spool;
	struct sweep *sweep; /* NULL when done */
	struct batch *batch;
	struct attempts *attempts;
	struct room room;
	struct keyring keyring;
	struct tls_memory tls;
	struct tls_reports *tls_reports;
	struct dmarc_counts *dmarc;
	struct sts_memory sts;
	struct allowances *allowances;
	const struct queue_settings *settings;
	const struct peers *peers;
	TAILQ_HEAD(, holder) holders;
	uint64_t last_holder;
	uint64_t quiet_until_ms;
	bool wants_run;
	bool is_stopped;
	bool is_failing; /* the last run kept something */
	bool complained; /* about reading the store */
	bool lacks_keys;
};

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
	TAILQ_INIT(&e->holders);
	e->last_holder = schedule_random();
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
	while (!TAILQ_EMPTY(&e->holders)) {
		struct holder *h = TAILQ_FIRST(&e->holders);

		TAILQ_REMOVE(&e->holders, h, entry);
		mem_free(&h);
	}
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

static void look_for_room(struct engine *e)
{
	if (look_at_room(e))
		tell_room_to_all(e);
}

/* --- messages ------------------------------------------------------------------------ */

static struct holder *find_holder(struct engine *e, const struct link *link)
{
	struct holder *h;

	TAILQ_FOREACH(h, &e->holders, entry)
		if (h->link == link)
			return h;
	return NULL;
}

static uint64_t holder_of(struct engine *e, const struct link *link)
{
	struct holder *h = find_holder(e, link);

	if (h == NULL) {
		h = mem_new(sizeof(*h));
		h->link = link;
		h->id = ++e->last_holder;
		TAILQ_INSERT_TAIL(&e->holders, h, entry);
	}
	return h->id;
}

static void on_spool_wanted(struct engine *e, struct link *from, uint64_t id)
{
	struct message m = { .type = MESSAGE_SPOOL };
	AUTO(fd_close) int fd = -1;
	uint64_t spool_id = 0;
	int r = -ENOSPC;

	if (e->room.has_room)
		r = spool_create(e->spool, from, &spool_id, &fd);
	m.spool = (struct msg_spool){ .id = id,
				      .error = (uint32_t)-r,
				      .spool_id = spool_id };
	peers_send(e->peers, from, &m, fd);
}

static void refuse(struct engine *e, struct link *from, uint64_t id, int error)
{
	struct message m = { .type = MESSAGE_ENQUEUED };

	m.enqueued =
		(struct msg_enqueued){ .id = id, .error = (uint32_t)-error };
	peers_send(e->peers, from, &m, -1);
}

static void on_enqueue(struct engine *e, struct link *from, struct message *m)
{
	uint64_t spool_id = m->enqueue.spool_id;
	/* A spool file is on the disk already. */
	uint64_t octets = spool_id == 0 ? m->enqueue.content_octets : 0;

	if (room_is_tight(&e->room))
		look_for_room(e);
	if (octets > INT64_MAX ||
	    !room_has(&e->room, batch_content_octets(e->batch) + octets)) {
		if (spool_is_of(e->spool, from, spool_id))
			spool_drop(e->spool, spool_id);
		refuse(e, from, m->enqueue.id, -ENOSPC);
		return;
	}
	batch_enqueue(e->batch, from, holder_of(e, from), m);
	e->wants_run = true;
}

static void on_spool_drop(struct engine *e, const struct link *from,
			  uint64_t spool_id)
{
	if (spool_is_of(e->spool, from, spool_id))
		spool_drop(e->spool, spool_id);
}

static void on_list(struct engine *e, struct link *from,
		    const struct msg_queue_list *m)
{
	int r = list_answer(e->store, e->peers, from, m, clock_wall_s());

	if (r < 0)
		LOG(LOG_ERROR, NULL, "cannot list the queue",
		    log_string("error", strerror(-r)));
}

void engine_on_message(struct engine *e, struct link *from, struct message *m)
{
	switch ((int)m->type) {
	case MESSAGE_SPOOL_WANTED:
		on_spool_wanted(e, from, m->spool_wanted.id);
		return;
	case MESSAGE_SPOOL_DROP:
		on_spool_drop(e, from, m->spool_drop.spool_id);
		return;
	case MESSAGE_QUEUE_LIST:
		on_list(e, from, &m->queue_list);
		return;
	case MESSAGE_DOMAIN_TLS_LIST:
		tls_memory_list(&e->tls, e->peers, from, &m->domain_tls_list,
				clock_wall_s());
		return;
	case MESSAGE_DOMAIN_TLS_FORGET:
		tls_memory_forget(&e->tls, e->peers, from,
				  &m->domain_tls_forget);
		return;
	case MESSAGE_SENDER_TLS_WANTED:
		tls_memory_sender(&e->tls, e->peers, from,
				  &m->sender_tls_wanted, clock_wall_s());
		return;
	case MESSAGE_SENDER_TLS_SEEN:
		/* The next turn writes it down. */
		if (tls_memory_is_news(&e->tls, m->sender_tls_seen.domain,
				       clock_wall_s()))
			batch_sender_tls(e->batch, &m->sender_tls_seen);
		return;
	case MESSAGE_STS_WANTED:
		sts_memory_wanted(&e->sts, e->peers, from, &m->sts_wanted,
				  clock_wall_s());
		return;
	case MESSAGE_STS_KEEP:
		sts_memory_keep(&e->sts, &m->sts_keep, clock_wall_s());
		return;
	case MESSAGE_SPEND:
		/* The next turn writes it down. */
		batch_spend(e->batch, e->allowances, from, &m->spend);
		return;
	case MESSAGE_USAGE_LIST:
		engine_run(e); /* with what gathers now */
		allowances_list(e->allowances, e->peers, from, &m->usage_list);
		return;
	case MESSAGE_USAGE_FORGET:
		engine_run(e);
		allowances_forget(e->allowances, e->peers, from,
				  &m->usage_forget);
		return;
	case MESSAGE_DMARC_SEEN:
		dmarc_counts_add(e->dmarc, &m->dmarc_seen, clock_wall_s());
		return;
	case MESSAGE_TLS_SEEN:
	case MESSAGE_TLS_REPORT_LIST:
	case MESSAGE_TLSRPT:
	case MESSAGE_HTTPS_POSTED:
		e->wants_run |= tls_reports_on_message(e->tls_reports, from, m);
		return;
	case MESSAGE_ENQUEUE:
		on_enqueue(e, from, m);
		break;
	case MESSAGE_SETTLE:
		batch_settle(e->batch, &m->settle);
		break;
	case MESSAGE_DELIVERED_BEFORE:
		batch_delivered_before(e->batch, &m->delivered_before);
		break;
	case MESSAGE_RESOLVED:
		attempts_on_resolved(e->attempts, from, &m->resolved);
		break;
	case MESSAGE_ATTEMPT_RESULT:
		attempts_on_result(e->attempts, from, &m->attempt_result);
		break;
	case MESSAGE_ATTEMPTS_WANTED:
		attempts_on_wanted(e->attempts, &m->attempts_wanted);
		break;
	case MESSAGE_QUEUE_CHANGE:
		batch_change(e->batch, from, &m->queue_change);
		break;
	default: /* nothing else comes to us: messages.def */
		return;
	}
	e->wants_run = true;
	if (batch_is_full(e->batch) && !e->is_failing)
		engine_run(e);
}

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
	struct holder *h = find_holder(e, peer);

	batch_forget(e->batch, peer);
	spool_drop_owner(e->spool, peer);
	attempts_on_gone(e->attempts, peer, clock_monotonic_ms());
	if (h == NULL)
		return;
	batch_end_holds(e->batch, h->id, clock_wall_s() + ENQUEUE_ORPHAN_S);
	TAILQ_REMOVE(&e->holders, h, entry);
	mem_free(&h);
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
	look_for_room(e);
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
