/* What the others ask of the queue. */
#include "base/clock.h"
#include "base/mem.h"
#include "queue/engine-private.h"
#include "queue/list.h"

#include <errno.h>
#include <string.h>

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
		engine_look_for_room(e);
	if (octets > INT64_MAX ||
	    !room_has(&e->room, batch_content_octets(e->batch) + octets)) {
		if (spool_is_of(e->spool, from, spool_id))
			spool_drop(e->spool, spool_id);
		refuse(e, from, m->enqueue.id, -ENOSPC);
		return;
	}
	batch_enqueue(e->batch, from, holders_id(e->holders, from), m);
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

/* What is remembered of the TLS of others, and of their policies. */
static void on_memory(struct engine *e, struct link *from,
		      const struct message *m)
{
	switch ((int)m->type) {
	case MESSAGE_DOMAIN_TLS_LIST:
		tls_memory_list(&e->tls, e->peers, from, &m->domain_tls_list,
				clock_wall_s());
		break;
	case MESSAGE_DOMAIN_TLS_FORGET:
		tls_memory_forget(&e->tls, e->peers, from,
				  &m->domain_tls_forget);
		break;
	case MESSAGE_SENDER_TLS_WANTED:
		tls_memory_sender(&e->tls, e->peers, from,
				  &m->sender_tls_wanted, clock_wall_s());
		break;
	case MESSAGE_SENDER_TLS_SEEN:
		/* The next turn writes it down. */
		if (tls_memory_is_news(&e->tls, m->sender_tls_seen.domain,
				       clock_wall_s()))
			batch_sender_tls(e->batch, &m->sender_tls_seen);
		break;
	case MESSAGE_STS_WANTED:
		sts_memory_wanted(&e->sts, e->peers, from, &m->sts_wanted,
				  clock_wall_s());
		break;
	case MESSAGE_STS_KEEP:
		sts_memory_keep(&e->sts, &m->sts_keep, clock_wall_s());
		break;
	default: /* nothing else comes to us: messages.def */
		break;
	}
}

/* What is counted. */
static void on_count(struct engine *e, struct link *from, struct message *m)
{
	switch ((int)m->type) {
	case MESSAGE_SPEND:
		/* The next turn writes it down. */
		batch_spend(e->batch, e->allowances, from, &m->spend);
		break;
	case MESSAGE_USAGE_LIST:
		engine_run(e); /* with what gathers now */
		allowances_list(e->allowances, e->peers, from, &m->usage_list);
		break;
	case MESSAGE_USAGE_FORGET:
		engine_run(e);
		allowances_forget(e->allowances, e->peers, from,
				  &m->usage_forget);
		break;
	case MESSAGE_DMARC_SEEN:
		dmarc_counts_add(e->dmarc, &m->dmarc_seen, clock_wall_s());
		break;
	case MESSAGE_TLS_SEEN:
	case MESSAGE_TLS_REPORT_LIST:
	case MESSAGE_TLSRPT:
	case MESSAGE_HTTPS_POSTED:
		e->wants_run |= tls_reports_on_message(e->tls_reports, from, m);
		break;
	default:
		on_memory(e, from, m);
		break;
	}
}

/* What need not wait for a turn. */
static void on_other(struct engine *e, struct link *from, struct message *m)
{
	switch ((int)m->type) {
	case MESSAGE_SPOOL_WANTED:
		on_spool_wanted(e, from, m->spool_wanted.id);
		break;
	case MESSAGE_SPOOL_DROP:
		on_spool_drop(e, from, m->spool_drop.spool_id);
		break;
	case MESSAGE_QUEUE_LIST:
		on_list(e, from, &m->queue_list);
		break;
	default:
		on_count(e, from, m);
		break;
	}
}

void engine_on_message(struct engine *e, struct link *from, struct message *m)
{
	switch ((int)m->type) {
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
	default:
		on_other(e, from, m);
		return;
	}
	e->wants_run = true;
	if (batch_is_full(e->batch) && !e->is_failing)
		engine_run(e);
}
