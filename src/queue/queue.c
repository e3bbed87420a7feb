#include "queue/queue.h"

#include "base/log.h"
#include "base/mem.h"
#include "proc/dkim_signer.h"
#include "queue/engine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	LAST_PRIORITY = 2, /* when all that came in this turn has been read */
	DRAIN_RESERVE_MS = 500,
	/* At a start everybody else starts, too: let them. */
	QUIET_MS = 500,
	QUIET_SPREAD_MS = 500,
};

/* The role: an engine between links and timers. */
struct queue {
	struct role_self *self;
	struct engine *engine; /* from start() on */
	struct queue_settings settings;
	struct peers peers;
	struct dkim_signer *signer; /* when a callback has told what we are */
	struct event *turn_ends;
	struct event *tick;
	struct event *drain_ends;
	bool is_draining;
	int status;
};

/* --- peers ------------------------------------------------------------------- */

static size_t list_peers(void *arg, enum role role,
			 struct link *ret_links[ROLE_INDEX_MAX])
{
	const struct queue *q = arg;

	return role_peers(q->self, role, ret_links);
}

static void send_to_peer(void *arg, struct link *to, const struct message *m,
			 int fd)
{
	(void)arg;
	link_send(to, m, fd);
}

/* --- the loop ------------------------------------------------------------------ */

static bool may_leave(const struct queue *q)
{
	struct link *links[ROLE_INDEX_MAX];

	return q->is_draining && engine_is_idle(q->engine) &&
	       role_peers(q->self, ROLE_RECEIVE, links) == 0;
}

/* Every callback ends here. */
static void go_on(struct queue *q)
{
	if (engine_wants_run(q->engine))
		event_active(q->turn_ends, 0, 0);
	else if (may_leave(q))
		role_exit(q->self);
}

static void on_turn_ends(int fd, short what, void *arg)
{
	struct queue *q = arg;

	(void)fd;
	(void)what;
	engine_run(q->engine);
	go_on(q);
}

static void on_tick(int fd, short what, void *arg)
{
	struct queue *q = arg;

	(void)fd;
	(void)what;
	engine_tick(q->engine);
	go_on(q);
}

static void on_drain_ends(int fd, short what, void *arg)
{
	struct queue *q = arg;

	(void)fd;
	(void)what;
	engine_run(q->engine);
	role_exit(q->self);
}

/* --- the role's callbacks ----------------------------------------------------------- */

static struct dkim_signer *signer_of(struct queue *q, struct role_self *self)
{
	if (q->signer == NULL)
		q->signer = dkim_signer_new(self);
	return q->signer;
}

static void on_conf_part(struct role_self *self, struct message *m, void *arg)
{
	dkim_signer_on_conf_part(signer_of(arg, self), m);
}

static void read_conf(struct queue *q, const struct conf *conf)
{
	q->settings = (struct queue_settings){
		.schedule = { .first_s = conf->retry_first,
			      .longest_s = conf->retry_longest,
			      .lifetime_s = conf->queue_lifetime },
		.report_lifetime_s = conf->report_lifetime,
		.warn_after_s = conf->queue_warn_after,
		.hostname = slice_of(conf->hostname),
		.reserve_octets = conf->queue_reserve,
		.size_limit_octets = conf->queue_size_limit,
		.tls_memory_s = conf->tls_memory,
		.sends_tls_reports = conf->tls_reports,
		.tls_report_organization =
			slice_of(conf->tls_report_organization),
		.tls_report_contact = slice_of(conf->tls_report_contact),
		.quiet_ms = QUIET_MS + schedule_random() % QUIET_SPREAD_MS,
	};
}

static void on_conf(struct role_self *self, void *arg)
{
	struct queue *q = arg;

	dkim_signer_on_conf(signer_of(q, self));
	read_conf(q, role_conf(self));
}

static void add_events(struct queue *q)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct event_base *base = role_base(q->self);

	q->turn_ends = event_new(base, -1, 0, on_turn_ends, q);
	q->tick = event_new(base, -1, EV_PERSIST, on_tick, q);
	q->drain_ends = event_new(base, -1, 0, on_drain_ends, q);
	assert(q->turn_ends != NULL && q->tick != NULL &&
	       q->drain_ends != NULL);
	(void)event_priority_set(q->turn_ends, LAST_PRIORITY);
	(void)event_add(q->tick, &second);
}

static void greet_peers(struct queue *q)
{
	static const enum role roles[] = { ROLE_RECEIVE, ROLE_DELIVER };
	struct link *links[ROLE_INDEX_MAX];

	for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
		size_t count = role_peers(q->self, roles[r], links);

		for (size_t i = 0; i < count; i++)
			engine_on_peer(q->engine, roles[r], links[i]);
	}
}

static void start(struct role_self *self, void *arg)
{
	const struct store_place place = {
		.dir = role_conf(self)->state_dir,
		.database = role_conf(self)->queue_database,
	};
	struct queue *q = arg;
	int r;

	q->self = self;
	q->peers = (struct peers){ .list = list_peers,
				   .send = send_to_peer,
				   .arg = q,
				   .signer = signer_of(q, self) };
	read_conf(q, role_conf(self));
	r = engine_open(&place, &q->settings, &q->peers, &q->engine);
	if (r < 0) {
		LOG(LOG_ERROR, NULL,
		    r == -EUCLEAN ? "the queue's database is damaged"
				  : "cannot open the queue",
		    log_string("state_dir", place.dir),
		    log_string("error", strerror(-r)));
		q->status = 1;
		role_exit(self);
		return;
	}
	add_events(q);
	greet_peers(q);
	go_on(q);
}

/* A request that comes before the queue is open. */
static void refuse(struct link *from, const struct message *m)
{
	struct message answer = { .type = MESSAGE_NONE };

	if (m->type == MESSAGE_ENQUEUE) {
		answer.type = MESSAGE_ENQUEUED;
		answer.enqueued = (struct msg_enqueued){ .id = m->enqueue.id,
							 .error = EAGAIN };
	} else if (m->type == MESSAGE_SPOOL_WANTED) {
		answer.type = MESSAGE_SPOOL;
		answer.spool = (struct msg_spool){ .id = m->spool_wanted.id,
						   .error = EAGAIN };
	} else if (m->type == MESSAGE_QUEUE_LIST) {
		answer.type = MESSAGE_QUEUE_LIST_END;
		answer.queue_list_end.id = m->queue_list.id;
		answer.queue_list_end.is_last = true;
	} else if (m->type == MESSAGE_QUEUE_CHANGE) {
		answer.type = MESSAGE_QUEUE_CHANGED;
		answer.queue_changed.id = m->queue_change.id;
	} else if (m->type == MESSAGE_DOMAIN_TLS_LIST) {
		answer.type = MESSAGE_DOMAIN_TLS_END;
		answer.domain_tls_end.id = m->domain_tls_list.id;
		answer.domain_tls_end.error = EAGAIN;
		answer.domain_tls_end.is_last = true;
	} else if (m->type == MESSAGE_DOMAIN_TLS_FORGET) {
		answer.type = MESSAGE_DOMAIN_TLS_FORGOTTEN;
		answer.domain_tls_forgotten.id = m->domain_tls_forget.id;
		answer.domain_tls_forgotten.error = EAGAIN;
	} else if (m->type == MESSAGE_SENDER_TLS_WANTED) {
		answer.type = MESSAGE_SENDER_TLS;
		answer.sender_tls.id = m->sender_tls_wanted.id;
		answer.sender_tls.error = EAGAIN;
	} else if (m->type == MESSAGE_SPEND) {
		answer.type = MESSAGE_SPENT;
		answer.spent.id = m->spend.id;
		answer.spent.error = EAGAIN;
	} else if (m->type == MESSAGE_USAGE_LIST) {
		answer.type = MESSAGE_USAGE_END;
		answer.usage_end.id = m->usage_list.id;
		answer.usage_end.error = EAGAIN;
		answer.usage_end.is_last = true;
	} else if (m->type == MESSAGE_USAGE_FORGET) {
		answer.type = MESSAGE_USAGE_FORGOTTEN;
		answer.usage_forgotten.id = m->usage_forget.id;
		answer.usage_forgotten.error = EAGAIN;
	} else if (m->type == MESSAGE_TLS_REPORT_LIST) {
		answer.type = MESSAGE_TLS_REPORT_END;
		answer.tls_report_end.id = m->tls_report_list.id;
		answer.tls_report_end.error = EAGAIN;
		answer.tls_report_end.is_last = true;
	}
	if (m->type == MESSAGE_STS_WANTED) {
		answer.type = MESSAGE_STS_KNOWN;
		answer.sts_known.id = m->sts_wanted.id;
		answer.sts_known.error = EAGAIN;
	}
	if (answer.type != MESSAGE_NONE)
		link_send(from, &answer, -1);
}

static void on_message(struct role_self *self, struct link *from,
		       struct message *m, void *arg)
{
	struct queue *q = arg;

	if (link_peer(from) == ROLE_PARENT)
		return;
	dkim_signer_on_message(signer_of(q, self), m);
	if (q->engine == NULL) {
		refuse(from, m);
		return;
	}
	engine_on_message(q->engine, from, m);
	go_on(q);
}

static void on_peer(struct role_self *self, struct link *peer, void *arg)
{
	struct queue *q = arg;

	if (link_peer(peer) == ROLE_KEYRING)
		dkim_signer_on_keyring(signer_of(q, self));
	if (q->engine == NULL)
		return; /* start() greets it */
	engine_on_peer(q->engine, link_peer(peer), peer);
	go_on(q);
}

static void on_peer_gone(struct role_self *self, struct link *peer, void *arg)
{
	struct queue *q = arg;

	if (link_peer(peer) == ROLE_KEYRING)
		dkim_signer_on_keyring_gone(signer_of(q, self));
	if (q->engine == NULL)
		return;
	engine_on_peer_gone(q->engine, peer);
	go_on(q);
}

/*
 * The sessions that still end need us: the queue leaves when the last of them
 * has, and what is under way has ended, or the time is over.
 */
static void on_drain(struct role_self *self, unsigned timeout_ms, void *arg)
{
	unsigned wait_ms = timeout_ms > 2 * DRAIN_RESERVE_MS
				   ? timeout_ms - DRAIN_RESERVE_MS
				   : timeout_ms / 2;
	struct timeval wait = { .tv_sec = wait_ms / 1000,
				.tv_usec = wait_ms % 1000 * 1000 };
	struct queue *q = arg;

	if (q->engine == NULL) {
		role_exit(self);
		return;
	}
	q->is_draining = true;
	engine_stop(q->engine);
	(void)event_add(q->drain_ends, &wait);
	go_on(q);
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

int queue_main(unsigned index)
{
	static const struct role_program program = {
		.role = ROLE_QUEUE,
		.start = start,
		.on_message = on_message,
		.on_peer = on_peer,
		.on_peer_gone = on_peer_gone,
		.on_conf = on_conf,
		.on_conf_part = on_conf_part,
		.on_drain = on_drain,
	};
	struct queue q = { .status = 0 };
	int status = role_main(&program, index, &q);

	engine_free(&q.engine);
	dkim_signer_free(&q.signer);
	free_event(&q.turn_ends);
	free_event(&q.tick);
	free_event(&q.drain_ends);
	return q.status != 0 ? q.status : status;
}
