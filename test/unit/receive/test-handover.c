#include "receive/handover.h"

#include "base/log.h"
#include "handover_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { RECIPIENTS_MAX = 4, STEPS_MAX = 10 };

/* What happens to a handover, in the words of a table. */
enum event_kind {
	NOTHING, /* the end of a row */
	SAYS,    /* `deliver` answers for a recipient */
	TIME_OUT,
	ENQUEUED,
	QUEUE_FULL,
	QUEUE_BROKEN,
	DELIVER_DIES,
	QUEUE_DIES,
	ABANDONED,
};

struct happening {
	enum event_kind kind;
	unsigned index; /* of SAYS */
	enum outcome_kind outcome;
	unsigned code;
	const char *text;
};

#define DELIVERED(i)                                                           \
	{                                                                      \
		SAYS, i, OUTCOME_DELIVERED, 250, "Saved"                       \
	}
#define REFUSED(i, code)                                                       \
	{                                                                      \
		SAYS, i, OUTCOME_REFUSED, code, "No room for you"              \
	}
#define DEFERRED(i)                                                            \
	{                                                                      \
		SAYS, i, OUTCOME_DEFERRED, 451, "Later"                        \
	}
#define UNCERTAIN(i)                                                           \
	{                                                                      \
		SAYS, i, OUTCOME_UNCERTAIN, 0, "Lost after the dot"            \
	}
#define CANCELLED(i)                                                           \
	{                                                                      \
		SAYS, i, OUTCOME_CANCELLED, 0, ""                              \
	}

struct want_queued {
	const char *address;
	enum outcome_kind last;
	bool is_in_delivery;
};

struct want_settled {
	unsigned index;
	enum outcome_kind outcome;
};

struct handover_case {
	const char *name;
	unsigned recipients; /* a@d, b@d ... */
	unsigned notify;     /* of each */
	bool null_sender;
	bool queue_only;
	const char *hold;
	bool switched_off; /* in_session_delivery = no */
	bool no_deliver;
	bool no_queue;
	struct happening happens[STEPS_MAX];

	unsigned reply; /* 0: none */
	const char *text;
	bool want_deliver;
	bool want_cancel;
	struct want_queued queued[RECIPIENTS_MAX];
	struct want_settled settled[RECIPIENTS_MAX];
	size_t settled_count;
	size_t detached; /* at the end */
};

#define DOVECOT      "No room for you"
#define OK_DELIVERED "OK: delivered as T1"
#define OK_QUEUED    "OK: queued as T1"
#define INTERNAL     "Internal trouble, try again later"
#define NO_ROOM      "Not enough room for mail, try again later"

static const struct handover_case cases[] = {
	/* --- all at once ------------------------------------------------- */
	{ .name = "all delivered: 250, and the queue hears nothing",
	  .recipients = 2,
	  .happens = { DELIVERED(0), DELIVERED(1) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "all refused: Dovecot's own words",
	  .recipients = 1,
	  .happens = { REFUSED(0, 552) },
	  .want_deliver = true,
	  .reply = 552,
	  .text = DOVECOT },
	{ .name = "all refused, a null sender: the same",
	  .recipients = 1,
	  .null_sender = true,
	  .happens = { REFUSED(0, 552) },
	  .want_deliver = true,
	  .reply = 552,
	  .text = DOVECOT },
	{ .name = "all refused, differently: 550",
	  .recipients = 2,
	  .happens = { REFUSED(1, 552), REFUSED(0, 554) },
	  .want_deliver = true,
	  .reply = 550,
	  .text = DOVECOT },
	{ .name = "all refused, none wants reports: still a refusal",
	  .recipients = 2,
	  .notify = DSN_NOTIFY_NEVER,
	  .happens = { REFUSED(0, 552), REFUSED(1, 552) },
	  .want_deliver = true,
	  .reply = 552,
	  .text = DOVECOT },
	{ .name = "a 452 is queued",
	  .recipients = 1,
	  .happens = { DEFERRED(0), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "EOF after the dot is queued, as what may double",
	  .recipients = 1,
	  .happens = { UNCERTAIN(0), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_UNCERTAIN } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "no connection free is queued",
	  .recipients = 1,
	  .happens = { CANCELLED(0), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	/* --- mixed ------------------------------------------------------- */
	{ .name = "250, 452, 550: the last two are queued, one as refused",
	  .recipients = 3,
	  .happens = { DELIVERED(0),
		       DEFERRED(1),
		       REFUSED(2, 550),
		       { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "b@d", OUTCOME_DEFERRED }, { "c@d", OUTCOME_REFUSED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "250 and 550: the sender gets a report",
	  .recipients = 2,
	  .happens = { REFUSED(0, 550), DELIVERED(1), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_REFUSED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "250 and 550, a null sender: nobody is told",
	  .recipients = 2,
	  .null_sender = true,
	  .happens = { DELIVERED(0), REFUSED(1, 550) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "250 and 550, NOTIFY=NEVER: nobody is told",
	  .recipients = 2,
	  .notify = DSN_NOTIFY_NEVER,
	  .happens = { DELIVERED(0), REFUSED(1, 550) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "452 and 550, a null sender: only the first is queued",
	  .recipients = 2,
	  .null_sender = true,
	  .happens = { DEFERRED(0), REFUSED(1, 550), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	/* --- success reports --------------------------------------------- */
	{ .name = "NOTIFY=SUCCESS: the queue is to report the delivery",
	  .recipients = 1,
	  .notify = DSN_NOTIFY_SUCCESS,
	  .happens = { DELIVERED(0), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DELIVERED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "NOTIFY=SUCCESS of a null sender: nobody to report to",
	  .recipients = 1,
	  .notify = DSN_NOTIFY_SUCCESS,
	  .null_sender = true,
	  .happens = { DELIVERED(0) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "NOTIFY=SUCCESS alone: no report of the refusal",
	  .recipients = 2,
	  .notify = DSN_NOTIFY_SUCCESS,
	  .happens = { DELIVERED(0), REFUSED(1, 550), { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DELIVERED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "NOTIFY=SUCCESS and no queue: delivered is delivered",
	  .recipients = 1,
	  .notify = DSN_NOTIFY_SUCCESS,
	  .no_queue = true,
	  .happens = { DELIVERED(0) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "NOTIFY=SUCCESS and a full queue: delivered is delivered",
	  .recipients = 1,
	  .notify = DSN_NOTIFY_SUCCESS,
	  .happens = { DELIVERED(0), { QUEUE_FULL } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DELIVERED } },
	  .reply = 250,
	  .text = OK_DELIVERED },
	{ .name = "a refusal that cannot be reported is 451",
	  .recipients = 2,
	  .no_queue = true,
	  .happens = { DELIVERED(0), REFUSED(1, 550) },
	  .want_deliver = true,
	  .reply = 451,
	  .text = INTERNAL },
	{ .name = "delivered before the queue says no: delivered is delivered",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, DELIVERED(0), { QUEUE_FULL } },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_DELIVERED },
	/* --- never in-session -------------------------------------------- */
	{ .name = "what Dovecot itself submits is queued",
	  .recipients = 2,
	  .queue_only = true,
	  .happens = { { ENQUEUED } },
	  .queued = { { "a@d", OUTCOME_CANCELLED },
		      { "b@d", OUTCOME_CANCELLED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "what is to be held is queued, with the reason",
	  .recipients = 1,
	  .hold = "spam?",
	  .happens = { { ENQUEUED } },
	  .queued = { { "a@d", OUTCOME_CANCELLED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "what cannot be held is not taken",
	  .recipients = 1,
	  .hold = "spam?",
	  .no_queue = true,
	  .reply = 451,
	  .text = INTERNAL },
	{ .name = "in_session_delivery = no: queued",
	  .recipients = 1,
	  .switched_off = true,
	  .happens = { { ENQUEUED } },
	  .queued = { { "a@d", OUTCOME_CANCELLED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "no deliver: queued",
	  .recipients = 1,
	  .no_deliver = true,
	  .happens = { { ENQUEUED } },
	  .queued = { { "a@d", OUTCOME_CANCELLED } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "neither deliver nor queue: 451",
	  .recipients = 1,
	  .no_deliver = true,
	  .no_queue = true,
	  .reply = 451,
	  .text = INTERNAL },
	/* --- the queue says no -------------------------------------------- */
	{ .name = "a full queue is 452",
	  .recipients = 1,
	  .happens = { DEFERRED(0), { QUEUE_FULL } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED } },
	  .reply = 452,
	  .text = NO_ROOM },
	{ .name = "a queue in trouble is 451",
	  .recipients = 1,
	  .happens = { DEFERRED(0), { QUEUE_BROKEN } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED } },
	  .reply = 451,
	  .text = INTERNAL },
	{ .name = "a queue that dies over it is 451",
	  .recipients = 1,
	  .happens = { DEFERRED(0), { QUEUE_DIES } },
	  .want_deliver = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED } },
	  .reply = 451,
	  .text = INTERNAL },
	{ .name = "no queue, but all delivered: 250",
	  .recipients = 1,
	  .no_queue = true,
	  .happens = { DELIVERED(0) },
	  .want_deliver = true,
	  .reply = 250,
	  .text = OK_DELIVERED },
	/* --- the time-out --------------------------------------------------- */
	{ .name = "time-out, then a late success",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { ENQUEUED }, DELIVERED(0) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 0, OUTCOME_DELIVERED } },
	  .settled_count = 1 },
	{ .name = "time-out, then a late refusal",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { ENQUEUED }, REFUSED(0, 552) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 0, OUTCOME_REFUSED } },
	  .settled_count = 1 },
	{ .name = "what ends before ENQUEUED is settled after it",
	  .recipients = 3,
	  .happens = { DELIVERED(0),
		       { TIME_OUT },
		       CANCELLED(2),
		       { ENQUEUED },
		       DEFERRED(1) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "b@d", OUTCOME_CANCELLED, true },
		      { "c@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 1, OUTCOME_CANCELLED }, { 0, OUTCOME_DEFERRED } },
	  .settled_count = 2 },
	{ .name = "time-out: the answered ones are queued as answered",
	  .recipients = 3,
	  .happens = { REFUSED(1, 550),
		       DEFERRED(0),
		       { TIME_OUT },
		       { ENQUEUED },
		       DELIVERED(2) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_DEFERRED },
		      { "b@d", OUTCOME_REFUSED },
		      { "c@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 2, OUTCOME_DELIVERED } },
	  .settled_count = 1 },
	{ .name = "time-out, and the late answer never comes",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { ENQUEUED } },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .detached = 1 },
	{ .name = "time-out and a full queue: 452, and nothing to settle",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { QUEUE_FULL }, DELIVERED(0) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 452,
	  .text = NO_ROOM },
	/* --- death ---------------------------------------------------------- */
	{ .name = "deliver dies: what was open is queued as uncertain",
	  .recipients = 2,
	  .happens = { DELIVERED(0), { DELIVER_DIES }, { ENQUEUED } },
	  .want_deliver = true,
	  .queued = { { "b@d", OUTCOME_UNCERTAIN } },
	  .reply = 250,
	  .text = OK_QUEUED },
	{ .name = "deliver dies before ENQUEUED: settled as uncertain",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { DELIVER_DIES }, { ENQUEUED } },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 0, OUTCOME_UNCERTAIN } },
	  .settled_count = 1 },
	{ .name = "deliver dies after the answer: settled as uncertain",
	  .recipients = 1,
	  .happens = { { TIME_OUT }, { ENQUEUED }, { DELIVER_DIES } },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED,
	  .settled = { { 0, OUTCOME_UNCERTAIN } },
	  .settled_count = 1 },
	{ .name = "deliver dies and the queue is away: 451",
	  .recipients = 1,
	  .no_queue = true,
	  .happens = { { DELIVER_DIES } },
	  .want_deliver = true,
	  .reply = 451,
	  .text = INTERNAL },
	{ .name = "a dead queue is told nothing, and nobody crashes",
	  .recipients = 1,
	  .happens = { { TIME_OUT },
		       { ENQUEUED },
		       { QUEUE_DIES },
		       DELIVERED(0) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .reply = 250,
	  .text = OK_QUEUED },
	/* --- the client leaves ------------------------------------------------ */
	{ .name = "client gone: taken back, nothing queued",
	  .recipients = 2,
	  .happens = { DEFERRED(0), { ABANDONED }, CANCELLED(1) },
	  .want_deliver = true,
	  .want_cancel = true },
	{ .name = "client gone: what was begun ends as it ends",
	  .recipients = 1,
	  .happens = { { ABANDONED } },
	  .want_deliver = true,
	  .want_cancel = true,
	  .detached = 1 },
	{ .name = "client gone while the queue writes: it stays queued",
	  .recipients = 1,
	  .happens = { { TIME_OUT },
		       { ABANDONED },
		       { ENQUEUED },
		       DELIVERED(0) },
	  .want_deliver = true,
	  .want_cancel = true,
	  .queued = { { "a@d", OUTCOME_CANCELLED, true } },
	  .settled = { { 0, OUTCOME_DELIVERED } },
	  .settled_count = 1 },
	{ .name = "client gone and the queue dies",
	  .recipients = 1,
	  .queue_only = true,
	  .happens = { { ABANDONED }, { QUEUE_DIES } },
	  .queued = { { "a@d", OUTCOME_CANCELLED } } },
};

static void start(struct world *w, const struct handover_case *c)
{
	static const struct target targets[] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("a@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("b@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("c@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("d@d") },
	};
	struct handover_recipient recipients[RECIPIENTS_MAX] = { 0 };
	struct handover_request request = {
		.trace = S("T1"),
		.reverse_path = c->null_sender ? S("") : S("s@x"),
		.recipients = recipients,
		.recipient_count = c->recipients,
		.queue_only = c->queue_only,
		.hold = slice_of(c->hold != NULL ? c->hold : ""),
	};

	for (unsigned i = 0; i < c->recipients; i++) {
		recipients[i].original = targets[i].address;
		recipients[i].dsn.notify = c->notify;
		recipients[i].targets = (struct targets){ &targets[i], 1 };
	}
	world_start(w, &request, world_content(w));
}

static void says(struct world *w, const struct happening *what)
{
	const struct outcome outcome = {
		.kind = what->outcome,
		.code = (uint16_t)what->code,
		.status = { (uint8_t)(what->code / 100), 2, 2 },
		.text = slice_of(what->text),
	};

	world_says(w, what->index, &outcome);
}

static void happen(struct world *w, const struct happening *what)
{
	switch (what->kind) {
	case NOTHING:
	case TIME_OUT: /* the loop's next turn brings it */
		break;
	case SAYS:
		says(w, what);
		break;
	case ENQUEUED:
		world_queue_answers(w, 0);
		break;
	case QUEUE_FULL:
		world_queue_answers(w, ENOSPC);
		break;
	case QUEUE_BROKEN:
		world_queue_answers(w, EIO);
		break;
	case DELIVER_DIES:
		w->self.has_deliver = false;
		handovers_on_deliver_gone(w->handovers);
		break;
	case QUEUE_DIES:
		w->self.has_queue = false;
		handovers_on_queue_gone(w->handovers);
		break;
	case ABANDONED:
		handover_abandon(&w->handover);
		assert_null(w->handover);
		break;
	}
}

/* A row with a time-out has one of 0 s: the loop turns from there on only. */
static void play(struct world *w, const struct handover_case *c)
{
	bool turn = true;

	for (size_t i = 0; i < STEPS_MAX; i++)
		if (c->happens[i].kind == TIME_OUT)
			turn = false;
	w->self.conf.in_session_timeout = turn ? 20 : 0;
	start(w, c);
	for (size_t i = 0; i < STEPS_MAX; i++) {
		if (c->happens[i].kind == TIME_OUT)
			turn = true;
		happen(w, &c->happens[i]);
		if (turn)
			fake_role_turn(&w->self);
	}
}

static void check_queued(struct world *w, const struct handover_case *c)
{
	const struct message *m = fake_role_sent(&w->self, MESSAGE_ENQUEUE, 0);
	size_t n = 0;

	while (n < RECIPIENTS_MAX && c->queued[n].address != NULL)
		n++;
	assert_int_equal(m != NULL, n > 0);
	assert_null(fake_role_sent(&w->self, MESSAGE_ENQUEUE, 1));
	if (m == NULL)
		return;
	assert_int_equal(m->enqueue.recipients.count, n);
	assert_true(slice_equal(m->enqueue.hold,
				slice_of(c->hold != NULL ? c->hold : "")));
	assert_true(m->fd >= 0);
	assert_int_equal(m->enqueue.content_octets, 25);
	for (size_t i = 0; i < n; i++) {
		const struct recipient *r = &m->enqueue.recipients.items[i];

		assert_true(slice_equal(r->target.address,
					slice_of(c->queued[i].address)));
		assert_true(slice_equal(r->original, r->target.address));
		assert_int_equal(r->notify, c->notify);
		assert_int_equal(r->is_in_delivery,
				 c->queued[i].is_in_delivery);
		assert_int_equal(r->last.kind, c->queued[i].last);
	}
}

static void check_settled(struct world *w, const struct handover_case *c)
{
	assert_int_equal(fake_role_count(&w->self, MESSAGE_SETTLE),
			 c->settled_count);
	for (size_t i = 0; i < c->settled_count; i++) {
		const struct msg_settle *m =
			&fake_role_sent(&w->self, MESSAGE_SETTLE, i)->settle;

		assert_int_equal(m->queue_id, QUEUE_ID);
		assert_int_equal(m->index, c->settled[i].index);
		assert_int_equal(m->outcome.kind, c->settled[i].outcome);
	}
}

static void test_outcomes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct handover_case *c = &cases[i];
		struct world w;

		print_message("%s\n", c->name);
		world_build(&w);
		w.self.has_deliver = !c->no_deliver;
		w.self.has_queue = !c->no_queue;
		w.self.conf.in_session_delivery = !c->switched_off;
		play(&w, c);
		assert_int_equal(w.replies, c->reply != 0);
		assert_int_equal(w.reply.code, c->reply);
		assert_string_equal(w.text, c->text != NULL ? c->text : "");
		assert_int_equal(fake_role_count(&w.self, MESSAGE_DELIVER),
				 c->want_deliver);
		assert_int_equal(
			fake_role_count(&w.self, MESSAGE_DELIVER_CANCEL),
			c->want_cancel);
		check_queued(&w, c);
		check_settled(&w, c);
		assert_int_equal(handovers_waiting(w.handovers), 0);
		assert_int_equal(handovers_detached(w.handovers), c->detached);
		world_tear_down(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
	};

	log_set_level(LOG_PANIC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
