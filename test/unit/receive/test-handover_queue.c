#include "receive/handover.h"

#include "base/log.h"
#include "handover_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static const struct target mailbox = { .kind = TARGET_MAILBOX,
				       .address = SLICE("a@d") };
static const struct handover_recipient one_recipient = {
	.original = SLICE("a@d"), .targets = { &mailbox, 1 }
};
static const struct handover_request one_mailbox = {
	.trace = SLICE("T1"),
	.reverse_path = SLICE("s@x"),
	.recipients = &one_recipient,
	.recipient_count = 1,
};

static void on_ready(void *arg)
{
	(void)arg;
}

static void test_status_of_refusals(void **state)
{
	static const struct {
		const char *name;
		struct outcome outcome;
		unsigned code;
		uint8_t status[3];
		const char *text;
	} rows[] = {
		{ "as it came",
		  { .kind = OUTCOME_REFUSED,
		    .code = 552,
		    .status = { 5, 2, 2 },
		    .text = SLICE("Over quota") },
		  552,
		  { 5, 2, 2 },
		  "Over quota" },
		{ "no enhanced code",
		  { .kind = OUTCOME_REFUSED,
		    .code = 554,
		    .status = { 0, 0, 0 },
		    .text = SLICE("No") },
		  554,
		  { 5, 0, 0 },
		  "No" },
		{ "an enhanced code of another class",
		  { .kind = OUTCOME_REFUSED,
		    .code = 554,
		    .status = { 4, 2, 2 },
		    .text = SLICE("No") },
		  554,
		  { 5, 0, 0 },
		  "No" },
		{ "no text",
		  { .kind = OUTCOME_REFUSED,
		    .code = 550,
		    .status = { 5, 1, 1 },
		    .text = SLICE("") },
		  550,
		  { 5, 1, 1 },
		  "Refused by the mailbox server" },
		{ "a code that is none",
		  { .kind = OUTCOME_REFUSED,
		    .code = 599,
		    .status = { 5, 1, 1 },
		    .text = SLICE("No") },
		  550,
		  { 5, 1, 1 },
		  "No" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;

		world_build(&w);
		world_start(&w, &one_mailbox, world_content(&w));
		world_says(&w, 0, &rows[i].outcome);
		fake_role_turn(&w.self);
		assert_int_equal(w.reply.code, rows[i].code);
		assert_memory_equal(w.reply.status, rows[i].status, 3);
		assert_string_equal(w.text, rows[i].text);
		world_tear_down(&w);
	}
}

static void test_refusal_of_a_command(void **state)
{
	static const struct target command = { .kind = TARGET_COMMAND,
					       .address = SLICE("a@d") };
	static const struct outcome refused = {
		.kind = OUTCOME_REFUSED,
		.status = { 5, 3, 0 },
		.text = SLICE("/bin/false: status 1")
	};
	const struct handover_recipient recipient = {
		.original = S("a@d"), .targets = { &command, 1 }
	};
	struct handover_request request = one_mailbox;
	struct world w;

	(void)state;
	request.recipients = &recipient;
	world_build(&w);
	world_start(&w, &request, world_content(&w));
	world_says(&w, 0, &refused);
	fake_role_turn(&w.self);
	assert_int_equal(w.reply.code, 550);
	assert_int_equal(w.reply.status[1], 3);
	assert_string_equal(w.text, "Not accepted for this recipient");
	world_tear_down(&w);
}

/* What `deliver` and `queue` say of unknown or ended things changes nothing. */
static void test_nonsense(void **state)
{
	static const struct outcome saved = { .kind = OUTCOME_DELIVERED,
					      .code = 250 };
	struct message m = { .type = MESSAGE_ENQUEUED, .fd = -1 };
	struct world w;

	(void)state;
	world_build(&w);
	world_start(&w, &one_mailbox, world_content(&w));
	world_says(&w, 7, &saved);
	m.enqueued.id = 1;
	handovers_on_message(w.handovers, &m);
	m.enqueued.id = 99;
	handovers_on_message(w.handovers, &m);
	fake_role_turn(&w.self);
	assert_int_equal(w.replies, 0);
	world_says(&w, 0, &saved);
	world_says(&w, 0, &saved);
	fake_role_turn(&w.self);
	world_says(&w, 0, &saved);
	assert_int_equal(w.replies, 1);
	assert_int_equal(w.reply.code, 250);
	world_tear_down(&w);
}

/* Two recipients that lead to one mailbox: one copy, the first one's wishes.
 * A command of the same name is another target. */
static void test_same_target(void **state)
{
	static const struct target first[] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("bob@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("al@d") },
	};
	static const struct target second[] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("al@d") },
		{ .kind = TARGET_COMMAND, .address = SLICE("al@d") },
	};
	const struct handover_recipient recipients[] = {
		{ .original = S("info@d"),
		  .dsn = { .notify = DSN_NOTIFY_NEVER },
		  .targets = { first, 2 } },
		{ .original = S("sales@d"),
		  .dsn = { .orcpt_type = S("rfc822"), .orcpt = S("x@y") },
		  .targets = { second, 2 } },
	};
	const struct handover_request request = {
		.trace = S("T1"),
		.reverse_path = S("s@x"),
		.login = S("me@d"),
		.mail = { .is_8bit = true,
			  .is_smtputf8 = true,
			  .ret = DSN_RET_HDRS,
			  .envid = S("E1") },
		.recipients = recipients,
		.recipient_count = 2,
		.queue_only = true,
	};
	const struct msg_enqueue *m;
	struct world w;

	(void)state;
	world_build(&w);
	world_start(&w, &request, world_content(&w));
	m = &fake_role_sent(&w.self, MESSAGE_ENQUEUE, 0)->enqueue;
	assert_int_equal(m->recipients.count, 3);
	assert_true(slice_equal(m->recipients.items[1].original, S("info@d")));
	assert_int_equal(m->recipients.items[1].notify, DSN_NOTIFY_NEVER);
	assert_int_equal(m->recipients.items[1].target.kind, TARGET_MAILBOX);
	assert_int_equal(m->recipients.items[2].target.kind, TARGET_COMMAND);
	assert_true(
		slice_equal(m->recipients.items[2].target.address, S("al@d")));
	assert_true(slice_equal(m->recipients.items[2].original, S("sales@d")));
	assert_true(
		slice_equal(m->recipients.items[2].orcpt_type, S("rfc822")));
	assert_true(slice_equal(m->recipients.items[2].orcpt, S("x@y")));
	assert_true(slice_equal(m->trace, S("T1")));
	assert_true(slice_equal(m->reverse_path, S("s@x")));
	assert_true(slice_equal(m->login, S("me@d")));
	assert_true(slice_equal(m->envid, S("E1")));
	assert_int_equal(m->ret, DSN_RET_HDRS);
	assert_true(m->is_8bit && m->is_smtputf8);
	assert_int_equal(handovers_waiting(w.handovers), 1);
	world_queue_answers(&w, 0);
	fake_role_turn(&w.self);
	assert_string_equal(w.text, "OK: queued as T1");
	world_tear_down(&w);
}

/* With a target outside the whole of a message goes to the queue. */
static void test_outside(void **state)
{
	static const struct target targets[] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("al@d") },
		{ .kind = TARGET_REMOTE,
		  .address = SLICE("al@x"),
		  .via = SLICE("h1/h2"),
		  .is_forwarded = true },
	};
	static const struct handover_recipient recipient = {
		.original = SLICE("info@d"), .targets = { targets, 2 }
	};

	(void)state;
	for (int is_from_us = 0; is_from_us < 2; is_from_us++) {
		struct handover_request request = one_mailbox;
		const struct recipient *r;
		struct world w;

		world_build(&w);
		request.recipients = &recipient;
		request.is_from_us = is_from_us;
		world_start(&w, &request, world_content(&w));
		assert_int_equal(fake_role_count(&w.self, MESSAGE_DELIVER), 0);
		r = fake_role_sent(&w.self, MESSAGE_ENQUEUE, 0)
			    ->enqueue.recipients.items;
		assert_int_equal(r[0].target.kind, TARGET_MAILBOX);
		assert_int_equal(r[1].target.kind, TARGET_REMOTE);
		assert_true(slice_equal(r[1].target.via, S("h1/h2")));
		assert_int_equal(r[1].target.is_forwarded, !is_from_us);
		world_queue_answers(&w, 0);
		fake_role_turn(&w.self);
		world_tear_down(&w);
	}
}

static void test_too_many_targets(void **state)
{
	static char names[WIRE_LIST + 1][8];
	static struct target targets[WIRE_LIST + 1];
	const struct handover_recipient all = {
		.original = S("all@d"), .targets = { targets, WIRE_LIST + 1 }
	};
	const struct handover_request request = { .trace = S("T1"),
						  .recipients = &all,
						  .recipient_count = 1 };
	struct world w;

	(void)state;
	for (unsigned i = 0; i <= WIRE_LIST; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%u@d", i);
		targets[i].address = slice_of(names[i]);
	}
	world_build(&w);
	world_start(&w, &request, world_content(&w));
	fake_role_turn(&w.self);
	assert_int_equal(w.reply.code, 452);
	assert_int_equal(w.self.sent_count, 0);
	world_tear_down(&w);
}

/* Big content: a spool file is named, not sent; one whose queue has died is
 * delivered, but never named to the next queue. */
static struct content *big_content(struct world *w)
{
	static const char octets[100000];
	struct content *c = content_new(w->spool, on_ready, NULL);
	struct message m = { .type = MESSAGE_SPOOL, .fd = -1 };

	while (content_state(c) == CONTENT_OPEN)
		content_write(c, (struct slice){ octets, sizeof(octets) });
	m.spool.id = fake_role_sent(&w->self, MESSAGE_SPOOL_WANTED, 0)
			     ->spool_wanted.id;
	m.spool.spool_id = 9;
	m.fd = memfd_create("spool", MFD_CLOEXEC);
	spooler_on_spool(w->spool, &m);
	assert_int_equal(content_finish(c), CONTENT_OPEN);
	return c;
}

static void test_spool_file(void **state)
{
	const struct handover_request request = { .trace = S("T1"),
						  .recipients = &one_recipient,
						  .recipient_count = 1,
						  .queue_only = true };

	(void)state;
	for (int orphan = 0; orphan <= 1; orphan++) {
		const struct message *m;
		struct content *content;
		struct world w;

		world_build(&w);
		content = big_content(&w);
		if (orphan)
			spooler_on_queue_gone(w.spool);
		world_start(&w, &request, content);
		m = fake_role_sent(&w.self, MESSAGE_ENQUEUE, 0);
		assert_int_equal(m == NULL, orphan);
		if (m != NULL) {
			assert_int_equal(m->fd, -1);
			assert_int_equal(m->enqueue.spool_id, 9);
			world_queue_answers(&w, 0);
		}
		fake_role_turn(&w.self);
		assert_int_equal(w.reply.code, orphan ? 451 : 250);
		assert_int_equal(fake_role_count(&w.self, MESSAGE_SPOOL_DROP),
				 0);
		world_tear_down(&w);
	}
}

/* Descriptors and contents do not pile up before a peer that hangs. */
static void test_peers_that_do_not_read(void **state)
{
	static const struct {
		const char *name;
		size_t deliver, queue;
		size_t delivers, enqueues;
		unsigned code; /* 0: no reply yet */
	} rows[] = {
		{ "both read", 0, 0, 1, 0, 0 },
		{ "deliver is a little behind", 10000, 0, 1, 0, 0 },
		{ "deliver hangs: to the queue", 1 << 20, 0, 0, 1, 0 },
		{ "queue hangs, deliver does not", 0, 16 << 20, 1, 0, 0 },
		{ "both hang", 1 << 20, 16 << 20, 0, 0, 451 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;

		print_message("  %s\n", rows[i].name);
		world_build(&w);
		w.self.backlog[ROLE_DELIVER] = rows[i].deliver;
		w.self.backlog[ROLE_QUEUE] = rows[i].queue;
		world_start(&w, &one_mailbox, world_content(&w));
		fake_role_turn(&w.self);
		assert_int_equal(fake_role_count(&w.self, MESSAGE_DELIVER),
				 rows[i].delivers);
		assert_int_equal(fake_role_count(&w.self, MESSAGE_ENQUEUE),
				 rows[i].enqueues);
		assert_int_equal(w.replies, rows[i].code != 0);
		assert_int_equal(w.reply.code, rows[i].code);
		world_tear_down(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_of_refusals),
		cmocka_unit_test(test_peers_that_do_not_read),
		cmocka_unit_test(test_refusal_of_a_command),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_same_target),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_too_many_targets),
		cmocka_unit_test(test_spool_file),
	};

	log_set_level(LOG_PANIC);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
