#include "queue/engine.h"

#include "fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mail/srs.h"
#include "queue/attempts.h"
#include "smtp/params.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
/* cmocka.h wants some of the above. */
#include <cmocka.h>

static int set_up(void **state)
{
	*state = fixture_new();
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fixture_free(&f);
	return 0;
}

static void send_one(struct fixture *f, const char *to)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, to);

	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
}

static struct sent *must_find(struct fixture *f, enum message_type type,
			      size_t nth)
{
	struct sent *s = fixture_find(f, type, nth);

	assert_non_null(s);
	return s;
}

/* --- the ordinary way ---------------------------------------------------------- */

static void test_a_message_is_answered_tried_and_gone(void **state)
{
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");
	const struct sent *s;

	fixture_send(f, &m, "hello\r\n", 7);
	/* Nothing is promised before the transaction holds. */
	assert_int_equal(fixture_count(f, MESSAGE_ENQUEUED), 0);
	fixture_run(f);
	s = must_find(f, MESSAGE_ENQUEUED, 0);
	assert_ptr_equal(s->to, fixture_receive());
	assert_int_equal(s->number, 0);
	assert_int_not_equal(s->queue_id, 0);
	s = must_find(f, MESSAGE_ATTEMPT, 0);
	assert_ptr_equal(s->to, fixture_deliver());
	assert_string_equal(s->address, "bob@example.com");
	assert_string_equal(s->content, "hello\r\n");
	assert_int_equal(fixture_total(f), 1);
	fixture_result(f, s->id, OUTCOME_DELIVERED, 250, "saved");
	assert_int_equal(fixture_total(f), 0);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
}

static void test_many_share_a_turn(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++) {
		struct recipient r;
		struct message m = fixture_enqueue(&r, "bob@example.com");

		fixture_send(f, &m, "hello\r\n", 7);
	}
	engine_run(f->engine);
	assert_int_equal(fixture_count(f, MESSAGE_ENQUEUED), 100);
	assert_int_equal(fixture_total(f), 100);
}

static void test_a_deferred_one_waits_with_its_reason(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };
	const struct sent *s;

	send_one(f, "bob@example.com");
	s = must_find(f, MESSAGE_ATTEMPT, 0);
	fixture_result(f, s->id, OUTCOME_DEFERRED, 452, "mailbox full");
	engine_tick(f->engine);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	m.queue_list.limit = 10;
	engine_on_message(f->engine, fixture_control(), &m);
	s = must_find(f, MESSAGE_QUEUE_ENTRY, 0);
	assert_string_equal(s->address, "bob@example.com");
	assert_string_equal(s->content, "mailbox full");
	assert_int_equal(s->number, 1);
	fixture_hurry(f);
	assert_int_equal(must_find(f, MESSAGE_QUEUE_CHANGED, 0)->number, 1);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 2);
}

static void test_what_was_under_way_is_tried_again_after_a_crash(void **state)
{
	struct fixture *f = *state;

	send_one(f, "bob@example.com");
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	fixture_restart(f);
	fixture_run(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	assert_string_equal(must_find(f, MESSAGE_ATTEMPT, 0)->content,
			    "Subject: x\r\n\r\nhello\r\n");
}

static void test_a_lost_deliver_is_given_time(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	send_one(f, "bob@example.com");
	id = must_find(f, MESSAGE_ATTEMPT, 0)->id;
	engine_on_peer_gone(f->engine, fixture_deliver());
	engine_on_peer(f->engine, ROLE_DELIVER, fixture_deliver());
	fixture_run(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	/* An answer out of the past counts for nothing. */
	fixture_result(f, id, OUTCOME_DELIVERED, 250, "saved");
	assert_int_equal(fixture_total(f), 1);
	assert_true(engine_is_idle(f->engine));
}

static void test_without_deliver_mail_waits(void **state)
{
	struct fixture *f = *state;

	f->has_deliver = false;
	send_one(f, "bob@example.com");
	assert_int_equal(fixture_count(f, MESSAGE_ENQUEUED), 1);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 0);
	f->has_deliver = true;
	engine_on_peer(f->engine, ROLE_DELIVER, fixture_deliver());
	fixture_run(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
}

static void test_deferred_mail_leaves_room_for_new_mail(void **state)
{
	struct fixture *f = *state;
	size_t tried;

	f->has_deliver = false;
	for (int i = 0; i < ATTEMPTS_WINDOW; i++) {
		struct recipient r;
		struct message m = fixture_enqueue(&r, "old@example.com");

		r.last = (struct outcome){ .kind = OUTCOME_DEFERRED,
					   .code = 451 };
		fixture_send(f, &m, "x\r\n", 3);
	}
	fixture_run(f);
	fixture_hurry(f);
	f->has_deliver = true;
	engine_tick(f->engine);
	tried = fixture_count(f, MESSAGE_ATTEMPT);
	assert_in_range(tried, 1, ATTEMPTS_WINDOW - 1);
	send_one(f, "new@example.com");
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), tried + 1);
	assert_string_equal(must_find(f, MESSAGE_ATTEMPT, tried)->address,
			    "new@example.com");
}

/* Its destination is too busy: that was no try, and it waits as it is told. */
static void test_what_was_turned_away_comes_again(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_ATTEMPT_RESULT, .fd = -1 };
	struct message list = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };
	const struct sent *entry;
	uint64_t now = (uint64_t)clock_wall_s();

	send_one(f, "bob@example.com");
	m.attempt_result = (struct msg_attempt_result){
		.id = must_find(f, MESSAGE_ATTEMPT, 0)->id,
		.outcome = { .kind = OUTCOME_CANCELLED,
			     .status = { 4, 4, 5 },
			     .text = S("too many wait") },
		.again_s = 100,
	};
	engine_on_message(f->engine, fixture_deliver(), &m);
	fixture_run(f);
	list.queue_list.limit = 1;
	engine_on_message(f->engine, fixture_control(), &list);
	entry = must_find(f, MESSAGE_QUEUE_ENTRY, 0);
	assert_int_equal(entry->number, 0);
	assert_in_range(entry->next_try, now + 100, now + 110);
}

static void turn_away(struct fixture *f, size_t number, uint64_t destination)
{
	struct message m = { .type = MESSAGE_ATTEMPT_RESULT, .fd = -1 };

	m.attempt_result = (struct msg_attempt_result){
		.id = must_find(f, MESSAGE_ATTEMPT, number)->id,
		.outcome = { .kind = OUTCOME_CANCELLED },
		.again_s = 100,
		.destination = destination,
	};
	engine_on_message(f->engine, fixture_deliver(), &m);
}

static void want(struct fixture *f, uint64_t destination, uint32_t count)
{
	struct message m = { .type = MESSAGE_ATTEMPTS_WANTED, .fd = -1 };

	m.attempts_wanted =
		(struct msg_attempts_wanted){ .destination = destination,
					      .count = count };
	engine_on_message(f->engine, fixture_deliver(), &m);
	fixture_run(f);
}

/* In the order in which they were sent back, those of that destination. */
static void test_what_was_turned_away_can_be_had(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		send_one(f, i == 3 ? "eve@example.net" : "bob@example.com");
	for (size_t i = 0; i < 4; i++)
		turn_away(f, i, i == 3 ? 8 : 7);
	want(f, 7, 2); /* at once: what was sent back may be in the same turn */
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 6);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(must_find(f, MESSAGE_ATTEMPT, 4 + i)->queue_id,
				 must_find(f, MESSAGE_ATTEMPT, i)->queue_id);
	want(f, 9, 5);
	want(f, 7, 5);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 7);
	want(f, 7, 5);
	want(f, 8, UINT32_MAX);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 8);
	assert_string_equal(must_find(f, MESSAGE_ATTEMPT, 7)->address,
			    "eve@example.net");
}

/* It does not wait so for ever. */
static void test_what_is_always_turned_away_ends(void **state)
{
	struct fixture *f = *state;

	f->settings.schedule.lifetime_s = 0;
	send_one(f, "bob@example.com");
	fixture_result(f, must_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_CANCELLED, 445, "too many wait");
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 1);
}

static void test_the_list_comes_in_pages(void **state)
{
	struct fixture *f = *state;
	struct message m = { .type = MESSAGE_QUEUE_LIST, .fd = -1 };
	uint64_t last = 0;

	f->has_deliver = false;
	for (int i = 0; i < 5; i++)
		send_one(f, "bob@example.com");
	for (size_t page = 0; page < 3; page++) {
		const struct sent *end;
		size_t count;

		fixture_clear(f);
		m.queue_list =
			(struct msg_queue_list){ .after = last, .limit = 2 };
		engine_on_message(f->engine, fixture_control(), &m);
		count = fixture_count(f, MESSAGE_QUEUE_ENTRY);
		assert_int_equal(count, page < 2 ? 2 : 1);
		end = must_find(f, MESSAGE_QUEUE_LIST_END, 0);
		assert_true(end->row > last);
		last = end->row;
		assert_int_equal(end->number, page < 2 ? 0 : 5);
	}
}

/* --- deliveries in session ------------------------------------------------------- */

static void send_held(struct fixture *f, const char *to)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, to);

	r.is_in_delivery = true;
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
}

static void settle(struct fixture *f, enum outcome_kind kind, uint16_t code)
{
	struct message m = { .type = MESSAGE_SETTLE, .fd = -1 };

	m.settle = (struct msg_settle){
		.queue_id = must_find(f, MESSAGE_ENQUEUED, 0)->queue_id,
		.outcome = { .kind = kind, .code = code },
	};
	engine_on_message(f->engine, fixture_receive(), &m);
	fixture_run(f);
}

static void test_what_a_session_delivers_is_not_tried(void **state)
{
	struct fixture *f = *state;

	send_held(f, "bob@example.com");
	fixture_hurry(f);
	engine_tick(f->engine);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 0);
	settle(f, OUTCOME_DELIVERED, 250);
	assert_int_equal(fixture_total(f), 0);
}

static void test_a_session_that_could_not_hands_it_on(void **state)
{
	struct fixture *f = *state;

	send_held(f, "bob@example.com");
	settle(f, OUTCOME_DEFERRED, 451);
	assert_int_equal(fixture_total(f), 1);
	fixture_hurry(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	/* It is ours now: only a delivery would still count. */
	settle(f, OUTCOME_REFUSED, 550);
	assert_int_equal(fixture_total(f), 1);
	settle(f, OUTCOME_DELIVERED, 250);
	assert_int_equal(fixture_total(f), 0);
}

static void test_a_dead_session_lets_go(void **state)
{
	struct fixture *f = *state;

	send_held(f, "bob@example.com");
	engine_on_peer_gone(f->engine, fixture_receive());
	fixture_run(f);
	fixture_hurry(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
}

static void test_a_restart_lets_go(void **state)
{
	struct fixture *f = *state;

	send_held(f, "bob@example.com");
	fixture_restart(f);
	fixture_run(f);
	fixture_hurry(f);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
}

/* --- reports ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *reverse_path;
	uint32_t notify;
	enum outcome_kind kind;
	bool is_reported;
} fates[] = {
	{ "a refusal is reported", "a@example.com", 0, OUTCOME_REFUSED, true },
	{ "a refusal is reported when asked for", "a@example.com",
	  DSN_NOTIFY_FAILURE, OUTCOME_REFUSED, true },
	{ "never to the null sender", "", 0, OUTCOME_REFUSED, false },
	{ "not with NOTIFY=NEVER", "a@example.com", DSN_NOTIFY_NEVER,
	  OUTCOME_REFUSED, false },
	{ "not when only successes are wanted", "a@example.com",
	  DSN_NOTIFY_SUCCESS, OUTCOME_REFUSED, false },
	{ "a delivery is not reported", "a@example.com", 0, OUTCOME_DELIVERED,
	  false },
	{ "but when asked for", "a@example.com", DSN_NOTIFY_SUCCESS,
	  OUTCOME_DELIVERED, true },
};

static void check_fate(struct fixture *f, size_t i, bool in_session)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.reverse_path = slice_of(fates[i].reverse_path);
	r.notify = fates[i].notify;
	if (in_session)
		r.last = (struct outcome){ .kind = fates[i].kind, .code = 299 };
	fixture_send(f, &m, "hello\r\n", 7);
	fixture_run(f);
	if (!in_session)
		fixture_result(f, must_find(f, MESSAGE_ATTEMPT, 0)->id,
			       fates[i].kind, 299, "words");
	else if (fixture_count(f, MESSAGE_ATTEMPT) != 0)
		fail_msg("%s: tried", fates[i].name);
	if (fixture_count(f, MESSAGE_RESOLVE) != fates[i].is_reported ||
	    fixture_total(f) != fates[i].is_reported)
		fail_msg("%s: %s", fates[i].name,
			 in_session ? "in session" : "from the queue");
	if (fates[i].is_reported)
		fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
				 RESOLVE_NO_USER, NULL);
	assert_int_equal(fixture_total(f), 0);
	fixture_clear(f);
}

static void test_fates(void **state)
{
	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
		check_fate(*state, i, false);
		check_fate(*state, i, true);
	}
}

static void test_a_report_reaches_the_sender_and_hides_the_target(void **state)
{
	struct fixture *f = *state;
	struct recipient r[2];
	struct message m = fixture_enqueue(&r[0], "secret1@example.com");
	const struct sent *s;

	(void)fixture_enqueue(&r[1], "secret2@example.com");
	r[0].original = r[1].original = S("team@example.com");
	m.enqueue.recipients.count = 2;
	fixture_send(f, &m, "Subject: plans\r\n\r\nhello\r\n", 25);
	fixture_run(f);
	for (size_t i = 0; i < 2; i++) {
		struct message result = { .type = MESSAGE_ATTEMPT_RESULT,
					  .fd = -1 };

		result.attempt_result = (struct msg_attempt_result){
			.id = must_find(f, MESSAGE_ATTEMPT, i)->id,
			.outcome = { .kind = OUTCOME_REFUSED,
				     .code = 550,
				     .status = { 5, 1, 1 },
				     .text = S("no such user") },
		};
		engine_on_message(f->engine, fixture_deliver(), &result);
	}
	fixture_run(f);
	/* Both failed in one turn: one report. */
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 1);
	s = must_find(f, MESSAGE_RESOLVE, 0);
	assert_string_equal(s->address, "alice@example.com");
	assert_int_equal(fixture_total(f), 1);
	fixture_resolved(f, s->id, RESOLVE_TARGETS, "box@example.com");
	s = must_find(f, MESSAGE_ATTEMPT, 2);
	assert_string_equal(s->address, "box@example.com");
	assert_non_null(strstr(s->content, "multipart/report"));
	assert_non_null(strstr(s->content, "team@example.com"));
	assert_non_null(strstr(s->content, "Subject: plans"));
	assert_null(strstr(s->content, "secret1"));
	fixture_result(f, s->id, OUTCOME_REFUSED, 550, "full");
	assert_int_equal(fixture_total(f), 0);
}

/* Nor does it say what is run, or that anything is. */
static void test_a_report_hides_commands(void **state)
{
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "*@hidden.example");
	const char *report;

	r.target.kind = TARGET_COMMAND;
	r.original = S("robot@example.com");
	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
	fixture_result(f, must_find(f, MESSAGE_ATTEMPT, 0)->id, OUTCOME_REFUSED,
		       550, "/usr/bin/robot *@hidden.example: status 1");
	fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	report = must_find(f, MESSAGE_ATTEMPT, 1)->content;
	assert_non_null(strstr(report, "robot@example.com"));
	assert_non_null(
		strstr(report, "it was not accepted for this recipient"));
	assert_null(strstr(report, "hidden"));
	assert_null(strstr(report, "/usr/bin"));
	assert_null(strstr(report, "dovecot"));
	assert_null(strstr(report, "ommand"));
}

static void send_outside(struct fixture *f, struct outcome outcome)
{
	struct message result = { .type = MESSAGE_ATTEMPT_RESULT, .fd = -1 };
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@other.example");

	fixture_clear(f);
	r.target.kind = TARGET_REMOTE;
	r.target.via = S("a.example/b.example");
	r.notify = DSN_NOTIFY_SUCCESS | DSN_NOTIFY_FAILURE;
	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
	assert_string_equal(must_find(f, MESSAGE_ATTEMPT, 0)->via,
			    "a.example/b.example");
	result.attempt_result = (struct msg_attempt_result){
		.id = must_find(f, MESSAGE_ATTEMPT, 0)->id,
		.outcome = outcome,
	};
	engine_on_message(f->engine, fixture_deliver(), &result);
	fixture_run(f);
}

/* RFC 3461 5.2: who takes the duty to report over has it alone. */
static void test_what_another_server_has_taken(void **state)
{
	static const struct outcome taken = {
		.code = 250,
		.status = { 2, 0, 0 },
		.text = SLICE("ok"),
		.server = SLICE("mx.other.example"),
		.is_dsn_taken_over = true,
	};
	struct outcome relayed = taken;
	struct fixture *f = *state;
	const char *report;

	send_outside(f, taken);
	assert_int_equal(fixture_total(f), 0);
	assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 0);
	relayed.is_dsn_taken_over = false;
	send_outside(f, relayed);
	fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	report = must_find(f, MESSAGE_ATTEMPT, 1)->content;
	assert_non_null(strstr(report, "Action: relayed"));
	assert_non_null(strstr(report, "Remote-MTA: dns; mx.other.example"));
}

/* Mail that alias@example.com sends on. */
static struct sent *forward(struct fixture *f, const char *sender,
			    bool is_forwarded)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@other.example");

	fixture_clear(f);
	m.enqueue.reverse_path = slice_of(sender);
	r.original = S("alias@example.com");
	r.target.kind = TARGET_REMOTE;
	r.target.is_forwarded = is_forwarded;
	fixture_send(f, &m, "Subject: x\r\n\r\nhello\r\n", 21);
	fixture_run(f);
	return must_find(f, MESSAGE_ATTEMPT, 0);
}

#define X20  "xxxxxxxxxxxxxxxxxxxx"
#define LONG X20 X20 X20 X20 X20 X20 X20 X20 X20 X20 X20

static void test_senders_of_what_is_forwarded(void **state)
{
	struct fixture *f = *state;
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	struct srs_keys keys = { .current = { .n = 0 } };
	struct address to, back;
	struct sent *s;
	const char *report;

	assert_string_equal(forward(f, "carl@far.example", false)->from,
			    "carl@far.example");
	assert_string_equal(forward(f, "", true)->from, "");
	/* Too long for a path. */
	assert_string_equal(forward(f, LONG "@far.example", true)->from,
			    LONG "@far.example");
	s = forward(f, "carl@far.example", true);
	assert_int_equal(address_parse(slice_of(s->from), a, &to), 0);
	assert_true(slice_equal(to.domain, S("example.com")));
	fixture_result(f, s->id, OUTCOME_REFUSED, 550, "no");
	/* What we tell ourselves goes to the sender himself. */
	assert_string_equal(must_find(f, MESSAGE_RESOLVE, 0)->address,
			    "carl@far.example");
	fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "carl@far.example");
	report = must_find(f, MESSAGE_ATTEMPT, 1)->content;
	assert_null(strstr(report, "other.example"));
	/* A new `receive` is told the key that it was made with; and it stays
	 * the same. */
	fixture_restart(f);
	fixture_clear(f);
	engine_on_peer(f->engine, ROLE_RECEIVE, fixture_receive());
	s = must_find(f, MESSAGE_SRS_KEYS, 0);
	keys.current = (struct slice){ s->via, s->number };
	assert_int_equal(srs_reverse(&keys, to.local, clock_wall_s(), a, &back),
			 SRS_OK);
	assert_string_equal(arena_string(a, address_format(&back, a)),
			    "carl@far.example");
}

static void test_a_big_original_is_cut_to_its_header(void **state)
{
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");
	size_t octets = 200000;
	char *text = mem_array(octets, 1);
	const char *content;

	memset(text, 'b', octets);
	memcpy(text, "Subject: big\r\n\r\n", 16);
	r.last = (struct outcome){ .kind = OUTCOME_REFUSED, .code = 550 };
	fixture_send(f, &m, text, octets);
	fixture_run(f);
	assert_int_equal(fixture_spool_files(f->dir), 0);
	fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_TARGETS, "alice@example.com");
	content = must_find(f, MESSAGE_ATTEMPT, 0)->content;
	assert_non_null(strstr(content, "Subject: big"));
	assert_null(strstr(content, "bbbb"));
	mem_free(&text);
}

static void test_what_cannot_be_delivered_in_time_is_reported(void **state)
{
	struct fixture *f = *state;

	f->settings.schedule.lifetime_s = 0;
	send_one(f, "bob@example.com");
	fixture_result(f, must_find(f, MESSAGE_ATTEMPT, 0)->id,
		       OUTCOME_DEFERRED, 452, "mailbox full");
	assert_int_equal(fixture_total(f), 1);
	/* And a report that cannot be delivered is dropped at last. */
	fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
			 RESOLVE_NOT_LOCAL, NULL);
	assert_int_equal(fixture_total(f), 0);
}

static const struct {
	const char *name;
	enum resolve_result result;
} later[] = {
	{ "a look-up that failed is made again", RESOLVE_TRY_LATER },
};

static void test_reports_that_wait(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		fixture_clear(f);
		send_one(f, "bob@example.com");
		fixture_result(f, must_find(f, MESSAGE_ATTEMPT, 0)->id,
			       OUTCOME_REFUSED, 550, "no");
		fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 0)->id,
				 later[i].result, NULL);
		assert_int_equal(fixture_total(f), 1);
		engine_tick(f->engine);
		assert_int_equal(fixture_count(f, MESSAGE_RESOLVE), 1);
		fixture_hurry(f);
		if (fixture_count(f, MESSAGE_RESOLVE) != 2)
			fail_msg("%s", later[i].name);
		fixture_resolved(f, must_find(f, MESSAGE_RESOLVE, 1)->id,
				 RESOLVE_NO_USER, NULL);
		assert_int_equal(fixture_total(f), 0);
	}
}

/* --- content ----------------------------------------------------------------------- */

static struct sent *want_spool(struct fixture *f)
{
	struct message m = { .type = MESSAGE_SPOOL_WANTED, .fd = -1 };

	engine_on_message(f->engine, fixture_receive(), &m);
	return must_find(f, MESSAGE_SPOOL, 0);
}

static const struct sent *send_spooled(struct fixture *f, struct link *from,
				       uint64_t spool_id, uint64_t octets)
{
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.spool_id = spool_id;
	m.enqueue.content_octets = octets;
	engine_on_message(f->engine, from, &m);
	fixture_run(f);
	return must_find(f, MESSAGE_ENQUEUED,
			 fixture_count(f, MESSAGE_ENQUEUED) - 1);
}

static void test_a_spool_file_becomes_the_content(void **state)
{
	struct fixture *f = *state;
	const struct sent *spool = want_spool(f);
	const struct sent *attempt;

	assert_int_equal(spool->number, 0);
	assert_int_equal(write(spool->fd, "spooled\r\n", 9), 9);
	assert_int_equal(
		send_spooled(f, fixture_receive(), spool->row, 9)->number, 0);
	attempt = must_find(f, MESSAGE_ATTEMPT, 0);
	assert_string_equal(attempt->content, "spooled\r\n");
	/* It belongs to the message now, not to the link. */
	engine_on_peer_gone(f->engine, fixture_receive());
	assert_int_equal(fixture_spool_files(f->dir), fixture_content_files(1));
	fixture_result(f, attempt->id, OUTCOME_DELIVERED, 250, "");
	assert_int_equal(fixture_spool_files(f->dir), 0);
}

static void test_a_spool_file_is_its_owners_alone(void **state)
{
	struct fixture *f = *state;
	const struct sent *spool = want_spool(f);
	struct message drop = { .type = MESSAGE_SPOOL_DROP, .fd = -1 };

	assert_int_equal(
		send_spooled(f, fixture_other_receive(), spool->row, 0)->number,
		EBADMSG);
	drop.spool_drop.spool_id = spool->row;
	engine_on_message(f->engine, fixture_other_receive(), &drop);
	assert_int_equal(fixture_spool_files(f->dir), 1);
	engine_on_message(f->engine, fixture_receive(), &drop);
	assert_int_equal(fixture_spool_files(f->dir), 0);
}

static void test_spool_files_of_the_dead_are_removed(void **state)
{
	struct fixture *f = *state;

	(void)want_spool(f);
	assert_int_equal(fixture_spool_files(f->dir), 1);
	engine_on_peer_gone(f->engine, fixture_receive());
	assert_int_equal(fixture_spool_files(f->dir), 0);
}

static void test_a_spool_file_of_another_size_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct sent *spool = want_spool(f);

	assert_int_equal(
		send_spooled(f, fixture_receive(), spool->row, 9)->number,
		EBADMSG);
	assert_int_equal(fixture_spool_files(f->dir), 0);
	assert_int_equal(fixture_total(f), 0);
}

static void test_content_that_could_still_change_is_refused(void **state)
{
	struct fixture *f = *state;
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");

	m.enqueue.content_octets = 2;
	m.fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(m.fd, "hi", 2), 2);
	engine_on_message(f->engine, fixture_receive(), &m);
	fixture_run(f);
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 0)->number, EBADMSG);

	m = fixture_enqueue(&r, "bob@example.com");
	m.enqueue.content_octets = 3;
	m.fd = fixture_memfd("hi", 2);
	engine_on_message(f->engine, fixture_receive(), &m);
	fixture_run(f);
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 1)->number, EBADMSG);
	/* The bad ones did not harm the good one that came with them. */
	send_one(f, "bob@example.com");
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 2)->number, 0);
	assert_int_equal(fixture_total(f), 1);
}

static void test_left_over_files_are_swept(void **state)
{
	struct fixture *f = *state;
	static char big[200000];
	struct recipient r;
	struct message m = fixture_enqueue(&r, "bob@example.com");
	char path[128];
	int fd;

	fixture_send(f, &m, big, sizeof(big));
	fixture_run(f);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/spool/%s", f->dir,
			       i == 0 ? "tmp-0123456789abcdef"
				      : "0123456789abcdef");
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		fd_close(&fd);
	}
	assert_int_equal(fixture_spool_files(f->dir),
			 2 + fixture_content_files(1));
	fixture_restart(f);
	engine_tick(f->engine);
	/* A store that keeps no files knows nothing of one with such a name. */
	assert_int_equal(fixture_spool_files(f->dir), 1);
	assert_int_equal(must_find(f, MESSAGE_ATTEMPT, 0)->content_octets,
			 sizeof(big));
}

/* --- no room ------------------------------------------------------------------------- */

static void test_without_room_nothing_new_is_taken(void **state)
{
	struct fixture *f = *state;

	f->settings.reserve_octets = 1ull << 60;
	engine_tick(f->engine);
	assert_false(must_find(f, MESSAGE_ROOM, 0)->has_room);
	send_one(f, "bob@example.com");
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 0)->number, ENOSPC);
	assert_int_equal(want_spool(f)->number, ENOSPC);
	f->settings.reserve_octets = 0;
	engine_tick(f->engine);
	assert_true(must_find(f, MESSAGE_ROOM, 1)->has_room);
	send_one(f, "bob@example.com");
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 1)->number, 0);
}

static void limit_files(rlim_t octets)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_disk_that_fails_loses_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	send_one(f, "bob@example.com");
	id = must_find(f, MESSAGE_ATTEMPT, 0)->id;
	limit_files(100);
	send_one(f, "eve@example.com");
	fixture_result(f, id, OUTCOME_DELIVERED, 250, "saved");
	assert_int_not_equal(must_find(f, MESSAGE_ENQUEUED, 1)->number, 0);
	/* Stored or not: what was delivered is not tried again. */
	engine_tick(f->engine);
	assert_int_equal(fixture_count(f, MESSAGE_ATTEMPT), 1);
	assert_int_equal(fixture_total(f), 1);
	limit_files(RLIM_INFINITY);
	engine_tick(f->engine);
	assert_int_equal(fixture_total(f), 0);
	send_one(f, "eve@example.com");
	assert_int_equal(must_find(f, MESSAGE_ENQUEUED, 2)->number, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *group)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_message_is_answered_tried_and_gone),
		TEST(test_many_share_a_turn),
		TEST(test_a_deferred_one_waits_with_its_reason),
		TEST(test_what_was_under_way_is_tried_again_after_a_crash),
		TEST(test_a_lost_deliver_is_given_time),
		TEST(test_without_deliver_mail_waits),
		TEST(test_what_was_turned_away_comes_again),
		TEST(test_what_was_turned_away_can_be_had),
		TEST(test_what_is_always_turned_away_ends),
		TEST(test_deferred_mail_leaves_room_for_new_mail),
		TEST(test_the_list_comes_in_pages),
		TEST(test_what_a_session_delivers_is_not_tried),
		TEST(test_a_session_that_could_not_hands_it_on),
		TEST(test_a_dead_session_lets_go),
		TEST(test_a_restart_lets_go),
		TEST(test_fates),
		TEST(test_a_report_reaches_the_sender_and_hides_the_target),
		TEST(test_a_report_hides_commands),
		TEST(test_what_another_server_has_taken),
		TEST(test_senders_of_what_is_forwarded),
		TEST(test_a_big_original_is_cut_to_its_header),
		TEST(test_what_cannot_be_delivered_in_time_is_reported),
		TEST(test_reports_that_wait),
		TEST(test_a_spool_file_becomes_the_content),
		TEST(test_a_spool_file_is_its_owners_alone),
		TEST(test_spool_files_of_the_dead_are_removed),
		TEST(test_a_spool_file_of_another_size_is_refused),
		TEST(test_content_that_could_still_change_is_refused),
		TEST(test_left_over_files_are_swept),
		TEST(test_without_room_nothing_new_is_taken),
	};

	return cmocka_run_group_tests_name(group, tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest of_sqlite[] = {
		TEST(test_a_disk_that_fails_loses_nothing),
	};
	int failed = fixture_run_on_both(run);

	return failed + cmocka_run_group_tests_name("SQLite only", of_sqlite,
						    NULL, NULL);
}
