#include "queue/enqueue.h"

#include "queue/body.h"
#include "queue/report.h"

#include <errno.h>
#include <sys/random.h>

int enqueue_new_id(uint64_t *ret_queue_id)
{
	*ret_queue_id = 0;
	while (*ret_queue_id == 0)
		if (getrandom(ret_queue_id, sizeof(*ret_queue_id), 0) !=
		    sizeof(*ret_queue_id))
			return -EIO;
	return 0;
}

static int check_content(const struct enqueue *e)
{
	if ((e->fd >= 0) == (e->spool_file != NULL))
		return -EBADMSG; /* none, or both */
	if (e->fd >= 0)
		return body_check_memfd(e->fd, e->m->content_octets);
	return e->spool_octets == e->m->content_octets ? 0 : -EBADMSG;
}

static bool is_path(struct slice s)
{
	return s.n <= ENQUEUE_PATH_OCTETS;
}

static bool is_recipient(const struct recipient *r)
{
	return r->target.address.n > 0 && is_path(r->target.address) &&
	       is_path(r->target.via) && is_path(r->original) &&
	       is_path(r->orcpt_type) && is_path(r->orcpt) &&
	       r->last.kind <= OUTCOME_CANCELLED &&
	       r->last.text.n <= WIRE_TEXT_OCTETS;
}

/* Whether the session has tried it: an outcome without code and words is one
 * that was not filled in. */
static bool was_tried(const struct outcome *o)
{
	return o->kind != OUTCOME_CANCELLED &&
	       (o->code != 0 || o->text.n > 0 || o->kind != OUTCOME_DELIVERED);
}

/* What the operator is to look at first has gone nowhere yet. */
static bool is_begun(const struct recipient *r)
{
	return r->is_in_delivery || was_tried(&r->last);
}

int enqueue_check(const struct enqueue *e)
{
	const struct msg_enqueue *m = e->m;

	if (m->recipients.count == 0 || !is_path(m->reverse_path) ||
	    !is_path(m->envid) || !is_path(m->login) ||
	    m->trace.n > ENQUEUE_TRACE_OCTETS ||
	    m->content_octets > INT64_MAX ||
	    m->tls_demand > TLS_DEMAND_REQUIRED)
		return -EBADMSG;
	for (size_t i = 0; i < m->recipients.count; i++)
		if (!is_recipient(&m->recipients.items[i]) ||
		    (m->hold.n > 0 && is_begun(&m->recipients.items[i])))
			return -EBADMSG;
	return check_content(e);
}

static struct store_entry *make_entry(struct turn *t, const struct enqueue *e,
				      const struct store_message *m,
				      uint32_t place)
{
	const struct recipient *from = &e->m->recipients.items[place];
	struct store_entry *entry = arena_alloc(t->arena, sizeof(*entry));

	entry->message = *m;
	entry->recipient = (struct store_recipient){
		.queue_id = m->queue_id,
		.place = place,
		.target = from->target,
		.original = from->original,
		.orcpt_type = from->orcpt_type,
		.orcpt = from->orcpt,
		.notify = from->notify,
		.tls_demand = (enum tls_demand)e->m->tls_demand,
		.due = t->now,
		.last = from->last,
	};
	return entry;
}

/* What the session has settled already: it is reported, not kept. */
static int add_settled(struct turn *t, const struct store_entry *entry)
{
	const struct outcome *o = &entry->recipient.last;
	bool is_failure = o->kind == OUTCOME_REFUSED;
	enum dsn_action action = is_failure ? DSN_FAILED : DSN_DELIVERED;
	bool reports = report_is_due(entry, action);

	if (is_failure)
		turn_note(t,
			  &(struct note){
				  .level = LOG_INFO,
				  .message = reports ? "bounced"
						     : "refused, dropped",
				  .trace = entry->message.trace,
				  .queue_id = entry->message.queue_id,
				  .recipient = entry->recipient.target.address,
				  .outcome = o });
	return reports ? report_add(t, entry, action, o) : 0;
}

static int add_waiting(struct turn *t, const struct enqueue *e,
		       struct store_recipient *r, bool is_in_delivery)
{
	const struct schedule *s = &t->settings->schedule;

	if (e->m->hold.n > 0) {
		r->line = STORE_HELD;
		r->last = (struct outcome){ .kind = OUTCOME_CANCELLED };
	} else if (is_in_delivery) {
		r->holder = e->holder;
		r->due = t->now + ENQUEUE_HOLD_S;
	} else if (was_tried(&r->last)) {
		r->line = STORE_DEFERRED;
		r->attempts = 1;
		r->last_try = t->now;
		r->due = schedule_next(s, t->now, 1, t->now, schedule_random());
	} else {
		r->last = (struct outcome){ .kind = OUTCOME_CANCELLED };
	}
	return store_add_recipient(t->store, r);
}

static int add_recipients(struct turn *t, const struct enqueue *e,
			  const struct store_message *m, size_t *ret_waiting)
{
	size_t waiting = 0;

	for (uint32_t i = 0; i < e->m->recipients.count; i++) {
		struct store_entry *entry = make_entry(t, e, m, i);
		bool in_delivery = e->m->recipients.items[i].is_in_delivery;
		enum outcome_kind kind = entry->recipient.last.kind;
		bool is_settled =
			!in_delivery && was_tried(&entry->recipient.last) &&
			(kind == OUTCOME_REFUSED || kind == OUTCOME_DELIVERED);
		int r;

		if (is_settled)
			r = add_settled(t, entry);
		else
			r = add_waiting(t, e, &entry->recipient, in_delivery);
		if (r < 0)
			return r;
		waiting += !is_settled;
	}
	*ret_waiting = waiting;
	return 0;
}

static void note_queued(struct turn *t, const struct store_message *m,
			size_t waiting)
{
	struct outcome *why = arena_alloc(t->arena, sizeof(*why));
	bool is_held = m->hold.n > 0;

	why->text = m->hold;
	turn_note(t, &(struct note){ .level = is_held ? LOG_WARNING : LOG_INFO,
				     .message = is_held ? "held until released"
							: "queued",
				     .trace = m->trace,
				     .queue_id = m->queue_id,
				     .outcome = is_held ? why : NULL,
				     .count_of = "recipients",
				     .count = waiting });
}

int enqueue_apply(struct turn *t, const struct enqueue *e,
		  uint64_t *ret_queue_id)
{
	struct store_message m = {
		.trace = e->m->trace,
		.reverse_path = e->m->reverse_path,
		.envid = e->m->envid,
		.login = e->m->login,
		.ret = e->m->ret,
		.is_8bit = e->m->is_8bit,
		.is_smtputf8 = e->m->is_smtputf8,
		.arrived = t->now,
		.since = t->now,
		.hold = slice_head(e->m->hold, WIRE_TEXT_OCTETS),
		.content_octets = e->m->content_octets,
	};
	struct store_content content = { .fd = e->fd,
					 .spool_file = e->spool_file };
	size_t waiting = 0;
	int r = -EEXIST;

	while (r == -EEXIST) {
		r = enqueue_new_id(&m.queue_id);
		if (r == 0)
			r = store_add_message(t->store, &m, &content);
	}
	if (r == 0)
		r = add_recipients(t, e, &m, &waiting);
	/* Nobody waits for it: only the reports needed it. */
	if (r == 0 && waiting == 0)
		r = store_remove(t->store, m.queue_id, 0);
	if (r < 0)
		return r;
	note_queued(t, &m, waiting);
	*ret_queue_id = m.queue_id;
	return 0;
}
