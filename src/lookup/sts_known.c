#include "lookup/sts_known.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>

struct sts_wish {
	TAILQ_ENTRY(sts_wish) entry;
	struct sts_known *known;
	uint64_t id;         /* 0: it was lost, or never sent */
	struct event *timer; /* the time-out; or the end, in the next turn */
	sts_known_done *done;
	void *arg;
};

struct sts_known {
	struct event_base *base;
	sts_send *send;
	void *arg;
	uint64_t last_id;
	TAILQ_HEAD(, sts_wish) all;
};

void sts_known_cancel(struct sts_wish **wish)
{
	if (*wish == NULL)
		return;
	TAILQ_REMOVE(&(*wish)->known->all, *wish, entry);
	event_free((*wish)->timer);
	mem_free(wish);
}

static void end(struct sts_wish *w, const struct msg_sts_known *m)
{
	sts_known_done *done = w->done;
	void *arg = w->arg;

	sts_known_cancel(&w);
	done(m, arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sts_wish *w = arg;
	const struct msg_sts_known none = {
		.error = w->id == 0 ? ENOTCONN : ETIMEDOUT,
	};

	(void)fd;
	(void)what;
	end(w, &none);
}

struct sts_wish *sts_known_ask(struct sts_known *known, struct slice domain,
			       sts_known_done *done, void *arg)
{
	static const struct timeval patience = { .tv_sec =
							 STS_KNOWN_MS / 1000 };
	struct message m = { .type = MESSAGE_STS_WANTED, .fd = -1 };
	struct sts_wish *w = mem_new(sizeof(*w));

	w->known = known;
	w->done = done;
	w->arg = arg;
	w->timer = evtimer_new(known->base, on_timer, w);
	assert(w->timer != NULL);
	(void)event_add(w->timer, &patience);
	TAILQ_INSERT_TAIL(&known->all, w, entry);
	m.sts_wanted = (struct msg_sts_wanted){ .id = ++known->last_id,
						.domain = domain };
	if (known->send(&m, known->arg))
		w->id = known->last_id;
	else
		event_active(w->timer, EV_TIMEOUT, 0);
	return w;
}

void sts_known_on_answer(struct sts_known *known, const struct msg_sts_known *m)
{
	struct sts_wish *w;

	TAILQ_FOREACH(w, &known->all, entry) {
		if (w->id != m->id || w->id == 0)
			continue;
		end(w, m);
		return;
	}
}

void sts_known_lose(struct sts_known *known)
{
	struct sts_wish *w;

	TAILQ_FOREACH(w, &known->all, entry) {
		w->id = 0;
		event_active(w->timer, EV_TIMEOUT, 0);
	}
}

void sts_known_keep(struct sts_known *known, struct slice domain,
		    const struct sts *sts)
{
	struct message m = { .type = MESSAGE_STS_KEEP, .fd = -1 };

	m.sts_keep = (struct msg_sts_keep){ .domain = domain, .sts = *sts };
	(void)known->send(&m, known->arg);
}

struct sts_known *sts_known_new(struct event_base *base, sts_send *send,
				void *arg)
{
	struct sts_known *known = mem_new(sizeof(*known));

	known->base = base;
	known->send = send;
	known->arg = arg;
	TAILQ_INIT(&known->all);
	return known;
}

void sts_known_free(struct sts_known **known)
{
	if (*known == NULL)
		return;
	assert(TAILQ_EMPTY(&(*known)->all));
	mem_free(known);
}
