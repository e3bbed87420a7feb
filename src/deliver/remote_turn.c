/* What comes next, for all destinations: remote.h. */
#include "base/clock.h"
#include "deliver/remote-private.h"

static const struct outcome cancelled = { .kind = OUTCOME_CANCELLED };

static bool has_hops(const struct destination *d)
{
	return d->route != NULL && remote_route_count(d->route) > 0;
}

/* --- one destination --------------------------------------------------------------- */

/* What waits ends if it has nobody to wait for. */
static void end_hopeless(struct destination *d, uint64_t now_ms)
{
	if (d->remote->is_draining)
		line_end_all(d, &cancelled);
	else if (d->route != NULL && !has_hops(d) && !d->is_asked)
		line_end_all(d, remote_route_refusal(d->route));
	else if (destination_is_resting(d, now_ms) && d->visit_count == 0)
		line_end_all(d, &d->failure);
}

static void serve(struct destination *d, uint64_t now_ms)
{
	if (d->waiting_count > 0 && !d->is_asked &&
	    !destination_is_resting(d, now_ms) && now_ms >= d->route_until_ms)
		destination_ask_route(d);
	visits_begin(d);
	end_hopeless(d, now_ms);
	line_shorten(d, now_ms);
	if (has_hops(d) && !destination_is_resting(d, now_ms) &&
	    !d->remote->is_draining)
		line_refill(d);
}

/* Visits that can take what waits: now, or as soon as they are ready. */
static unsigned count_free(const struct destination *d)
{
	const struct visit *v;
	unsigned count = 0;

	TAILQ_FOREACH(v, &d->visits, entry)
		count += !v->is_leaving && TAILQ_EMPTY(&v->group);
	return count;
}

static bool wants_visit(const struct destination *d, uint64_t now_ms)
{
	return d->waiting_count > 0 && has_hops(d) &&
	       d->visit_count < d->allowed &&
	       !destination_is_resting(d, now_ms) && !d->remote->is_draining &&
	       line_messages(d, d->allowed) > count_free(d);
}

/* --- all --------------------------------------------------------------------------- */

static bool is_full(const struct remote *remote)
{
	return remote->visit_count >= remote->config.connections;
}

/* One more for each that wants one; false: none did, or there is no place. */
static bool open_round(struct remote *remote, uint64_t now_ms)
{
	const struct destination *last =
		TAILQ_LAST(&remote->busy, destination_list);
	struct destination *d, *next = TAILQ_FIRST(&remote->busy);
	bool has_opened = false;

	do {
		d = next;
		if (d == NULL || is_full(remote))
			return false;
		next = TAILQ_NEXT(d, entry);
		if (!wants_visit(d, now_ms))
			continue;
		visit_open(d);
		destination_go_last(d);
		has_opened = true;
	} while (d != last);
	return has_opened;
}

/* Who is kept for the next message only goes first. */
static void make_room(struct remote *remote, unsigned places)
{
	struct destination *d;
	struct visit *v;

	TAILQ_FOREACH(d, &remote->busy, entry) {
		if (d->waiting_count > 0)
			continue;
		TAILQ_FOREACH(v, &d->visits, entry) {
			if (places == 0)
				return;
			if (!v->is_ready || v->is_leaving)
				continue;
			visit_quit(v);
			places--;
		}
	}
}

static unsigned count_starving(const struct remote *remote, uint64_t now_ms)
{
	const struct destination *d;
	unsigned count = 0;

	if (!is_full(remote))
		return 0;
	TAILQ_FOREACH(d, &remote->busy, entry)
		count += d->visit_count == 0 && wants_visit(d, now_ms);
	return count > remote->leaving_count ? count - remote->leaving_count
					     : 0;
}

void remote_turn(struct remote *remote)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct destination *d, *next;

	TAILQ_FOREACH(d, &remote->busy, entry)
		serve(d, now_ms);
	while (open_round(remote, now_ms))
		;
	remote->starving = count_starving(remote, now_ms);
	make_room(remote, remote->starving);
	TAILQ_FOREACH_SAFE(d, &remote->busy, entry, next)
		destination_sort(d);
}

static void forget_old(struct remote *remote, uint64_t now_ms)
{
	struct destination *d, *next;

	TAILQ_FOREACH_SAFE(d, &remote->quiet, entry, next) {
		line_tick(d);
		if (now_ms - d->used_ms >= REMOTE_ROUTE_MS &&
		    !destination_is_resting(d, now_ms))
			destination_free(&d);
	}
}

void remote_tick(struct remote *remote)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct destination *d;

	TAILQ_FOREACH(d, &remote->busy, entry) {
		line_tick(d);
		visits_tick(d, now_ms);
	}
	forget_old(remote, now_ms);
	remote_wake(remote);
}
