#include "queue/attempts.h"

#include "base/log.h"
#include "base/mem.h"
#include "queue/forward.h"
#include "queue/sealing.h"
#include "queue/sent_back.h"

#include <errno.h>
#include <string.h>

enum { FILL_OCTETS = 8 << 20 };

/* link NULL: it rests until deadline_ms, then it is due again. */
struct attempt {
	TAILQ_ENTRY(attempt) entry;
	uint64_t id;
	uint64_t row;
	enum store_line line;
	const struct link *link;
	uint64_t deadline_ms;
};

struct attempts {
	struct store *store;
	struct batch *batch;
	const struct peers *peers;
	const struct srs_keys *keys;
	struct tls_memory *tls;
	struct sealings *sealings;
	TAILQ_HEAD(, attempt) all;
	struct sent_back *sent_back;
	size_t count[STORE_LINES];
	uint64_t aged_ms; /* when sent_back was */
	uint64_t last_id;
	unsigned turn; /* whose turn it is among peers */
};

static sealing_on_done on_sealed;

struct attempts *attempts_new(struct store *store, struct batch *batch,
			      const struct peers *peers,
			      const struct srs_keys *keys,
			      struct tls_memory *tls)
{
	struct attempts *a = mem_new(sizeof(*a));

	a->store = store;
	a->batch = batch;
	a->peers = peers;
	a->keys = keys;
	a->tls = tls;
	a->sent_back = sent_back_new();
	a->sealings = sealings_new(peers->signer, on_sealed, a);
	TAILQ_INIT(&a->all);
	return a;
}

static void forget(struct attempts *a, struct attempt *t)
{
	TAILQ_REMOVE(&a->all, t, entry);
	a->count[t->line]--;
	mem_free(&t);
}

void attempts_free(struct attempts **attempts)
{
	if (*attempts == NULL)
		return;
	while (!TAILQ_EMPTY(&(*attempts)->all))
		forget(*attempts, TAILQ_FIRST(&(*attempts)->all));
	sent_back_free(&(*attempts)->sent_back);
	sealings_free(&(*attempts)->sealings);
	mem_free(attempts);
}

/* --- beginning -------------------------------------------------------------------- */

/* While a window is filled: content that several recipients of one message
 * share, -1 for none; and what TLS there must be to their destination. */
struct opened {
	uint64_t queue_id;
	int fd;
	struct arena *arena;
	int64_t now;
	struct slice destination;
	enum tls_level floor;
};

static int open_content(struct attempts *a, uint64_t queue_id,
			struct opened *opened)
{
	if (opened->fd >= 0 && opened->queue_id == queue_id)
		return 0;
	fd_close(&opened->fd);
	opened->queue_id = queue_id;
	opened->fd = batch_take_content(a->batch, queue_id);
	if (opened->fd >= 0)
		return 0;
	return store_open_content(a->store, queue_id, &opened->fd);
}

static int look_for_floor(struct attempts *a, const struct target *target,
			  struct opened *opened)
{
	struct slice destination;
	int r;

	if (target->kind != TARGET_REMOTE)
		return 0;
	destination = tls_memory_name(target, opened->arena);
	if (slice_equal(destination, opened->destination))
		return 0;
	r = tls_memory_floor(a->tls, destination, opened->now, &opened->floor);
	opened->destination = r == 0 ? destination : S("");
	return r;
}

static void send_attempt(struct attempts *a, struct link *to, uint64_t id,
			 const struct store_entry *e,
			 const struct opened *opened)
{
	struct message m = { .type = MESSAGE_ATTEMPT };

	m.attempt = (struct msg_attempt){
		.id = id,
		.trace = e->message.trace,
		.reverse_path = forward_sender(e, a->keys, opened->arena),
		.target = e->recipient.target,
		.content_octets = e->message.content_octets,
		.is_8bit = e->message.is_8bit,
		.queue_id = e->message.queue_id,
		.is_smtputf8 = e->message.is_smtputf8,
		.envid = e->message.envid,
		.ret = e->message.ret,
		.notify = e->recipient.notify,
		.orcpt_type = e->recipient.orcpt_type,
		.orcpt = e->recipient.orcpt,
		.tls_floor = opened->floor,
		.tls_demand = e->recipient.tls_demand,
	};
	if (sealing_is_wanted(a->sealings, e, opened->fd))
		sealing_start(a->sealings, to, &m, opened->fd);
	else
		peers_send(a->peers, to, &m, opened->fd);
}

static void send_lookup(struct attempts *a, struct link *to, uint64_t id,
			const struct store_entry *e)
{
	struct message m = { .type = MESSAGE_RESOLVE };

	m.resolve =
		(struct msg_resolve){ .id = id,
				      .address = e->recipient.target.address };
	peers_send(a->peers, to, &m, -1);
}

static void fail_content(struct attempts *a, const struct store_entry *e,
			 int error)
{
	static const struct outcome unreadable = {
		.kind = OUTCOME_DEFERRED,
		.status = { 4, 3, 0 },
		.text = SLICE("the message's content cannot be read"),
	};

	LOG(LOG_ERROR, NULL, "cannot read a queued message's content",
	    log_text("trace", e->message.trace),
	    log_id("queue_id", e->message.queue_id),
	    log_string("error", strerror(-error)));
	batch_outcome(a->batch, e->recipient.row, &unreadable);
}

static void wait_for_key(struct attempts *a, const struct store_entry *e)
{
	static const struct outcome no_key = {
		.kind = OUTCOME_DEFERRED,
		.status = { 4, 3, 0 },
		.text = SLICE("there is no key to rewrite the sender with"),
	};

	batch_outcome(a->batch, e->recipient.row, &no_key);
}

static void begin(struct attempts *a, struct link *to,
		  const struct store_entry *e, struct opened *opened,
		  uint64_t now_ms)
{
	bool is_lookup = e->recipient.line == STORE_REPORT;
	struct attempt *t;

	if (forward_is_rewritten(e) && a->keys->current.n == 0) {
		wait_for_key(a, e);
		return;
	}

	if (!is_lookup) {
		int r = open_content(a, e->message.queue_id, opened);

		if (r == 0)
			r = look_for_floor(a, &e->recipient.target, opened);
		if (r < 0) {
			fail_content(a, e, r);
			return;
		}
	}
	t = mem_new(sizeof(*t));
	t->id = ++a->last_id;
	t->row = e->recipient.row;
	t->line = e->recipient.line;
	t->link = to;
	t->deadline_ms = now_ms + (is_lookup ? ATTEMPTS_LOOKUP_MS
					     : ATTEMPTS_DELIVERY_MS);
	TAILQ_INSERT_TAIL(&a->all, t, entry);
	a->count[t->line]++;
	if (is_lookup)
		send_lookup(a, to, t->id, e);
	else
		send_attempt(a, to, t->id, e, opened);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t free_places(const struct attempts *a, enum store_line line)
{
	size_t all = a->count[STORE_NEW] + a->count[STORE_DEFERRED];

	if (line == STORE_REPORT)
		return ATTEMPTS_LOOKUPS - a->count[line];
	return least(ATTEMPTS_WINDOW - all, ATTEMPTS_LINE - a->count[line]);
}

/* Returns how many were taken, or -errno. */
static int fill_page(struct attempts *a, enum store_line line, int64_t now,
		     uint64_t now_ms)
{
	enum role role = line == STORE_REPORT ? ROLE_RECEIVE : ROLE_DELIVER;
	AUTO(arena_free) struct arena *arena = arena_new(FILL_OCTETS);
	struct opened opened = { .fd = -1, .arena = arena, .now = now };
	struct store_entry due[ATTEMPTS_PAGE];
	struct store_page page = { .arena = arena,
				   .entries = due,
				   .max = least(free_places(a, line),
						ATTEMPTS_PAGE) };
	struct link *links[ROLE_INDEX_MAX];
	size_t peers = a->peers->list(a->peers->arg, role, links);
	int r;

	if (peers == 0 || page.max == 0)
		return 0;
	r = store_take_due(a->store, line, now, &page);
	if (r < 0)
		return r;
	for (size_t i = 0; i < page.count; i++)
		begin(a, links[a->turn++ % peers], &due[i], &opened, now_ms);
	fd_close(&opened.fd);
	return (int)page.count;
}

static int fill_line(struct attempts *a, enum store_line line, int64_t now,
		     uint64_t now_ms)
{
	int r;

	do
		r = fill_page(a, line, now, now_ms);
	while (r == ATTEMPTS_PAGE);
	return r < 0 ? r : 0;
}

int attempts_fill(struct attempts *a, int64_t now, uint64_t now_ms)
{
	int r = 0;

	for (int line = 0; line < STORE_HELD && r == 0; line++)
		r = fill_line(a, (enum store_line)line, now, now_ms);
	return r;
}

/* --- ends ---------------------------------------------------------------------------- */

static struct attempt *find(struct attempts *a, const struct link *from,
			    uint64_t id, bool is_lookup)
{
	struct attempt *t;

	TAILQ_FOREACH(t, &a->all, entry)
		if (t->id == id && t->link == from &&
		    (t->line == STORE_REPORT) == is_lookup)
			return t;
	return NULL;
}

/* The row itself stays taken until the batch has stored what became of it. */
void attempts_on_result(struct attempts *a, const struct link *from,
			const struct msg_attempt_result *m)
{
	struct attempt *t = find(a, from, m->id, false);

	if (t == NULL || m->outcome.kind > OUTCOME_CANCELLED)
		return; /* given up meanwhile */
	batch_attempted(a->batch, t->row, m);
	if (m->outcome.kind == OUTCOME_CANCELLED && m->destination != 0)
		sent_back_add(a->sent_back, m->destination, t->row);
	forget(a, t);
}

void attempts_on_wanted(struct attempts *a, const struct msg_attempts_wanted *m)
{
	uint64_t rows[ATTEMPTS_WINDOW];
	size_t count = sent_back_take(a->sent_back, m->destination,
				      least(m->count, ATTEMPTS_WINDOW), rows);

	if (count > 0)
		batch_hasten(a->batch, rows, count);
}

/* Of mail that we have made, before it leaves. */
static void on_sealed(uint64_t id, struct link *to, const struct message *m,
		      int fd, void *arg)
{
	static const struct outcome not_signed = {
		.kind = OUTCOME_DEFERRED,
		.status = { 4, 7, 5 },
		.text = SLICE("it cannot be signed now"),
	};
	struct attempts *a = arg;
	struct attempt *t = find(a, to, id, false);

	if (t == NULL)
		return; /* that `deliver` is gone: it rests */
	if (m != NULL) {
		peers_send(a->peers, to, m, fd);
		return;
	}
	batch_outcome(a->batch, t->row, &not_signed);
	forget(a, t);
}

void attempts_on_resolved(struct attempts *a, const struct link *from,
			  const struct msg_resolved *m)
{
	struct attempt *t = find(a, from, m->id, true);

	if (t == NULL)
		return;
	batch_resolved(a->batch, t->row, m);
	forget(a, t);
}

void attempts_on_gone(struct attempts *a, const struct link *link,
		      uint64_t now_ms)
{
	struct attempt *t;

	TAILQ_FOREACH(t, &a->all, entry) {
		if (t->link != link)
			continue;
		t->link = NULL;
		t->deadline_ms = now_ms + ATTEMPTS_REST_MS;
	}
}

void attempts_tick(struct attempts *a, uint64_t now_ms)
{
	struct attempt *t, *next;

	if (now_ms - a->aged_ms >= SENT_BACK_AGE_MS) {
		sent_back_age(a->sent_back);
		a->aged_ms = now_ms;
	}
	TAILQ_FOREACH_SAFE(t, &a->all, entry, next) {
		if (now_ms < t->deadline_ms)
			continue;
		store_give_back(a->store, t->row);
		forget(a, t);
	}
}

size_t attempts_count(const struct attempts *a)
{
	const struct attempt *t;
	size_t count = 0;

	TAILQ_FOREACH(t, &a->all, entry)
		count += t->link != NULL;
	return count;
}
