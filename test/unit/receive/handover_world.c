#include "handover_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void on_reply(const struct reply *reply, void *arg)
{
	struct world *w = arg;

	w->handover = NULL;
	w->replies++;
	w->reply = *reply;
	assert_true(reply->text.n < sizeof(w->text));
	memcpy(w->text, reply->text.p, reply->text.n);
	w->text[reply->text.n] = '\0';
}

static void on_ready(void *arg)
{
	(void)arg;
}

void world_build(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fake_role_init(&w->self);
	w->self.conf.in_session_delivery = true;
	w->self.conf.in_session_timeout = 20;
	w->spool = spooler_new(&w->self);
	w->handovers = handovers_new(&w->self);
}

void world_tear_down(struct world *w)
{
	handovers_free(&w->handovers);
	spooler_free(&w->spool);
	fake_role_done(&w->self);
}

struct content *world_content(struct world *w)
{
	struct content *c = content_new(w->spool, on_ready, NULL);

	content_write(c, S("Subject: hello\r\n\r\nworld\r\n"));
	assert_int_equal(content_finish(c), CONTENT_OPEN);
	return c;
}

void world_start(struct world *w, const struct handover_request *request,
		 struct content *content)
{
	w->handover =
		handover_start(w->handovers, request, &content, on_reply, w);
	assert_null(content);
	assert_int_equal(w->replies, 0);
}

void world_says(struct world *w, unsigned index, const struct outcome *outcome)
{
	const struct message *asked =
		fake_role_sent(&w->self, MESSAGE_DELIVER, 0);
	struct message m = { .type = MESSAGE_DELIVER_RESULT, .fd = -1 };

	assert_non_null(asked);
	m.deliver_result.id = asked->deliver.id;
	m.deliver_result.index = index;
	m.deliver_result.outcome = *outcome;
	handovers_on_message(w->handovers, &m);
}

void world_queue_answers(struct world *w, unsigned error)
{
	const struct message *asked =
		fake_role_sent(&w->self, MESSAGE_ENQUEUE, 0);
	struct message m = { .type = MESSAGE_ENQUEUED, .fd = -1 };

	assert_non_null(asked);
	m.enqueued.id = asked->enqueue.id;
	m.enqueued.error = error;
	m.enqueued.queue_id = error == 0 ? QUEUE_ID : 0;
	handovers_on_message(w->handovers, &m);
}
