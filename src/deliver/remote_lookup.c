#include "deliver/remote_lookup.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>

struct question {
	TAILQ_ENTRY(question) entry;
	struct remote_lookup *lookup;
	uint64_t id;         /* 0: it was never sent */
	struct event *timer; /* the time-out; or the end, in the next turn */
	void *arg;
};

struct remote_lookup {
	struct event_base *base;
	remote_lookup_done *done;
	struct link *link;
	uint64_t last_id;
	TAILQ_HEAD(, question) all;
};

struct remote_lookup *remote_lookup_new(struct event_base *base,
					remote_lookup_done *done)
{
	struct remote_lookup *l = mem_new(sizeof(*l));

	l->base = base;
	l->done = done;
	TAILQ_INIT(&l->all);
	return l;
}

static void question_free(struct question *q)
{
	TAILQ_REMOVE(&q->lookup->all, q, entry);
	event_free(q->timer);
	mem_free(&q);
}

void remote_lookup_free(struct remote_lookup **lookup)
{
	struct question *q;

	if (*lookup == NULL)
		return;
	while ((q = TAILQ_FIRST(&(*lookup)->all)) != NULL)
		question_free(q);
	mem_free(lookup);
}

static void answer(struct question *q, const struct msg_route *m)
{
	struct remote_lookup *l = q->lookup;
	void *arg = q->arg;

	question_free(q);
	l->done(m, arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct msg_route no_answer = {
		.result = ROUTE_TRY_LATER,
		.problem = SLICE("nobody answers where its mail is to go"),
	};

	(void)fd;
	(void)what;
	answer(arg, &no_answer);
}

void remote_lookup_ask(struct remote_lookup *lookup, struct slice domain,
		       struct slices hosts, void *arg)
{
	static const struct timeval patience = {
		.tv_sec = REMOTE_LOOKUP_MS / 1000,
	};
	struct message m = { .type = MESSAGE_ROUTE_WANTED, .fd = -1 };
	struct question *q = mem_new(sizeof(*q));

	q->lookup = lookup;
	q->arg = arg;
	q->timer = evtimer_new(lookup->base, on_timer, q);
	assert(q->timer != NULL);
	TAILQ_INSERT_TAIL(&lookup->all, q, entry);
	if (lookup->link == NULL) {
		event_active(q->timer, EV_TIMEOUT, 0);
		return;
	}
	(void)event_add(q->timer, &patience);
	q->id = ++lookup->last_id;
	m.route_wanted = (struct msg_route_wanted){ .id = q->id,
						    .domain = domain,
						    .hosts = hosts };
	link_send(lookup->link, &m, -1);
}

void remote_lookup_forget(struct remote_lookup *lookup, void *arg)
{
	struct question *q, *next;

	TAILQ_FOREACH_SAFE(q, &lookup->all, entry, next)
		if (q->arg == arg)
			question_free(q);
}

void remote_lookup_on_route(struct remote_lookup *lookup,
			    const struct msg_route *m)
{
	struct question *q;

	TAILQ_FOREACH(q, &lookup->all, entry) {
		if (q->id != m->id || q->id == 0)
			continue;
		answer(q, m);
		return;
	}
}

void remote_lookup_use(struct remote_lookup *lookup, struct link *link)
{
	struct question *q;

	lookup->link = link;
	TAILQ_FOREACH(q, &lookup->all, entry) {
		q->id = 0; /* what was asked before is lost */
		event_active(q->timer, EV_TIMEOUT, 0);
	}
}
