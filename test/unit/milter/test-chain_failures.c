/* Filters that die, hang, break the rules or are not there. */
#include "fake.h"

#include "milter/filter-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define MESSAGE  "Received: us\r\nSubject: hi\r\n\r\nbody\r\n"
#define TEMPFAIL "!451 4.7.1 Service unavailable - try again later"
#define REJECT   "!550 5.5.0 Service unavailable"

static const char stages[] = "CHMRTLNBE";
enum { STAGES = sizeof(stages) - 1, POLICIES = 4 };

static const struct {
	enum milter_failure on_failure;
	const char *want;
} policies[POLICIES] = {
	{ MILTER_FAILURE_TEMPFAIL, TEMPFAIL },
	{ MILTER_FAILURE_REJECT, REJECT },
	{ MILTER_FAILURE_ACCEPT, "go on" },
	{ MILTER_FAILURE_QUARANTINE, "go on" },
};

/* Ends with the first that does not go on. */
static const char *whole_message(struct world *w)
{
	const char *got = mail_from(w, "<a@b>");

	if (strcmp(got, "go on") == 0)
		got = rcpt_to(w, "<c@d>");
	if (strcmp(got, "go on") == 0)
		got = data(w);
	return strcmp(got, "go on") == 0 ? content(w, MESSAGE) : got;
}

static void start_again(struct world *w, unsigned policy)
{
	milter_chain_free(&w->chain);
	turn(w);
	w->fakes[0].script_count = 0;
	w->fakes[0].told[0] = '\0';
	w->events[0] = '\0';
	w->configs[0].on_failure = policies[policy].on_failure;
	if (w->set != NULL)
		w->set->filters[0].config = w->configs[0];
	open_chain(w);
}

/* As if the time of being away were over. */
static void forgive(struct world *w)
{
	w->set->filters[0].retry_at_ms = 0;
}

static void expect_passed(struct world *w, unsigned policy)
{
	bool is_passed = policy >= 2;

	expect_unfiltered(w, is_passed ? "a" : "");
	assert_int_equal(has_event(w, "passed a"), is_passed);
	if (w->message == NULL || !is_passed)
		return;
	expect_header(w, "Received: us\r\nSubject: hi\r\n\r\n");
	assert_true(slice_equal(milter_message_quarantine(w->message),
				policy == 3 ? S("filter a failed") : S("")));
}

/* Failing in one message does not touch the next. */
static void fail_at(struct world *w, size_t stage, unsigned policy,
		    const char *answer)
{
	start_again(w, policy);
	on(&w->fakes[0], stages[stage], answer);
	assert_string_equal(connect_client(w), "go on");
	assert_string_equal(hello(w), "go on");
	if (stage < 2) { /* it is back in time */
		assert_true(has_event(w, "failed a"));
		assert_string_equal(whole_message(w), "go on");
		expect_unfiltered(w, "");
		return;
	}
	assert_string_equal(whole_message(w), policies[policy].want);
	assert_int_equal(w->fakes[0].fd, -1);
	assert_true(has_event(w, "failed a"));
	expect_passed(w, policy);
	w->fakes[0].told[0] = '\0';
	w->set->filters[0].config.command_ms = 10000;
	w->set->filters[0].config.content_ms = 10000;
	assert_string_equal(whole_message(w), "go on");
	expect_unfiltered(w, "");
	expect_told(&w->fakes[0],
		    "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n"
		    "M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\nE\n");
}

static void fail_everywhere(struct world *w, const char *answer)
{
	for (unsigned policy = 0; policy < POLICIES; policy++)
		for (size_t i = 0; i < STAGES; i++)
			fail_at(w, i, policy, answer);
	assert_int_equal(milter_set_stats(w->set, 0).failed, STAGES * POLICIES);
	assert_int_equal(milter_set_stats(w->set, 0).unfiltered,
			 (STAGES - 2) * 2);
}

static void test_deaths(void **state)
{
	fail_everywhere(*state, "!");
}

/* Half an answer leaves no trace. */
static void test_deaths_in_edits(void **state)
{
	struct world *w = *state;

	for (unsigned policy = 0; policy < POLICIES; policy++)
		fail_at(w, STAGES - 1, policy,
			"h=X:y|m=1:Subject:z|b=other|q=why|!");
}

static void test_broken_replies(void **state)
{
	fail_everywhere(*state, "y=250 fine");
}

static void test_early_edits(void **state)
{
	struct world *w = *state;

	for (unsigned policy = 0; policy < POLICIES; policy++)
		for (size_t i = 0; i + 1 < STAGES; i++)
			fail_at(w, i, policy, "h=X:y|c");
}

static void test_silence(void **state)
{
	struct world *w = *state;

	w->configs[0].command_ms = 60;
	w->configs[0].content_ms = 60;
	fail_everywhere(w, "");
}

/* Its answer to that is a lie: nothing was agreed on. */
static void test_unagreed_body(void **state)
{
	struct world *w = *state;

	w->fakes[0].actions = MILTER_MAY_ALL & ~MILTER_MAY_CHGBODY;
	for (unsigned policy = 0; policy < POLICIES; policy++)
		fail_at(w, STAGES - 1, policy, "b=other|a");
}

static void test_unagreed_edit(void **state)
{
	struct world *w = *state;

	w->fakes[0].actions = MILTER_MAY_CHGBODY;
	on(&w->fakes[0], 'E', "h=X:y|h=Y:z|a");
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_header(w, "Received: us\r\nSubject: hi\r\nX: y\r\nY: z\r\n\r\n");
	assert_true(has_event(w, "ignored a, end of message"));
}

/* --- at other times ---------------------------------------------------------------- */

/* It goes while it owes nothing, in a message. */
static void test_death_between(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (unsigned policy = 0; policy < POLICIES; policy++) {
		start_again(w, policy);
		on(f, 'R', "c|!");
		assert_string_equal(connect_client(w), "go on");
		assert_string_equal(mail_from(w, "<a@b>"), "go on");
		assert_string_equal(rcpt_to(w, "<c@d>"), "go on");
		turn(w);
		assert_true(has_event(w, "failed a, rcpt"));
		assert_string_equal(rcpt_to(w, "<c@d>"), policies[policy].want);
		assert_string_equal(rcpt_to(w, "<c@d>"), policies[policy].want);
		assert_string_equal(unknown(w, "XYZ"), "go on");
		assert_string_equal(data(w), policies[policy].want);
		assert_string_equal(content(w, MESSAGE), policies[policy].want);
		expect_passed(w, policy);
	}
}

/* It is restarted while there is no message: nobody minds. */
static void test_quiet_restart(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->has_macros = true;
	on(f, 'H', "c|!");
	on(f, 'E', "c|!");
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	assert_string_equal(hello(w), "go on");
	for (int i = 0; i < 2; i++) {
		turn(w);
		f->told[0] = '\0';
		assert_string_equal(whole_message(w), "go on");
		expect_told(f, "DC j=mx.test {client_name}=client.test\n"
			       "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n"
			       "DM i=q1 {mail_addr}=a@b\nM <a@b> SIZE=9\n"
			       "DR i=q1 {rcpt_addr}=c@d\nR <c@d>\n"
			       "DT i=q1\nT\nL Subject hi\nDN i=q1\nN\nB 6\n"
			       "DE i=q1\nE\n");
	}
	expect_events(w, "");
	assert_int_equal(milter_set_stats(w->set, 0).failed, 0);
}

/* What it refuses when told again it refuses for good. */
static void test_refusal_when_told_again(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'C', "c|!");
	on(f, 'H', "y=550 5.7.1 no");
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	turn(w);
	assert_string_equal(hello(w), "go on");
	assert_string_equal(mail_from(w, "<a@b>"), "550 5.7.1 no");
	assert_string_equal(mail_from(w, "<a@b>"), "550 5.7.1 no");
	assert_int_equal(f->wanted, 2);
}

/* --- connections -------------------------------------------------------------------- */

static void test_not_there(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->error = -ECONNREFUSED;
	for (unsigned policy = 0; policy < POLICIES; policy++) {
		start_again(w, policy);
		forgive(w);
		f->wanted = 0;
		assert_string_equal(connect_client(w), "go on");
		assert_string_equal(hello(w), "go on");
		assert_string_equal(whole_message(w), policies[policy].want);
		assert_int_equal(f->wanted, 1); /* no storm */
		expect_passed(w, policy);
		assert_true(has_event(w, "failed a, connection: 0 here: "
					 "Connection refused"));
		forgive(w);
		assert_string_equal(whole_message(w), policies[policy].want);
		assert_int_equal(f->wanted, 2);
	}
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_IS_AWAY);
	assert_int_equal(milter_set_stats(w->set, 0).connections, 0);
	f->error = 0;
	forgive(w);
	w->events[0] = '\0';
	assert_string_equal(whole_message(w), "go on");
	expect_events(w, "returned a, connection: 0 \n");
	expect_unfiltered(w, "");
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
}

static void test_away_for_longer(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];
	unsigned want_ms = 1000;

	f->error = -ENOENT;
	open_chain(w);
	for (int i = 0; i < 10; i++) {
		assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
		assert_int_equal(w->set->filters[0].away_ms, want_ms);
		assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
		assert_int_equal(f->wanted, i + 1);
		forgive(w);
		want_ms = want_ms * 2 > 60000 ? 60000 : want_ms * 2;
	}
}

/* While it is away one looks whether it is back, and others do not wait. */
static void test_one_looks(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->error = -ENOENT;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	forgive(w);
	assert_true(milter_filter_may_connect(&w->set->filters[0]));
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(f->wanted, 1);
}

/* Who looked has gone before there was anything to see: the next one looks. */
static void test_looker_leaves(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->error = -ENOENT;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	forgive(w);
	f->is_deaf = true;
	assert_null(milter_chain_mail(w->chain, S("<>"), NULL, 0, false));
	milter_chain_free(&w->chain);
	f->is_deaf = false;
	f->error = 0;
	begin(w);
	assert_int_equal(f->wanted, 3);
}

/* Each address gets its time, but not all of them together. */
static void test_slow_addresses(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	w->configs[0].connect_ms = 20;
	f->is_mute = true;
	f->has_more = true;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_in_range(f->wanted, 2, 3);
}

static void test_next_address(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->dead = 2;
	begin(w);
	assert_int_equal(f->wanted, 3);
	assert_int_equal(f->attempt, 2);
	expect_events(w, "");
	assert_string_equal(content(w, MESSAGE), "go on");
}

/* A backlog that is full for a moment. */
static void test_full_backlog(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->error = -EAGAIN;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(f->wanted, 2);
}

static void test_deaf(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	w->configs[0].connect_ms = 5;
	f->is_deaf = true;
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	assert_true(has_event(w, "failed a, connection: 0 no connection in "
				 "time"));
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_null(f->token); /* it was told that nobody waits */
	f->is_deaf = false;
	f->is_mute = true;
	forgive(w);
	w->events[0] = '\0';
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_true(has_event(w, "failed a, connection"));
}

static void test_wrong_options(void **state)
{
	struct world *w = *state;

	w->fakes[0].version = 7;
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	assert_true(has_event(w, "failed a, connection"));
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_IS_AWAY);
}

/* A new configuration does not forget. */
static void test_new_set(void **state)
{
	struct world *w = *state;
	struct milter_set_config config = { .base = w->base,
					    .filters = w->configs,
					    .count = 1 };
	struct milter_set *next;

	w->fakes[0].error = -ENOENT;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	next = milter_set_new(&config, w->set);
	milter_chain_free(&w->chain);
	milter_set_release(&w->set);
	assert_int_equal(milter_set_count(next), 1);
	assert_string_equal(milter_set_name(next, 0), "a");
	assert_int_equal(milter_set_stats(next, 0).state, MILTER_IS_AWAY);
	assert_int_equal(milter_set_stats(next, 0).failed, 1);
	assert_true(slice_equal(milter_set_stats(next, 0).problem,
				S("here: No such file or directory")));
	assert_false(milter_filter_may_connect(&next->filters[0]));
	milter_set_release(&next);
}

/* --- ends --------------------------------------------------------------------------- */

/* Nobody waits any more, at any time. */
static void test_abort_while_waiting(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'R', "");
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	f->told[0] = '\0';
	assert_null(milter_chain_rcpt(w->chain, S("<c@d>"), NULL, 0));
	turn(w);
	milter_chain_abort(w->chain);
	expect_told(f, "R <c@d>\nA\nQ\n.\n");
	assert_string_equal(whole_message(w), "go on");
	expect_events(w, "");
}

static void test_free_while_waiting(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];
	const struct milter_client client = { .hostname = S("x"),
					      .family = 'U' };

	f->is_deaf = true;
	open_chain(w);
	assert_null(milter_chain_connect(w->chain, &client));
	turn(w);
	assert_non_null(f->token);
	milter_chain_free(&w->chain);
	assert_null(f->token);
	f->is_deaf = false;
	on(f, 'E', "");
	begin(w);
	assert_null(w->message);
	f->told[0] = '\0';
	assert_int_equal(milter_message_open(0, 0, 0, &w->message), 0);
	assert_null(milter_chain_content(w->chain, w->message));
	turn(w);
	milter_chain_free(&w->chain);
	expect_told(f, "N\nE\nA\nQ\n.\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deaths),
		TEST(test_deaths_in_edits),
		TEST(test_broken_replies),
		TEST(test_early_edits),
		TEST(test_silence),
		TEST(test_unagreed_body),
		TEST(test_unagreed_edit),
		TEST(test_death_between),
		TEST(test_quiet_restart),
		TEST(test_refusal_when_told_again),
		TEST(test_not_there),
		TEST(test_away_for_longer),
		TEST(test_one_looks),
		TEST(test_looker_leaves),
		TEST(test_slow_addresses),
		TEST(test_next_address),
		TEST(test_full_backlog),
		TEST(test_deaf),
		TEST(test_wrong_options),
		TEST(test_new_set),
		TEST(test_abort_while_waiting),
		TEST(test_free_while_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
