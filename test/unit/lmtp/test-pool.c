#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTENT = 3000000 };

#define ENVELOPE(who)                                                          \
	"MAIL FROM:<a@b>\r\nRCPT TO:<" who ">\r\nBDAT 4 LAST\r\nabc\n"

static void test_features_at_start(void **state)
{
	struct world *w = *state;

	open_pool(w);
	assert_int_equal(w->wanted, 1);
	say(w, 0, "220 mx\r\n");
	say(w, 0, "250-mx\r\n250 SMTPUTF8\r\n");
	assert_int_equal(w->told_features, 1);
	assert_true(w->has_smtputf8);
	assert_int_equal(w->wanted, 1);
}

static void test_delivery(void **state)
{
	struct world *w = *state;

	open_pool(w);
	greet(w, 0);
	(void)deliver(w, "c@d", true);
	assert_int_equal(lmtp_pool_waiting(w->pool), 1);
	turn(w);
	assert_int_equal(lmtp_pool_waiting(w->pool), 0);
	expect(w, 0, ENVELOPE("c@d"));
	assert_int_equal(w->result_count, 0);
	say(w, 0, "250 a\r\n250 b\r\n250 2.0.0 Saved\r\n");
	expect_result(w, 0, "c@d", LMTP_ANSWERED, 250, "Saved");
	assert_int_equal(w->wanted, 1);
}

static void test_urgent_first(void **state)
{
	struct world *w = *state;

	w->config.connections = 1;
	open_pool(w);
	(void)deliver(w, "later", false);
	(void)deliver(w, "first", true);
	(void)deliver(w, "second", true);
	greet(w, 0);
	expect(w, 0, ENVELOPE("first"));
	say(w, 0, "250 a\r\n250 b\r\n250 c\r\n");
	expect(w, 0, ENVELOPE("second"));
	say(w, 0, "250 a\r\n550 no\r\n503 no\r\n");
	expect(w, 0, "RSET\r\n");
	say(w, 0, "250 OK\r\n");
	expect(w, 0, ENVELOPE("later"));
	say(w, 0, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(w->result_count, 3);
	expect_result(w, 1, "second", LMTP_ANSWERED, 550, "no");
	assert_int_equal(w->wanted, 1);
}

/* However many urgent ones come, others get every fourth place. */
static void test_urgent_is_not_always(void **state)
{
	static const char *const order[] = { "urgent",   "urgent",   "urgent",
					     "ordinary", "urgent",   "urgent",
					     "urgent",   "ordinary", "urgent" };
	struct world *w = *state;

	w->config.connections = 1;
	open_pool(w);
	(void)deliver(w, "ordinary", false);
	(void)deliver(w, "ordinary", false);
	for (int i = 0; i < 7; i++)
		(void)deliver(w, "urgent", true);
	greet(w, 0);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char want[256];

		(void)snprintf(want, sizeof(want), ENVELOPE("%s"), order[i]);
		expect(w, 0, want);
		say(w, 0, "250 a\r\n250 b\r\n250 c\r\n");
	}
	assert_int_equal(w->result_count, 9);
}

static void test_connection_cap(void **state)
{
	struct world *w = *state;

	open_pool(w);
	for (int i = 0; i < 5; i++)
		(void)deliver(w, "c@d", true);
	turn(w);
	assert_int_equal(w->wanted, 2);
	greet(w, 0);
	greet(w, 1);
	expect(w, 0, ENVELOPE("c@d"));
	expect(w, 1, ENVELOPE("c@d"));
	assert_int_equal(lmtp_pool_waiting(w->pool), 3);
	assert_int_equal(w->wanted, 2);
}

static void test_no_connection(void **state)
{
	struct world *w = *state;

	w->error = -ECONNREFUSED;
	w->again = 3;
	open_pool(w);
	assert_int_equal(w->wanted, 1);
	(void)deliver(w, "c@d", true);
	(void)deliver(w, "e@f", false);
	turn(w);
	turn(w);
	assert_int_equal(w->result_count, 5); /* those asked for by results */
	expect_result(w, 0, "c@d", LMTP_NO_ANSWER, 0, "Connection refused");
	expect_result(w, 4, "again", LMTP_NO_ANSWER, 0, "Connection refused");
	assert_int_equal(w->wanted, 1); /* no storm */
	w->error = 0;
	while (w->connected == 0) /* until the first retry */
		wait_timer(w);
	assert_int_equal(w->wanted, 2);
	(void)deliver(w, "g@h", true);
	greet(w, 0);
	expect(w, 0, ENVELOPE("g@h"));
}

static void test_refused_greeting(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver(w, "c@d", true);
	turn(w);
	say(w, 0, "421 4.7.0 full\r\n");
	expect_result(w, 0, "c@d", LMTP_NO_ANSWER, 0,
		      "the greeting was a refusal: 421 full");
	assert_true(is_hung_up(w, 0));
	assert_int_equal(w->wanted, 1);
}

static void test_idle_connection_closed(void **state)
{
	struct world *w = *state;

	open_pool(w);
	greet(w, 0);
	hang_up(w, 0);
	turn(w);
	assert_int_equal(w->wanted, 1); /* not before it is needed */
	(void)deliver(w, "c@d", true);
	turn(w);
	assert_int_equal(w->wanted, 2);
	greet(w, 1);
	expect(w, 1, ENVELOPE("c@d"));
}

static void test_dead_connection_retried_once(void **state)
{
	struct world *w = *state;

	open_pool(w);
	greet(w, 0);
	hang_up(w, 0); /* and before the pool has seen it: */
	(void)deliver(w, "c@d", true);
	turn(w);
	assert_int_equal(w->result_count, 0);
	assert_int_equal(w->wanted, 2);
	say(w, 1, "220 mx\r\n");
	(void)send(w->servers[1], "250 mx\r\n", 8, 0);
	hang_up(w, 1);
	turn(w);
	assert_int_equal(w->result_count, 1);
	assert_int_equal(w->results[0].end, LMTP_NO_ANSWER);
}

static void test_421_retried_once(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver(w, "c@d", true);
	turn(w);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w->result_count, 0);
		assert_int_equal(w->wanted, i + 1);
		greet(w, i);
		expect(w, i, ENVELOPE("c@d"));
		say(w, i, "421 4.3.2 bye\r\n");
		assert_true(is_hung_up(w, i));
	}
	expect_result(w, 0, "c@d", LMTP_ANSWERED, 421, "bye");
}

static void test_uncertain(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver(w, "c@d", true);
	greet(w, 0);
	expect(w, 0, ENVELOPE("c@d"));
	say(w, 0, "250 a\r\n250 b\r\n");
	hang_up(w, 0);
	turn(w);
	expect_result(w, 0, "c@d", LMTP_UNCERTAIN, 0, "the server hung up");
}

static void test_withdraw(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *begun, *waiting;

	w->config.connections = 1;
	open_pool(w);
	begun = deliver(w, "begun", true);
	waiting = deliver(w, "waiting", true);
	greet(w, 0);
	assert_false(lmtp_withdraw(&begun));
	assert_non_null(begun);
	assert_true(lmtp_withdraw(&waiting));
	assert_null(waiting);
	assert_int_equal(lmtp_pool_waiting(w->pool), 0);
	expect(w, 0, ENVELOPE("begun"));
	say(w, 0, "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(w->result_count, 1);
}

/* More than any socket buffer; every octet has to be in its place. */
static void test_big_content(void **state)
{
	struct world *w = *state;
	static char sent[CONTENT], got[CONTENT];
	size_t n = 0;

	for (size_t i = 0; i < CONTENT; i++)
		sent[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(pwrite(w->content, sent, CONTENT, 0), CONTENT);
	open_pool(w);
	(void)deliver_octets(w, "c@d", true, CONTENT);
	greet(w, 0);
	expect(w, 0, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
	say(w, 0, "250 a\r\n");
	expect(w, 0, "");
	say(w, 0, "250 b\r\n");
	assert_int_equal(recv(w->servers[0], got, 19, 0), 19);
	assert_memory_equal(got, "BDAT 3000000 LAST\r\n", 19);
	while (n < CONTENT) {
		ssize_t r =
			recv(w->servers[0], got + n, CONTENT - n, MSG_DONTWAIT);

		assert_true(r > 0);
		n += (size_t)r;
		turn(w);
	}
	expect(w, 0, "");
	assert_memory_equal(got, sent, CONTENT);
	say(w, 0, "250 c\r\n");
	expect_result(w, 0, "c@d", LMTP_ANSWERED, 250, "c");
}

static void test_data(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver(w, "c@d", true);
	say(w, 0, "220 mx\r\n");
	expect(w, 0, "LHLO me\r\n");
	say(w, 0, "250-mx\r\n250 PIPELINING\r\n");
	expect(w, 0, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	say(w, 0, "250 a\r\n250 b\r\n354 c\r\n");
	expect(w, 0, "abc\r\n.\r\n");
	say(w, 0, "250 d\r\n");
	expect_result(w, 0, "c@d", LMTP_ANSWERED, 250, "d");
}

static void test_content_cut_short(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver_octets(w, "c@d", true, 5);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w->result_count, 0);
		greet(w, i);
		assert_true(is_hung_up(w, i));
	}
	expect_result(w, 0, "c@d", LMTP_NO_ANSWER, 0,
		      "the content cannot be read");
}

static void test_no_greeting(void **state)
{
	struct world *w = *state;

	w->config.greeting_ms = 1;
	open_pool(w);
	(void)deliver(w, "c@d", true);
	while (w->result_count == 0)
		wait_timer(w);
	expect_result(w, 0, "c@d", LMTP_NO_ANSWER, 0, "no answer in time");
}

static void test_no_last_answer(void **state)
{
	struct world *w = *state;

	w->config.final_ms = 1;
	open_pool(w);
	(void)deliver(w, "c@d", true);
	greet(w, 0);
	while (w->result_count == 0)
		wait_timer(w);
	expect_result(w, 0, "c@d", LMTP_UNCERTAIN, 0, "no answer in time");
}

static void test_idle_quits(void **state)
{
	struct world *w = *state;

	w->config.idle_ms = 1;
	open_pool(w);
	greet(w, 0);
	wait_timer(w);
	expect(w, 0, "QUIT\r\n");
	assert_true(is_hung_up(w, 0));
	assert_int_equal(w->wanted, 1);
}

static void test_configure(void **state)
{
	struct world *w = *state;
	const struct lmtp_pool_config other = { .hostname = "other",
						.connections = 1,
						.greeting_ms = 100000,
						.answer_ms = 100000,
						.final_ms = 100000,
						.idle_ms = 100000 };

	open_pool(w);
	greet(w, 0);
	lmtp_pool_configure(w->pool, &other);
	turn(w);
	expect(w, 0, "QUIT\r\n");
	assert_true(is_hung_up(w, 0));
	(void)deliver(w, "c@d", true);
	turn(w);
	say(w, 1, "220 mx\r\n");
	expect(w, 1, "LHLO other\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_features_at_start),
		TEST(test_delivery),
		TEST(test_urgent_first),
		TEST(test_urgent_is_not_always),
		TEST(test_connection_cap),
		TEST(test_no_connection),
		TEST(test_refused_greeting),
		TEST(test_idle_connection_closed),
		TEST(test_dead_connection_retried_once),
		TEST(test_421_retried_once),
		TEST(test_uncertain),
		TEST(test_withdraw),
		TEST(test_big_content),
		TEST(test_data),
		TEST(test_content_cut_short),
		TEST(test_no_greeting),
		TEST(test_no_last_answer),
		TEST(test_idle_quits),
		TEST(test_configure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
