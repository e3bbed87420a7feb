#include "receive/handover-private.h"

#include <errno.h>

/* Of Dovecot's text in ENQUEUE: so that any list of recipients fits. */
enum { LAST_TEXT_OCTETS = 256 };

struct handover_counts handover_count(const struct handover *h)
{
	struct handover_counts n = { .due = 0 };

	for (size_t i = 0; i < h->target_count; i++) {
		const struct handover_target *t = &h->targets[i];

		if (t->is_open)
			continue;
		switch (t->outcome.kind) {
		case OUTCOME_DELIVERED:
			n.delivered++;
			break;
		case OUTCOME_REFUSED:
			n.refused++;
			break;
		case OUTCOME_DEFERRED:
		case OUTCOME_UNCERTAIN:
		case OUTCOME_CANCELLED:
			n.due++;
			break;
		}
	}
	return n;
}

/* --- the client ------------------------------------------------------------- */

static bool is_same_verdict(const struct outcome *a, const struct outcome *b)
{
	return a->code == b->code && a->status[0] == b->status[0] &&
	       a->status[1] == b->status[1] && a->status[2] == b->status[2];
}

struct reply handover_refusal(const struct handover *h)
{
	const struct outcome *first = &h->targets[0].outcome;
	struct reply r = {
		.code = first->code,
		.status = { 5, first->status[1], first->status[2] },
		.text = first->text,
	};

	if (first->status[0] != 5)
		r.status[1] = r.status[2] = 0;
	for (size_t i = 1; i < h->target_count; i++)
		if (!is_same_verdict(&h->targets[i].outcome, first))
			r.code = 550;
	if (r.code < 500 || r.code > 559)
		r.code = 550;
	/* What runs behind an alias is nobody's business. */
	if (h->targets[0].target.kind == TARGET_COMMAND)
		r.text = S("Not accepted for this recipient");
	else if (r.text.n == 0)
		r.text = S("Refused by the mailbox server");
	return r;
}

struct reply handover_accepted(const struct handover *h, struct slice how)
{
	const struct slice words[] = { S("OK: "), how, S(" as "),
				       h->request.trace };

	return (struct reply){ .code = 250,
			       .status = { 2, 0, 0 },
			       .text = arena_join(h->arena, words, 4) };
}

/* --- the queue -------------------------------------------------------------- */

static void log_drop(const struct handover *h, const struct handover_target *t)
{
	LOG(LOG_INFO, &h->log, "refused, and nobody wants a report",
	    log_text("recipient", t->target.address),
	    log_number("code", t->outcome.code),
	    log_text("text", t->outcome.text));
}

/* RFC 3461 4.1: a report of failure, unless asked for other things only. */
static bool wants_failure(const struct handover *h,
			  const struct handover_target *t)
{
	unsigned notify = t->recipient->dsn.notify;

	return h->request.reverse_path.n > 0 &&
	       (notify == 0 || (notify & DSN_NOTIFY_FAILURE) != 0);
}

static bool wants_success(const struct handover *h,
			  const struct handover_target *t)
{
	return h->request.reverse_path.n > 0 &&
	       (t->recipient->dsn.notify & DSN_NOTIFY_SUCCESS) != 0;
}

static bool is_for_queue(const struct handover *h,
			 const struct handover_target *t)
{
	if (t->is_open)
		return true;
	switch (t->outcome.kind) {
	case OUTCOME_DELIVERED:
		return wants_success(h, t);
	case OUTCOME_REFUSED:
		if (!wants_failure(h, t))
			log_drop(h, t);
		return wants_failure(h, t);
	case OUTCOME_DEFERRED:
	case OUTCOME_UNCERTAIN:
	case OUTCOME_CANCELLED:
		break;
	}
	return true;
}

size_t handover_select(struct handover *h)
{
	uint32_t n = 0;

	for (size_t i = 0; i < h->target_count; i++) {
		struct handover_target *t = &h->targets[i];

		t->is_queued = is_for_queue(h, t);
		t->is_settled = !t->is_open;
		if (t->is_queued)
			t->queue_index = n++;
	}
	return n;
}

bool handover_is_done(const struct handover *h)
{
	for (size_t i = 0; i < h->target_count; i++) {
		const struct handover_target *t = &h->targets[i];

		if (t->is_queued &&
		    (t->is_open || t->outcome.kind != OUTCOME_DELIVERED))
			return false;
	}
	return true;
}

static struct recipient queue_recipient(const struct handover_target *t)
{
	struct recipient r = {
		.target = t->target,
		.orcpt_type = t->recipient->dsn.orcpt_type,
		.orcpt = t->recipient->dsn.orcpt,
		.original = t->recipient->original,
		.notify = t->recipient->dsn.notify,
		.is_in_delivery = t->is_open,
		.last = t->outcome,
	};

	r.last.text = slice_head(r.last.text, LAST_TEXT_OCTETS);
	return r;
}

static struct recipients queue_recipients(struct handover *h)
{
	struct recipient *items =
		arena_array(h->arena, h->target_count, sizeof(*items));
	size_t n = 0;

	for (size_t i = 0; i < h->target_count; i++)
		if (h->targets[i].is_queued)
			items[n++] = queue_recipient(&h->targets[i]);
	return (struct recipients){ items, n };
}

int handover_enqueue(struct handover *h)
{
	struct link *queue = role_peer(h->handovers->self, ROLE_QUEUE, 0);
	const struct handover_request *request = &h->request;
	uint64_t spool_id = content_spool_id(h->content);
	struct message m = { .type = MESSAGE_ENQUEUE, .fd = -1 };

	if (queue == NULL)
		return -ENOTCONN;
	if (link_backlog(queue) > QUEUE_BACKLOG_OCTETS)
		return -EAGAIN;
	if (content_is_orphan(h->content))
		return -ESTALE;
	m.enqueue.id = h->id;
	m.enqueue.trace = request->trace;
	m.enqueue.reverse_path = request->reverse_path;
	m.enqueue.envid = request->mail.envid;
	m.enqueue.ret = request->mail.ret;
	m.enqueue.is_8bit = request->mail.is_8bit;
	m.enqueue.is_smtputf8 = request->mail.is_smtputf8;
	m.enqueue.login = request->login;
	m.enqueue.tls_demand = request->tls_demand;
	m.enqueue.hold = request->hold;
	m.enqueue.spool_id = spool_id;
	m.enqueue.content_octets = content_octets(h->content);
	m.enqueue.recipients = queue_recipients(h);
	link_send(queue, &m, spool_id == 0 ? content_fd(h->content) : -1);
	content_hand_over(h->content);
	return 0;
}

static void settle(struct handover *h, struct handover_target *t)
{
	struct link *queue = role_peer(h->handovers->self, ROLE_QUEUE, 0);
	struct message m = { .type = MESSAGE_SETTLE, .fd = -1 };

	t->is_settled = true;
	if (queue == NULL || h->queue_id == 0 || !t->is_queued)
		return; /* never queued, or `queue` starts anew and decides */
	m.settle.queue_id = h->queue_id;
	m.settle.index = t->queue_index;
	m.settle.outcome = t->outcome;
	link_send(queue, &m, -1);
}

void handover_settle(struct handover *h)
{
	for (size_t i = 0; i < h->target_count; i++)
		if (!h->targets[i].is_open && !h->targets[i].is_settled)
			settle(h, &h->targets[i]);
}
