#include "lmtp/pool.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "lmtp/conn.h"
#include "lmtp/line.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	RETRY_FIRST_MS = 100,
	RETRY_LONGEST_MS = 5000,
	FAILURE_OCTETS = 256,
};

/* A place for one connection. */
struct slot {
	TAILQ_ENTRY(slot) entry;
	struct lmtp_pool *pool;
	struct lmtp_conn *conn;
	struct lmtp_delivery *delivery; /* in its transaction, or NULL */
	struct lmtp_delivery *follower; /* and the one right behind */
	unsigned generation;            /* of the pool, when it was made */
	bool is_established;            /* LHLO was answered */
};

struct lmtp_pool {
	struct event_base *base;
	struct lmtp_pool_config config;
	char *hostname;
	lmtp_want_socket *want;
	lmtp_on_features *on_features;
	void *arg;
	struct event *turn;  /* runs the pool soon */
	struct event *retry; /* and when to connect again */

	struct lmtp_line line; /* who waits for a connection */
	TAILQ_HEAD(slot_list, slot) slots;
	unsigned slot_count;
	unsigned asked;      /* sockets wanted and not yet answered */
	unsigned generation; /* idle connections of an older one are closed */

	bool knows_features, has_smtputf8;
	/* After a connection failed, until the next is established. */
	bool is_failing;
	uint64_t retry_at_ms;
	unsigned retry_ms;
	char failure[FAILURE_OCTETS];
};

static void wake(struct lmtp_pool *pool)
{
	event_active(pool->turn, EV_TIMEOUT, 0);
}

/* --- deliveries ------------------------------------------------------------------ */

struct lmtp_delivery *lmtp_deliver(struct lmtp_pool *pool,
				   const struct lmtp_request *request,
				   bool urgent, lmtp_on_result *on_result,
				   void *arg)
{
	struct lmtp_delivery *d = lmtp_delivery_new(request, on_result, arg);

	lmtp_line_enter(&pool->line, d, urgent);
	wake(pool);
	return d;
}

bool lmtp_withdraw(struct lmtp_delivery **delivery)
{
	if (!lmtp_line_leave(*delivery))
		return false;
	mem_free(delivery);
	return true;
}

unsigned lmtp_pool_waiting(const struct lmtp_pool *pool)
{
	return pool->line.count;
}

static void end_delivery(struct lmtp_delivery *d, enum lmtp_end end,
			 const struct reply *reply)
{
	d->on_result(end, reply, d->arg);
	mem_free(&d);
}

/* Nobody can be reached: who waits may have better things to do. A callback
 * may withdraw others, and bring new ones, which are left to the next turn. */
static void fail_waiting(struct lmtp_pool *pool)
{
	struct reply reply = { .text = slice_of(pool->failure) };

	for (unsigned n = pool->line.count; n > 0 && pool->line.count > 0; n--)
		end_delivery(lmtp_line_next(&pool->line), LMTP_NO_ANSWER,
			     &reply);
}

/* --- connections ----------------------------------------------------------------- */

static void slot_free(struct lmtp_pool *pool, struct slot *s)
{
	TAILQ_REMOVE(&pool->slots, s, entry);
	pool->slot_count--;
	lmtp_conn_free(&s->conn);
	mem_free(&s);
}

static enum lmtp_state slot_state(const struct slot *s)
{
	return lmtp_dialog_state(lmtp_conn_dialog(s->conn));
}

static bool is_resting(const struct lmtp_pool *pool)
{
	return pool->is_failing && clock_monotonic_ms() < pool->retry_at_ms;
}

static void note_failure(struct lmtp_pool *pool, struct slice why)
{
	(void)snprintf(pool->failure, sizeof(pool->failure), "%.*s",
		       (int)slice_head(why, FAILURE_OCTETS).n, why.p);
	if (is_resting(pool))
		return; /* several tried at once, and failed as one */
	pool->is_failing = true;
	pool->retry_ms =
		pool->retry_ms == 0 ? RETRY_FIRST_MS : pool->retry_ms * 2;
	if (pool->retry_ms > RETRY_LONGEST_MS)
		pool->retry_ms = RETRY_LONGEST_MS;
	pool->retry_at_ms = clock_monotonic_ms() + pool->retry_ms;
}

static void establish(struct lmtp_pool *pool, struct slot *s)
{
	bool has = lmtp_dialog_has_smtputf8(lmtp_conn_dialog(s->conn));
	bool is_news = !pool->knows_features || has != pool->has_smtputf8;

	s->is_established = true;
	pool->is_failing = false;
	pool->retry_ms = 0;
	pool->knows_features = true;
	pool->has_smtputf8 = has;
	if (is_news)
		pool->on_features(has, pool->arg);
}

/* --- transactions ---------------------------------------------------------------- */

static void end_transaction(struct lmtp_pool *pool, struct slot *s)
{
	const struct lmtp_dialog *dialog = lmtp_conn_dialog(s->conn);
	struct lmtp_delivery *d = s->delivery;
	const struct reply *reply;
	enum lmtp_end end;

	s->delivery = NULL;
	if (lmtp_dialog_is_untouched(dialog) && !d->is_second_try) {
		/* A kept connection was dead: so may be the others. */
		pool->generation++;
		d->is_second_try = true;
		lmtp_line_return(&pool->line, d);
		return;
	}
	end = lmtp_dialog_end(dialog, &reply);
	end_delivery(d, end, reply);
}

static void on_change(void *arg)
{
	const struct slot *s = arg;

	wake(s->pool);
}

static unsigned count_opening(const struct lmtp_pool *pool)
{
	unsigned opening = pool->asked;
	const struct slot *s;

	TAILQ_FOREACH(s, &pool->slots, entry)
		if (!s->is_established)
			opening++;
	return opening;
}

/* What would get a connection of its own soon had better wait for that. */
static const struct lmtp_request *get_follower(void *arg)
{
	struct slot *s = arg;
	struct lmtp_pool *pool = s->pool;

	if (s->generation != pool->generation ||
	    pool->line.count <= count_opening(pool))
		return NULL;
	s->follower = lmtp_line_next(&pool->line);
	return &s->follower->request;
}

static void on_succeed(void *arg)
{
	struct slot *s = arg;

	end_transaction(s->pool, s);
	s->delivery = s->follower;
	s->follower = NULL;
}

static const struct lmtp_conn_calls conn_calls = {
	.on_change = on_change,
	.get_follower = get_follower,
	.on_succeed = on_succeed,
};

void lmtp_pool_connected(struct lmtp_pool *pool, int fd, int error)
{
	struct slot *s;

	assert(pool->asked > 0);
	pool->asked--;
	wake(pool);
	if (fd < 0) {
		note_failure(pool, slice_of(strerror(-error)));
		return;
	}
	s = mem_new(sizeof(*s));
	s->generation = pool->generation;
	s->pool = pool;
	s->conn = lmtp_conn_new(pool->base, fd, &pool->config, &conn_calls, s);
	TAILQ_INSERT_TAIL(&pool->slots, s, entry);
	pool->slot_count++;
}

/* One more for each that waits, and one to learn what the server can do. */
static bool may_connect(const struct lmtp_pool *pool)
{
	unsigned wanted = pool->line.count;

	if (wanted == 0 && !pool->knows_features)
		wanted = 1;
	return count_opening(pool) < wanted &&
	       pool->slot_count + pool->asked < pool->config.connections &&
	       !is_resting(pool);
}

/* --- the loop -------------------------------------------------------------------- */

/* The connection has closed, and what followed has not begun. That was not its
 * first try: each time, the one before it has come to an end. */
static void take_back_follower(struct slot *s)
{
	lmtp_line_return(&s->pool->line, s->follower);
	s->follower = NULL;
}

static void end_transactions(struct lmtp_pool *pool)
{
	struct slot *s;

	TAILQ_FOREACH(s, &pool->slots, entry)
		if (s->delivery != NULL &&
		    lmtp_dialog_is_over(lmtp_conn_dialog(s->conn)))
			end_transaction(pool, s);
}

/* Greets what is new and buries what is dead. */
static void look_after(struct lmtp_pool *pool)
{
	struct slot *s, *next;

	TAILQ_FOREACH_SAFE(s, &pool->slots, entry, next) {
		bool is_idle = slot_state(s) == LMTP_IDLE;
		bool is_closed = slot_state(s) == LMTP_CLOSED;

		if (is_idle && !s->is_established)
			establish(pool, s);
		if (is_closed && s->follower != NULL)
			take_back_follower(s);
		if (is_closed && !s->is_established)
			note_failure(pool, lmtp_dialog_why(
						   lmtp_conn_dialog(s->conn)));
		if (is_closed || (is_idle && s->generation != pool->generation))
			slot_free(pool, s);
	}
}

static void begin_transactions(struct lmtp_pool *pool)
{
	struct slot *s;

	TAILQ_FOREACH(s, &pool->slots, entry) {
		while (slot_state(s) == LMTP_IDLE && pool->line.count > 0) {
			s->delivery = lmtp_line_next(&pool->line);
			lmtp_conn_begin(s->conn, &s->delivery->request);
			if (lmtp_dialog_is_over(lmtp_conn_dialog(s->conn)))
				end_transaction(pool, s);
			if (slot_state(s) == LMTP_CLOSED)
				wake(pool); /* to bury it */
		}
	}
}

static void sleep_until_retry(struct lmtp_pool *pool)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t ms = pool->retry_at_ms > now ? pool->retry_at_ms - now : 0;
	const struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
				    .tv_usec =
					    (suseconds_t)(ms % 1000 * 1000) };

	(void)event_add(pool->retry, &tv);
}

/* Every event ends up here, and only here do deliveries begin and end, but
 * for those that follow another. */
static void on_turn(int fd, short what, void *arg)
{
	struct lmtp_pool *pool = arg;

	(void)fd;
	(void)what;
	end_transactions(pool);
	look_after(pool);
	begin_transactions(pool);
	while (may_connect(pool)) {
		pool->asked++;
		pool->want(pool->arg);
	}
	if (pool->is_failing && pool->slot_count == 0 && pool->asked == 0)
		fail_waiting(pool);
	if (is_resting(pool) && (pool->line.count > 0 || !pool->knows_features))
		sleep_until_retry(pool);
}

/* --- life ------------------------------------------------------------------------ */

void lmtp_pool_configure(struct lmtp_pool *pool,
			 const struct lmtp_pool_config *config)
{
	char *hostname = mem_string(config->hostname);

	mem_free(&pool->hostname);
	pool->hostname = hostname;
	pool->config = *config;
	pool->config.hostname = hostname;
	if (pool->config.connections == 0)
		pool->config.connections = 1;
	pool->generation++;
	wake(pool);
}

struct lmtp_pool *lmtp_pool_new(struct event_base *base,
				const struct lmtp_pool_config *config,
				lmtp_want_socket *want,
				lmtp_on_features *on_features, void *arg)
{
	struct lmtp_pool *pool = mem_new(sizeof(*pool));

	pool->base = base;
	pool->want = want;
	pool->on_features = on_features;
	pool->arg = arg;
	lmtp_line_init(&pool->line);
	TAILQ_INIT(&pool->slots);
	pool->turn = evtimer_new(base, on_turn, pool);
	pool->retry = evtimer_new(base, on_turn, pool);
	assert(pool->turn != NULL && pool->retry != NULL);
	lmtp_pool_configure(pool, config);
	return pool;
}

void lmtp_pool_free(struct lmtp_pool **pool)
{
	struct lmtp_pool *p = *pool;
	struct lmtp_delivery *d;
	struct slot *s;

	if (p == NULL)
		return;
	while ((d = lmtp_line_next(&p->line)) != NULL)
		mem_free(&d);
	while ((s = TAILQ_FIRST(&p->slots)) != NULL) {
		mem_free(&s->delivery);
		mem_free(&s->follower);
		slot_free(p, s);
	}
	event_free(p->turn);
	event_free(p->retry);
	mem_free(&p->hostname);
	mem_free(pool);
}
