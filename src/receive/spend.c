#include "receive/spend.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>

enum { ANSWER_S = 30 };

struct spend {
	TAILQ_ENTRY(spend) entry;
	struct spends *spends;
	uint64_t id;
	struct event *timer; /* for the answer, or the end that is due */
	spend_on_answer *on_answer;
	void *arg;
};

struct spends {
	struct role_self *self;
	uint64_t last_id;
	TAILQ_HEAD(, spend) all;
};

struct spends *spends_new(struct role_self *self)
{
	struct spends *s = mem_new(sizeof(*s));

	s->self = self;
	TAILQ_INIT(&s->all);
	return s;
}

void spend_cancel(struct spend **spend)
{
	struct spend *s = *spend;

	if (s == NULL)
		return;
	TAILQ_REMOVE(&s->spends->all, s, entry);
	event_free(s->timer);
	mem_free(spend);
}

void spends_free(struct spends **spends)
{
	struct spend *s;

	if (*spends == NULL)
		return;
	while ((s = TAILQ_FIRST(&(*spends)->all)) != NULL)
		spend_cancel(&s);
	mem_free(spends);
}

static void end(struct spend *s, const struct msg_spent *answer)
{
	spend_on_answer *on_answer = s->on_answer;
	void *arg = s->arg;

	spend_cancel(&s);
	on_answer(answer, arg);
}

static void fail(struct spend *s)
{
	end(s, &(const struct msg_spent){ .error = EAGAIN });
}

void spends_on_message(struct spends *spends, const struct msg_spent *m)
{
	struct spend *s;

	TAILQ_FOREACH(s, &spends->all, entry) {
		if (s->id == m->id) {
			end(s, m);
			return;
		}
	}
}

void spends_on_queue_gone(struct spends *spends)
{
	uint64_t last = spends->last_id;
	struct spend *s;

	/* Those that an owner begins meanwhile are not among them. */
	while ((s = TAILQ_FIRST(&spends->all)) != NULL && s->id <= last)
		fail(s);
}

static void on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg);
}

struct spend *spend_start(struct spends *spends,
			  const struct msg_spend *message,
			  spend_on_answer *on_answer, void *arg)
{
	struct link *queue = role_peer(spends->self, ROLE_QUEUE, 0);
	struct message m = { .type = MESSAGE_SPEND, .spend = *message };
	struct timeval wait = { .tv_sec = queue != NULL ? ANSWER_S : 0 };
	struct spend *s = mem_new(sizeof(*s));

	s->spends = spends;
	s->id = m.spend.id = ++spends->last_id;
	s->on_answer = on_answer;
	s->arg = arg;
	s->timer = evtimer_new(role_base(spends->self), on_timer, s);
	assert(s->timer != NULL);
	(void)event_add(s->timer, &wait);
	TAILQ_INSERT_TAIL(&spends->all, s, entry);
	if (queue != NULL)
		link_send(queue, &m, -1);
	return s;
}
