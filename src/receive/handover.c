#include "receive/handover-private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

/* A tripwire: the recipients are bounded by WIRE_LIST, their text by
 * smtp/params.h and WIRE_TEXT_OCTETS. */
enum { HANDOVER_ARENA_OCTETS = 64 << 20 };

/* `queue` answers within an fsync, or is gone. What got lost between us for
 * want of descriptors ends here, before the client gives up: RFC 5321
 * 4.5.3.2.6 has it wait 10 minutes. */
enum { QUEUE_ANSWER_S = 300 };

struct handovers *handovers_new(struct role_self *self)
{
	struct handovers *hs = mem_new(sizeof(*hs));

	hs->self = self;
	TAILQ_INIT(&hs->all);
	for (size_t i = 0; i < HANDOVER_BUCKETS; i++)
		TAILQ_INIT(&hs->buckets[i]);
	return hs;
}

size_t handovers_waiting(const struct handovers *handovers)
{
	return handovers->waiting;
}

size_t handovers_detached(const struct handovers *handovers)
{
	return handovers->detached;
}

static struct handover_list *bucket_of(struct handovers *hs, uint64_t id)
{
	return &hs->buckets[id % HANDOVER_BUCKETS];
}

struct handover *handovers_find(struct handovers *hs, uint64_t id)
{
	struct handover *h;

	TAILQ_FOREACH(h, bucket_of(hs, id), bucket_entry)
		if (h->id == id)
			return h;
	return NULL;
}

/* The client is answered or gone. */
static void forget_client(struct handover *h)
{
	if (h->on_reply == NULL)
		return;
	h->on_reply = NULL;
	h->handovers->waiting--;
	h->handovers->detached++;
}

void handover_free(struct handover **handover)
{
	struct handover *h = *handover;

	forget_client(h);
	h->handovers->detached--;
	TAILQ_REMOVE(&h->handovers->all, h, entry);
	TAILQ_REMOVE(bucket_of(h->handovers, h->id), h, bucket_entry);
	content_free(&h->content);
	event_free(h->event);
	arena_free(&h->arena);
	mem_free(handover);
}

void handovers_free(struct handovers **handovers)
{
	struct handover *h;

	if (*handovers == NULL)
		return;
	while ((h = TAILQ_FIRST(&(*handovers)->all)) != NULL)
		handover_free(&h);
	mem_free(handovers);
}

/* --- one handover --------------------------------------------------------- */

static void enter(struct handover *h, enum handover_state state)
{
	(void)event_del(h->event);
	h->state = state;
}

void handover_reply(struct handover *h, struct reply words)
{
	enter(h, HANDOVER_REPLYING);
	h->reply = words;
	event_active(h->event, EV_TIMEOUT, 0);
}

void handover_log(const struct handover *h, enum log_level level,
		  const char *message)
{
	struct handover_counts n = handover_count(h);

	LOG(level, &h->log, message, log_id("queue_id", h->queue_id),
	    log_number("delivered", n.delivered),
	    log_number("refused", n.refused), log_number("due", n.due),
	    log_number("open", h->open_count),
	    log_number("octets", content_octets(h->content)));
}

/* What is delivered by now stays so: a 4xx would only bring it a second time. */
void handover_refuse(struct handover *h, int error)
{
	LOG(LOG_WARNING, &h->log, "message cannot be queued",
	    log_string("error", strerrordesc_np(error)));
	if (handover_is_done(h))
		handover_reply(h, handover_accepted(h, S("delivered")));
	else
		handover_reply(h, error == ENOSPC ? REPLY_NO_ROOM
						  : REPLY_INTERNAL);
}

static void queue_rest(struct handover *h)
{
	static const struct timeval patience = { .tv_sec = QUEUE_ANSWER_S };
	int error = handover_enqueue(h);

	if (error < 0) {
		handover_refuse(h, -error);
		return;
	}
	enter(h, HANDOVER_QUEUEING);
	(void)event_add(h->event, &patience);
}

void handover_decide(struct handover *h)
{
	struct handover_counts n = handover_count(h);

	if (n.refused == h->target_count) {
		struct reply words = handover_refusal(h);

		LOG(LOG_INFO, &h->log, "message refused at delivery",
		    log_number("recipients", h->target_count),
		    log_number("code", words.code),
		    log_text("text", words.text));
		handover_reply(h, words);
	} else if (handover_select(h) > 0) {
		queue_rest(h);
	} else {
		handover_log(h, LOG_DEBUG, "message delivered");
		handover_reply(h, handover_accepted(h, S("delivered")));
	}
}

/* The client is served; what is left are open deliveries. */
static void detach(struct handover *h)
{
	enter(h, HANDOVER_DETACHED);
	content_free(&h->content);
	handover_settle(h);
	if (h->open_count == 0)
		handover_free(&h);
}

static void cancel_delivery(struct handover *h)
{
	struct link *deliver = role_peer(h->handovers->self, ROLE_DELIVER, 0);
	struct message m = { .type = MESSAGE_DELIVER_CANCEL, .fd = -1 };

	if (deliver == NULL || h->open_count == 0)
		return;
	m.deliver_cancel.id = h->id;
	link_send(deliver, &m, -1);
}

static void tell_client(struct handover *h)
{
	handover_on_reply *on_reply = h->on_reply;

	forget_client(h);
	if (on_reply != NULL)
		on_reply(&h->reply, h->arg);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct handover *h = arg;

	(void)fd;
	(void)what;
	switch (h->state) {
	case HANDOVER_DELIVERING:
		if (h->open_count > 0)
			cancel_delivery(h); /* the time is over */
		handover_decide(h);
		break;
	case HANDOVER_REPLYING:
		tell_client(h);
		detach(h);
		break;
	case HANDOVER_QUEUEING:
		handover_refuse(h, ETIMEDOUT);
		break;
	case HANDOVER_DETACHED:
		break;
	}
}

/* --- beginning -------------------------------------------------------------- */

static void deliver_now(struct handover *h, struct link *deliver)
{
	const struct conf *conf = role_conf(h->handovers->self);
	struct target *targets =
		arena_array(h->arena, h->target_count, sizeof(*targets));
	struct message m = { .type = MESSAGE_DELIVER, .fd = -1 };
	struct timeval timeout = { .tv_sec = (time_t)conf->in_session_timeout };

	for (size_t i = 0; i < h->target_count; i++) {
		targets[i] = h->targets[i].target;
		h->targets[i].is_open = true;
	}
	h->open_count = h->target_count;
	m.deliver.id = h->id;
	m.deliver.trace = h->request.trace;
	m.deliver.reverse_path = h->request.reverse_path;
	m.deliver.targets = (struct targets){ targets, h->target_count };
	m.deliver.content_octets = content_octets(h->content);
	m.deliver.is_8bit = h->request.mail.is_8bit;
	h->state = HANDOVER_DELIVERING;
	(void)event_add(h->event, &timeout);
	link_send(deliver, &m, content_fd(h->content));
}

static void begin(struct handover *h)
{
	struct role_self *self = h->handovers->self;
	struct link *deliver = role_peer(self, ROLE_DELIVER, 0);

	if (deliver != NULL && link_backlog(deliver) < DELIVER_BACKLOG_OCTETS &&
	    !h->request.queue_only && h->request.hold.n == 0 &&
	    role_conf(self)->in_session_delivery)
		deliver_now(h, deliver);
	else
		handover_decide(h);
}

struct handover *handover_start(struct handovers *handovers,
				const struct handover_request *request,
				struct content **content,
				handover_on_reply *on_reply, void *arg)
{
	struct handover *h = mem_new(sizeof(*h));

	h->handovers = handovers;
	h->id = ++handovers->last_id;
	TAILQ_INSERT_TAIL(&handovers->all, h, entry);
	TAILQ_INSERT_TAIL(bucket_of(handovers, h->id), h, bucket_entry);
	handovers->waiting++;
	h->on_reply = on_reply;
	h->arg = arg;
	h->event = evtimer_new(role_base(handovers->self), on_event, h);
	h->arena = arena_new(HANDOVER_ARENA_OCTETS);
	h->content = *content;
	*content = NULL;
	handover_copy_request(h, request);
	if (!handover_collect(h, request))
		handover_reply(h, REPLY_TOO_MANY_RECIPIENTS);
	else
		begin(h);
	return h;
}

void handover_abandon(struct handover **handover)
{
	struct handover *h = *handover;

	*handover = NULL;
	if (h == NULL)
		return;
	forget_client(h);
	switch (h->state) {
	case HANDOVER_DELIVERING:
		handover_log(h, LOG_INFO,
			     "client gone before the delivery ended");
		cancel_delivery(h);
		detach(h);
		break;
	case HANDOVER_REPLYING:
		detach(h);
		break;
	case HANDOVER_QUEUEING: /* ENQUEUED is awaited: it settles the rest */
	case HANDOVER_DETACHED:
		break;
	}
}
