/* One delivery right behind another's content, as the pool has it. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ENVELOPE(who) "MAIL FROM:<a@b>\r\nRCPT TO:<" who ">\r\nDATA\r\n"
#define CONTENT       "abc\r\n.\r\n"

static void greet_data(struct world *w, unsigned i)
{
	say(w, i, "220 mx\r\n");
	expect(w, i, "LHLO me\r\n");
	say(w, i, "250-mx\r\n250 PIPELINING\r\n");
}

/* One connection; the first's content is out and the second behind it. */
static void start_two(struct world *w, struct lmtp_delivery **ret_second)
{
	w->config.connections = 1;
	open_pool(w);
	(void)deliver(w, "first", true);
	*ret_second = deliver(w, "second", true);
	greet_data(w, 0);
	expect(w, 0, ENVELOPE("first"));
	assert_int_equal(lmtp_pool_waiting(w->pool), 1);
	say(w, 0, "250 a\r\n250 b\r\n354 c\r\n");
	expect(w, 0, CONTENT ENVELOPE("second"));
	assert_int_equal(lmtp_pool_waiting(w->pool), 0);
}

static void test_three_in_a_row(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	(void)deliver(w, "third", true);
	turn(w);
	expect(w, 0, ""); /* too late for that write */
	say(w, 0, "250 1\r\n250 a\r\n250 b\r\n354 c\r\n");
	expect_result(w, 0, "first", LMTP_ANSWERED, 250, "1");
	expect(w, 0, CONTENT ENVELOPE("third"));
	say(w, 0, "250 2\r\n");
	expect_result(w, 1, "second", LMTP_ANSWERED, 250, "2");
	say(w, 0, "250 a\r\n250 b\r\n");
	say(w, 0, "354 c\r\n");
	expect(w, 0, CONTENT);
	say(w, 0, "250 3\r\n");
	expect_result(w, 2, "third", LMTP_ANSWERED, 250, "3");
	assert_int_equal(w->wanted, 1);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	(void)deliver(w, "third", true);
	say(w, 0, "250 1\r\n250 a\r\n550 no\r\n503 none\r\n");
	expect_result(w, 0, "first", LMTP_ANSWERED, 250, "1");
	expect_result(w, 1, "second", LMTP_ANSWERED, 550, "no");
	expect(w, 0, "RSET\r\n");
	say(w, 0, "250 r\r\n");
	expect(w, 0, ENVELOPE("third"));
}

static void test_lost(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	hang_up(w, 0);
	turn(w);
	assert_int_equal(w->result_count, 1);
	expect_result(w, 0, "first", LMTP_UNCERTAIN, 0, "the server hung up");
	assert_int_equal(w->wanted, 2);
	greet_data(w, 1);
	expect(w, 1, ENVELOPE("second"));
	say(w, 1, "250 a\r\n250 b\r\n354 c\r\n");
	expect(w, 1, CONTENT);
	say(w, 1, "250 2\r\n");
	expect_result(w, 1, "second", LMTP_ANSWERED, 250, "2");
}

static void test_421_for_the_first(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	say(w, 0, "421 4.3.2 bye\r\n");
	assert_int_equal(w->result_count, 1);
	expect_result(w, 0, "first", LMTP_ANSWERED, 421, "bye");
	greet_data(w, 1);
	expect(w, 1, ENVELOPE("second"));
}

static void test_421_in_between(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	say(w, 0, "250 1\r\n421 4.3.2 bye\r\n");
	assert_int_equal(w->result_count, 1);
	expect_result(w, 0, "first", LMTP_ANSWERED, 250, "1");
	greet_data(w, 1);
	expect(w, 1, ENVELOPE("second"));
	say(w, 1, "421 4.3.2 bye\r\n"); /* now it has had its second try */
	expect_result(w, 1, "second", LMTP_ANSWERED, 421, "bye");
}

/* Each loss takes the one before it along: those that follow live on. */
static void test_lost_again_and_again(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	for (unsigned i = 0; i < 4; i++) {
		(void)deliver(w, "more", true);
		hang_up(w, i);
		turn(w);
		assert_int_equal(w->result_count, i + 1);
		assert_int_equal(w->results[i].end, LMTP_UNCERTAIN);
		greet_data(w, i + 1);
		say(w, i + 1, "250 a\r\n250 b\r\n354 c\r\n");
	}
	expect(w, 4, ENVELOPE("more") CONTENT ENVELOPE("more"));
}

static void test_withdraw(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	assert_false(lmtp_withdraw(&second));
	assert_non_null(second);
	hang_up(w, 0);
	turn(w);
	assert_true(lmtp_withdraw(&second)); /* it waits once more */
	assert_int_equal(w->result_count, 1);
}

static void test_not_while_connecting(void **state)
{
	struct world *w = *state;

	open_pool(w);
	(void)deliver(w, "first", true);
	(void)deliver(w, "second", true);
	turn(w);
	assert_int_equal(w->wanted, 2);
	greet_data(w, 0);
	expect(w, 0, ENVELOPE("first"));
	say(w, 0, "250 a\r\n250 b\r\n354 c\r\n");
	expect(w, 0, CONTENT);
	greet_data(w, 1);
	expect(w, 1, ENVELOPE("second"));
}

/* A connection that is to close takes no more. */
static void test_not_after_configure(void **state)
{
	struct world *w = *state;

	w->config.connections = 1;
	open_pool(w);
	(void)deliver(w, "first", true);
	(void)deliver(w, "second", true);
	greet_data(w, 0);
	expect(w, 0, ENVELOPE("first"));
	lmtp_pool_configure(w->pool, &w->config);
	say(w, 0, "250 a\r\n250 b\r\n354 c\r\n");
	expect(w, 0, CONTENT);
	say(w, 0, "250 1\r\n");
	expect(w, 0, "QUIT\r\n");
	greet_data(w, 1);
	expect(w, 1, ENVELOPE("second"));
}

static void test_freed_with_both(void **state)
{
	struct world *w = *state;
	struct lmtp_delivery *second;

	start_two(w, &second);
	assert_int_equal(w->result_count, 0); /* the rest is end_world()'s */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_three_in_a_row),
		TEST(test_refused),
		TEST(test_lost),
		TEST(test_421_for_the_first),
		TEST(test_421_in_between),
		TEST(test_lost_again_and_again),
		TEST(test_withdraw),
		TEST(test_not_while_connecting),
		TEST(test_not_after_configure),
		TEST(test_freed_with_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
