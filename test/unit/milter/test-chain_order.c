/* Several filters: who is asked, who is told, and who sees what. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define MESSAGE  "Received: us\r\nSubject: hi\r\n\r\nbody\r\n"
#define REJECTED "550 5.7.1 Command rejected"

static void forget_told(struct world *w)
{
	turn(w);
	for (size_t i = 0; i < w->count; i++)
		w->fakes[i].told[0] = '\0';
}

/* The second sees what the first made of it, and the envelope as it was. */
static void test_edits_in_order(void **state)
{
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);

	on(a, 'E', "i=1:X-A:1|m=1:Subject:new|b=other|-=<c@d>|+=<e@f>|a");
	on(b, 'E', "i=0:X-B:2|m=1:X-A:|c");
	begin(w);
	forget_told(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_memory_equal(b->body, "other\r\n", 7);
	expect_told(a, "L Subject hi\nN\nB 6\nE\n");
	expect_told(b, "L X-A 1\nL Subject new\nN\nB 7\nE\n");
	expect_header(w, "X-B: 2\r\nReceived: us\r\nSubject: new\r\n\r\n");
	forget_told(w);
	begin_message(w);
	expect_told(b, "M <a@b> SIZE=9\nR <c@d>\nT\n");
}

/* The first has to say yes before the second is told. */
static void test_refusals_in_order(void **state)
{
	static const struct {
		char stage;
		const char *answer, *want, *told_a, *told_b;
	} cases[] = {
		{ 'M', "r", REJECTED, "M <a@b> SIZE=9\n", "" },
		{ 'M', "d", "drop", "M <a@b> SIZE=9\n", "" },
		{ 'R', "r", REJECTED, "M <a@b> SIZE=9\nR <c@d>\nA\n",
		  "M <a@b> SIZE=9\nA\n" },
		{ 'R', "d", "drop", "M <a@b> SIZE=9\nR <c@d>\nA\n",
		  "M <a@b> SIZE=9\nA\n" },
		{ 'T', "r", REJECTED, "M <a@b> SIZE=9\nR <c@d>\nT\n",
		  "M <a@b> SIZE=9\nR <c@d>\nA\n" },
		{ 'L', "d", "drop",
		  "M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\n",
		  "M <a@b> SIZE=9\nR <c@d>\nT\nA\n" },
		{ 'E', "d", "drop",
		  "M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\nE\n",
		  "M <a@b> SIZE=9\nR <c@d>\nT\nA\n" },
		{ 'E', "r", REJECTED,
		  "M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\nE\n",
		  "M <a@b> SIZE=9\nR <c@d>\nT\nA\n" },
	};
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);

	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got;

		on(a, cases[i].stage, cases[i].answer);
		forget_told(w);
		got = mail_from(w, "<a@b>");
		if (cases[i].stage != 'M')
			got = rcpt_to(w, "<c@d>");
		if (strchr("TLE", cases[i].stage) != NULL)
			got = data(w);
		if (strchr("LE", cases[i].stage) != NULL)
			got = content(w, MESSAGE);
		assert_string_equal(got, cases[i].want);
		if (cases[i].stage == 'R' && cases[i].answer[0] == 'r')
			milter_chain_abort(w->chain); /* else it is over */
		expect_told(a, cases[i].told_a);
		expect_told(b, cases[i].told_b);
	}
}

/* What the second refuses the first has seen. */
static void test_second_refuses(void **state)
{
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);

	on(b, 'R', "r");
	on(b, 'E', "y=550 5.7.1 b says no");
	on(a, 'E', "h=X:y|c");
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_string_equal(rcpt_to(w, "<c@d>"), REJECTED);
	assert_string_equal(rcpt_to(w, "<e@f>"), "go on");
	assert_string_equal(data(w), "go on");
	assert_string_equal(content(w, MESSAGE), "550 5.7.1 b says no");
	assert_string_equal(w->verdict.filter, "b");
	expect_told(a, "C localhost U\nM <a@b> SIZE=9\nR <c@d>\nR <e@f>\nT\n"
		       "L Subject hi\nN\nB 6\nE\n");
	expect_told(b, "C localhost U\nM <a@b> SIZE=9\nR <c@d>\nR <e@f>\nT\n"
		       "L Subject hi\nL X y\nN\nB 6\nE\n");
}

/* One that accepts early leaves the others alone. */
static void test_first_accepts(void **state)
{
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);

	on(a, 'M', "a");
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_non_null(strstr(b->told, "M <a@b> SIZE=9\nR <c@d>\nT\n"));
	assert_non_null(strstr(b->told, "E\n"));
	assert_null(strstr(a->told, "R <c@d>"));
}

/* All are connected to at once. */
static void test_connections_together(void **state)
{
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);
	const struct milter_client client = { .hostname = S("x"),
					      .family = 'U' };

	a->is_deaf = true;
	b->error = -ECONNREFUSED;
	open_chain(w);
	assert_null(milter_chain_connect(w->chain, &client));
	turn(w);
	assert_int_equal(b->wanted, 1);
	assert_true(has_event(w, "failed b, connection"));
	assert_int_equal(w->verdict_count, 0);
	event_active(a->connect, EV_TIMEOUT, 0);
	a->is_deaf = false;
	turn(w);
	assert_int_equal(w->verdict_count, 1);
	assert_int_equal(w->verdict.kind, MILTER_GO_ON);
	assert_int_equal(b->wanted, 1);
}

/* The first fails and is left out, with its edits; the second sees the
 * message as it was. */
static void test_left_out(void **state)
{
	struct world *w = *state;
	struct fake *b = add_filter(w);
	struct fake *c = add_filter(w);

	w->configs[0].on_failure = MILTER_FAILURE_ACCEPT;
	w->configs[1].on_failure = MILTER_FAILURE_QUARANTINE;
	on(&w->fakes[0], 'E', "h=X:y|b=other|!");
	on(b, 'M', "!");
	begin(w);
	forget_told(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_told(c, "L Subject hi\nN\nB 6\nE\n");
	expect_told(b, "");
	expect_unfiltered(w, "a b");
	assert_false(milter_message_is_changed(w->message));
	assert_true(slice_equal(milter_message_quarantine(w->message),
				S("filter b failed")));
	begin_message(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_unfiltered(w, "");
}

/* Who is waited for may be gone for good when it answers. */
static void test_free_in_verdict(void **state)
{
	struct world *w = *state;

	(void)add_filter(w);
	w->frees_in_verdict = true;
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	assert_null(w->chain);
	open_chain(w);
	on(&w->fakes[0], 'C', "!");
	assert_string_equal(connect_client(w), "go on");
	assert_null(w->chain);
	open_chain(w);
	on(&w->fakes[0], 'C', "r");
	assert_string_equal(connect_client(w), REJECTED);
	assert_null(w->chain);
	w->fakes[1].error = -ENOENT;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"),
			    "!451 4.7.1 Service unavailable - try again "
			    "later");
	assert_null(w->chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_edits_in_order),       TEST(test_refusals_in_order),
		TEST(test_second_refuses),       TEST(test_first_accepts),
		TEST(test_connections_together), TEST(test_left_out),
		TEST(test_free_in_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
