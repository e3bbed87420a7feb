#include "deliver/jobs.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESULTS = 16, TEXT = 64, WAITING_MAX = 4 };

struct result {
	enum message_type type;
	uint64_t id;
	uint32_t index;
	enum outcome_kind kind;
	unsigned code;
	char text[TEXT];
};

/* The jobs between a `receive` that asks and an LMTP server. */
struct world {
	struct event_base *base;
	struct lmtp_pool *pool;
	struct commands *commands; /* without a `hook` */
	struct jobs *jobs;
	struct link *ours, *theirs; /* the two ends */
	int server;
	unsigned emptied;
	struct result results[RESULTS];
	unsigned result_count;
	int log[2]; /* a pipe */
};

static void on_want(void *arg)
{
	struct world *w = arg;
	int pair[2];

	if (w->server >= 0) {
		lmtp_pool_connected(w->pool, -1, -ECONNREFUSED);
		return;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	w->server = pair[1];
	lmtp_pool_connected(w->pool, pair[0], 0);
}

static void on_features(bool has_smtputf8, void *arg)
{
	(void)has_smtputf8;
	(void)arg;
}

static void on_empty(void *arg)
{
	struct world *w = arg;

	w->emptied++;
}

static void on_result(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;
	struct result *r = &w->results[w->result_count++];
	const struct outcome *o = &m->deliver_result.outcome;

	(void)link;
	assert_true(w->result_count < RESULTS);
	r->type = m->type;
	r->id = m->deliver_result.id;
	r->index = m->deliver_result.index;
	r->kind = o->kind;
	r->code = o->code;
	(void)snprintf(r->text, sizeof(r->text), "%.*s", (int)o->text.n,
		       o->text.n > 0 ? o->text.p : "");
}

static void on_message(struct link *link, struct message *m, void *arg)
{
	(void)link;
	(void)m;
	(void)arg;
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void say(struct world *w, const char *text)
{
	(void)send(w->server, text, strlen(text), MSG_NOSIGNAL);
	turn(w);
}

static int make_world(void **state)
{
	const struct lmtp_pool_config config = { .hostname = "me",
						 .connections = 1,
						 .greeting_ms = 100000,
						 .answer_ms = 100000,
						 .final_ms = 100000,
						 .idle_ms = 100000 };
	struct world *w = mem_new(sizeof(*w));
	int pair[2];

	w->server = -1;
	w->base = event_base_new();
	w->pool = lmtp_pool_new(w->base, &config, on_want, on_features, w);
	w->commands = commands_new(w->base);
	w->jobs = jobs_new(&(const struct jobs_ways){ .pool = w->pool,
						      .commands = w->commands },
			   WAITING_MAX, on_empty, w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	w->ours = link_new(w->base, pair[0], ROLE_DELIVER, ROLE_RECEIVE, 0,
			   on_message, on_closed, w);
	w->theirs = link_new(w->base, pair[1], ROLE_RECEIVE, ROLE_DELIVER, 0,
			     on_result, on_closed, w);
	assert_int_equal(pipe2(w->log, O_NONBLOCK | O_CLOEXEC), 0);
	log_use(LOG_TO_FD, w->log[1]);
	turn(w);
	say(w, "220 mx\r\n");
	say(w, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	*state = w;
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	lmtp_pool_free(&w->pool);
	commands_free(&w->commands);
	jobs_free(&w->jobs);
	link_free(&w->ours);
	link_free(&w->theirs);
	fd_close(&w->server);
	fd_close(&w->log[0]);
	log_use(LOG_TO_FD, dup(STDERR_FILENO));
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}

static int make_content(bool is_sealed)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, "abc\n", 4), 4);
	if (is_sealed)
		(void)fcntl(fd, F_ADD_SEALS,
			    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
	return fd;
}

static void start_to(struct world *w, uint64_t id, const struct target *targets,
		     size_t count, bool is_sealed)
{
	const struct job_request request = {
		.from = w->ours,
		.id = id,
		.trace = S("T1"),
		.reverse_path = S("s@d"),
		.targets = { targets, count },
		.content_octets = 4,
	};

	jobs_start(w->jobs, &request, make_content(is_sealed));
	turn(w);
}

static void start(struct world *w, uint64_t id, size_t count, bool is_sealed)
{
	static const struct target targets[] = {
		{ .kind = TARGET_MAILBOX, .address = SLICE("a@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("b@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("c@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("d@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("e@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("f@d") },
	};

	start_to(w, id, targets, count, is_sealed);
}

static void expect(const struct world *w, unsigned i, uint64_t id,
		   uint32_t index, enum outcome_kind kind, unsigned code)
{
	const struct result *r = &w->results[i];

	assert_true(i < w->result_count);
	assert_int_equal(r->type, MESSAGE_DELIVER_RESULT);
	assert_int_equal(r->id, id);
	assert_int_equal(r->index, index);
	assert_int_equal(r->kind, kind);
	assert_int_equal(r->code, code);
}

static void expect_log(struct world *w, const char *part)
{
	char text[4096];
	ssize_t n = read(w->log[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in the log: %s", part, text);
}

static void test_each_recipient_its_own(void **state)
{
	struct world *w = *state;

	start(w, 7, 3, true);
	say(w, "250 a\r\n250 b\r\n250 2.0.0 Saved\r\n");
	expect(w, 0, 7, 0, OUTCOME_DELIVERED, 250);
	expect_log(w, "delivered");
	say(w, "250 a\r\n550 5.1.1 no\r\n503 c\r\n");
	expect_log(w, "refused");
	say(w, "250 OK\r\n");
	assert_false(jobs_is_empty(w->jobs));
	say(w, "250 a\r\n250 b\r\n451 4.2.0 later\r\n");
	assert_int_equal(w->result_count, 3);
	expect(w, 1, 7, 1, OUTCOME_REFUSED, 550);
	expect(w, 2, 7, 2, OUTCOME_DEFERRED, 451);
	expect_log(w, "later");
	assert_true(jobs_is_empty(w->jobs));
	assert_int_equal(w->emptied, 1);
}

static void test_cancel(void **state)
{
	struct world *w = *state;

	start(w, 1, 1, true);
	start(w, 2, 2, true);
	jobs_cancel(w->jobs, w->ours, 3); /* nobody's */
	jobs_cancel(w->jobs, w->theirs, 2);
	assert_int_equal(w->result_count, 0);
	jobs_cancel(w->jobs, w->ours, 2);
	jobs_cancel(w->jobs, w->ours, 1); /* it has begun */
	turn(w);
	assert_int_equal(w->result_count, 2);
	expect(w, 0, 2, 0, OUTCOME_CANCELLED, 0);
	expect(w, 1, 2, 1, OUTCOME_CANCELLED, 0);
	say(w, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(w->result_count, 3);
	expect(w, 2, 1, 0, OUTCOME_DELIVERED, 250);
	assert_int_equal(w->emptied, 1);
}

static void test_asker_gone(void **state)
{
	struct world *w = *state;

	start(w, 1, 3, true);
	jobs_forget(w->jobs, w->ours);
	assert_false(jobs_is_empty(w->jobs)); /* the first has begun */
	assert_int_equal(lmtp_pool_waiting(w->pool), 0);
	say(w, "250 a\r\n250 b\r\n250 c\r\n");
	assert_true(jobs_is_empty(w->jobs));
	assert_int_equal(w->result_count, 0);
	expect_log(w, "delivered");
}

/* --- queues that die ------------------------------------------------------------- */

struct queue {
	struct link *ours, *theirs;
	struct result last;
	unsigned count;
};

static void on_queue_message(struct link *link, struct message *m, void *arg)
{
	struct queue *q = arg;

	(void)link;
	q->count++;
	q->last.type = m->type;
	if (m->type == MESSAGE_ATTEMPT_RESULT) {
		q->last.id = m->attempt_result.id;
		q->last.kind = m->attempt_result.outcome.kind;
	} else {
		q->last.id = m->delivered_before.queue_id;
		q->last.kind = m->delivered_before.outcome.kind;
	}
}

static void make_queue(struct world *w, struct queue *q)
{
	int pair[2];

	*q = (struct queue){ .count = 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	q->ours = link_new(w->base, pair[0], ROLE_DELIVER, ROLE_QUEUE, 0,
			   on_message, on_closed, w);
	q->theirs = link_new(w->base, pair[1], ROLE_QUEUE, ROLE_DELIVER, 0,
			     on_queue_message, on_closed, q);
}

static void end_queue(struct world *w, struct queue *q)
{
	jobs_forget(w->jobs, q->ours);
	link_free(&q->ours);
	link_free(&q->theirs);
}

static void attempt(struct world *w, const struct queue *q, uint64_t id,
		    uint64_t queue_id)
{
	static const struct target target = { .kind = TARGET_MAILBOX,
					      .address = SLICE("a@d") };
	const struct job_request request = {
		.from = q->ours,
		.is_attempt = true,
		.id = id,
		.queue_id = queue_id,
		.trace = S("T1"),
		.reverse_path = S("s@d"),
		.targets = { &target, 1 },
		.content_octets = 4,
	};

	jobs_start(w->jobs, &request, make_content(true));
	turn(w);
}

static void test_a_new_queue_gets_the_result(void **state)
{
	struct world *w = *state;
	struct queue old, new;

	make_queue(w, &old);
	make_queue(w, &new);
	attempt(w, &old, 1, 5);
	end_queue(w, &old);
	attempt(w, &new, 2, 5); /* is under way */
	attempt(w, &new, 3, 6); /* is not */
	say(w, "250 a\r\n250 b\r\n250 2.0.0 Saved\r\n");
	assert_int_equal(new.count, 1);
	assert_int_equal(new.last.id, 2);
	assert_int_equal(new.last.kind, OUTCOME_DELIVERED);
	assert_int_equal(lmtp_pool_waiting(w->pool), 0);
	say(w, "250 a\r\n250 b\r\n451 4.2.0 later\r\n");
	assert_int_equal(new.count, 2);
	assert_int_equal(new.last.id, 3);
	assert_true(jobs_is_empty(w->jobs));
	end_queue(w, &new);
}

static void test_a_new_queue_hears_what_was_delivered(void **state)
{
	struct world *w = *state;
	struct queue old, new;

	make_queue(w, &old);
	make_queue(w, &new);
	attempt(w, &old, 1, 5);
	end_queue(w, &old);
	say(w, "250 a\r\n250 b\r\n250 2.0.0 Saved\r\n");
	assert_true(jobs_is_empty(w->jobs));
	jobs_use_queue(w->jobs, new.ours);
	turn(w);
	assert_int_equal(new.count, 1);
	assert_int_equal(new.last.type, MESSAGE_DELIVERED_BEFORE);
	assert_int_equal(new.last.id, 5);
	assert_int_equal(new.last.kind, OUTCOME_DELIVERED);
	attempt(w, &new, 7, 5); /* it may ask before it reads that */
	assert_int_equal(new.count, 2);
	assert_int_equal(new.last.type, MESSAGE_ATTEMPT_RESULT);
	assert_int_equal(new.last.id, 7);
	assert_int_equal(new.last.kind, OUTCOME_DELIVERED);
	end_queue(w, &new);
}

static void test_unsealed_content(void **state)
{
	struct world *w = *state;

	start(w, 1, 2, false);
	assert_int_equal(w->result_count, 2);
	expect(w, 1, 1, 1, OUTCOME_DEFERRED, 0);
	assert_string_equal(w->results[0].text, "the content is unusable");
	expect_log(w, "content that can change was refused");
	assert_true(jobs_is_empty(w->jobs));
}

static void test_busy(void **state)
{
	struct world *w = *state;

	start(w, 1, 5, true); /* more than may wait, even alone */
	assert_int_equal(w->result_count, 5);
	expect(w, 4, 1, 4, OUTCOME_DEFERRED, 0);
	start(w, 2, 4, true);
	assert_int_equal(w->result_count, 5);
	start(w, 3, 2, true); /* three wait already */
	assert_int_equal(w->result_count, 7);
	expect(w, 6, 3, 1, OUTCOME_DEFERRED, 0);
}

static void test_server_lost(void **state)
{
	struct world *w = *state;

	start(w, 1, 2, true);
	(void)shutdown(w->server, SHUT_RDWR);
	turn(w);
	assert_int_equal(w->result_count, 2);
	expect(w, 0, 1, 0, OUTCOME_UNCERTAIN, 0);
	expect(w, 1, 1, 1, OUTCOME_DEFERRED, 0);
	assert_string_equal(w->results[1].text, "Connection refused");
}

static void test_each_kind_its_way(void **state)
{
	static const struct target targets[] = {
		{ .kind = TARGET_COMMAND, .address = SLICE("a@d") },
		{ .kind = TARGET_MAILBOX, .address = SLICE("a@d") },
	};
	struct world *w = *state;

	start_to(w, 1, targets, 2, true);
	assert_int_equal(w->result_count, 1);
	expect(w, 0, 1, 0, OUTCOME_DEFERRED, 0); /* nobody runs it */
	assert_string_equal(w->results[0].text, "it cannot be handled now");
	jobs_cancel(w->jobs, w->ours, 1); /* the mailbox has begun */
	say(w, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(w->result_count, 2);
	expect(w, 1, 1, 1, OUTCOME_DELIVERED, 250);
	assert_true(jobs_is_empty(w->jobs));
}

static void test_no_recipients(void **state)
{
	struct world *w = *state;

	start(w, 1, 0, true);
	assert_int_equal(w->result_count, 0);
	assert_true(jobs_is_empty(w->jobs));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_recipient_its_own),
		TEST(test_cancel),
		TEST(test_asker_gone),
		TEST(test_a_new_queue_gets_the_result),
		TEST(test_a_new_queue_hears_what_was_delivered),
		TEST(test_unsealed_content),
		TEST(test_busy),
		TEST(test_server_lost),
		TEST(test_each_kind_its_way),
		TEST(test_no_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
