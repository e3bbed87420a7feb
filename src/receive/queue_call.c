#include "receive/queue_call.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>

enum { ANSWER_S = 30 };

struct queue_call {
	TAILQ_ENTRY(queue_call) entry;
	struct queue_calls *calls;
	uint64_t id;
	struct event *timer; /* for the answer, or the end that is due */
	queue_call_on_spent *on_spent; /* one of these two */
	queue_call_on_tls *on_tls;
	void *arg;
};

struct queue_calls {
	struct role_self *self;
	uint64_t last_id;
	TAILQ_HEAD(, queue_call) all;
};

struct queue_calls *queue_calls_new(struct role_self *self)
{
	struct queue_calls *calls = mem_new(sizeof(*calls));

	calls->self = self;
	TAILQ_INIT(&calls->all);
	return calls;
}

void queue_call_cancel(struct queue_call **call)
{
	struct queue_call *c = *call;

	if (c == NULL)
		return;
	TAILQ_REMOVE(&c->calls->all, c, entry);
	event_free(c->timer);
	mem_free(call);
}

void queue_calls_free(struct queue_calls **calls)
{
	struct queue_call *c;

	if (*calls == NULL)
		return;
	while ((c = TAILQ_FIRST(&(*calls)->all)) != NULL)
		queue_call_cancel(&c);
	mem_free(calls);
}

/* --- answers ---------------------------------------------------------------------- */

static void end_spend(struct queue_call *c, const struct msg_spent *answer)
{
	queue_call_on_spent *done = c->on_spent;
	void *arg = c->arg;

	queue_call_cancel(&c);
	done(answer, arg);
}

static void end_tls(struct queue_call *c, const struct msg_sender_tls *answer)
{
	queue_call_on_tls *done = c->on_tls;
	void *arg = c->arg;

	queue_call_cancel(&c);
	done(answer, arg);
}

static void fail(struct queue_call *c)
{
	if (c->on_spent != NULL)
		end_spend(c, &(const struct msg_spent){ .error = EAGAIN });
	else
		end_tls(c, &(const struct msg_sender_tls){ .error = EAGAIN });
}

static struct queue_call *find(const struct queue_calls *calls, uint64_t id)
{
	struct queue_call *c;

	TAILQ_FOREACH(c, &calls->all, entry)
		if (c->id == id)
			return c;
	return NULL; /* cancelled meanwhile */
}

void queue_calls_on_message(struct queue_calls *calls, const struct message *m)
{
	struct queue_call *c;

	if (m->type == MESSAGE_SPENT) {
		c = find(calls, m->spent.id);
		if (c != NULL && c->on_spent != NULL)
			end_spend(c, &m->spent);
	} else if (m->type == MESSAGE_SENDER_TLS) {
		c = find(calls, m->sender_tls.id);
		if (c != NULL && c->on_tls != NULL)
			end_tls(c, &m->sender_tls);
	}
}

void queue_calls_on_queue_gone(struct queue_calls *calls)
{
	uint64_t last = calls->last_id;
	struct queue_call *c;

	/* Those that an owner begins meanwhile are not among them. */
	while ((c = TAILQ_FIRST(&calls->all)) != NULL && c->id <= last)
		fail(c);
}

/* --- questions -------------------------------------------------------------------- */

static void on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg);
}

static struct queue_call *call_new(struct queue_calls *calls, void *arg)
{
	struct link *queue = role_peer(calls->self, ROLE_QUEUE, 0);
	struct timeval wait = { .tv_sec = queue != NULL ? ANSWER_S : 0 };
	struct queue_call *c = mem_new(sizeof(*c));

	c->calls = calls;
	c->id = ++calls->last_id;
	c->arg = arg;
	c->timer = evtimer_new(role_base(calls->self), on_timer, c);
	assert(c->timer != NULL);
	(void)event_add(c->timer, &wait);
	TAILQ_INSERT_TAIL(&calls->all, c, entry);
	return c;
}

static void send_to_queue(const struct queue_calls *calls,
			  const struct message *m)
{
	struct link *queue = role_peer(calls->self, ROLE_QUEUE, 0);

	if (queue != NULL)
		link_send(queue, m, -1);
}

struct queue_call *queue_call_spend(struct queue_calls *calls,
				    const struct msg_spend *message,
				    queue_call_on_spent *on_spent, void *arg)
{
	struct message m = { .type = MESSAGE_SPEND, .spend = *message };
	struct queue_call *c = call_new(calls, arg);

	c->on_spent = on_spent;
	m.spend.id = c->id;
	send_to_queue(calls, &m);
	return c;
}

struct queue_call *queue_call_sender_tls(struct queue_calls *calls,
					 struct slice domain,
					 queue_call_on_tls *on_tls, void *arg)
{
	struct queue_call *c = call_new(calls, arg);
	const struct message m = { .type = MESSAGE_SENDER_TLS_WANTED,
				   .sender_tls_wanted = { .id = c->id,
							  .domain = domain } };

	c->on_tls = on_tls;
	send_to_queue(calls, &m);
	return c;
}

void queue_calls_tls_seen(struct queue_calls *calls, struct slice domain,
			  struct slice reason)
{
	const struct message m = { .type = MESSAGE_SENDER_TLS_SEEN,
				   .sender_tls_seen = { .domain = domain,
							.reason = reason } };

	send_to_queue(calls, &m);
}

void queue_calls_dmarc_seen(struct queue_calls *calls,
			    const struct msg_dmarc_seen *seen)
{
	const struct message m = { .type = MESSAGE_DMARC_SEEN,
				   .dmarc_seen = *seen };

	send_to_queue(calls, &m);
}
