/* Filters that take connections and hang, and chains that come in late. */
#include "fake.h"

#include "milter/filter-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define TEMPFAIL "!451 4.7.1 Service unavailable - try again later"

enum { LATE_MS = 60 };

static struct fake *hang_at(struct world *w, char command)
{
	struct fake *f = &w->fakes[0];

	w->configs[0].command_ms = LATE_MS;
	w->configs[0].content_ms = LATE_MS;
	on(f, command, "*");
	open_chain(w);
	return f;
}

/* As if it did not hang any more, and its time of being away were over. */
static void wake(struct world *w)
{
	w->fakes[0].script_count = 0;
	w->set->filters[0].retry_at_ms = 0;
}

/* The third message does not wait for it. */
static void test_hanging(void **state)
{
	struct world *w = *state;
	struct fake *f = hang_at(w, 'M');

	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_IS_AWAY);
	assert_int_equal(f->wanted, 2);
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	assert_int_equal(f->wanted, 2);
	assert_true(has_event(w, "failed a, connection: 0 no reply in time"));
}

/* That it can be connected to does not mean that it is back. */
static void test_hanging_on(void **state)
{
	struct world *w = *state;
	struct fake *f = hang_at(w, 'M');

	for (unsigned i = 0; i < 4; i++) {
		assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
		w->set->filters[0].retry_at_ms = 0;
	}
	assert_int_equal(f->wanted, 4);
	assert_int_equal(w->set->filters[0].away_ms, 4000);
	assert_false(has_event(w, "returned"));
	wake(w);
	w->events[0] = '\0';
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	expect_events(w, "returned a, mail: 0 \n");
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
	assert_int_equal(w->set->filters[0].away_ms, 0);
}

/* One that looks whether it still hangs is enough; if that one goes, another
 * looks. */
static void test_one_looks(void **state)
{
	struct world *w = *state;
	struct fake *f = hang_at(w, 'M');

	(void)mail_from(w, "<a@b>");
	(void)mail_from(w, "<a@b>");
	wake(w);
	on(f, 'M', "");
	assert_null(milter_chain_mail(w->chain, S("<>"), NULL, 0, false));
	turn(w);
	assert_int_equal(f->wanted, 3);
	assert_false(milter_filter_may_connect(&w->set->filters[0]));
	milter_chain_free(&w->chain);
	turn(w);
	assert_true(milter_filter_may_connect(&w->set->filters[0]));
}

/* It replies to all before the end, as one does whose scanner hangs. */
static void test_hanging_at_the_end(void **state)
{
	struct world *w = *state;

	(void)hang_at(w, 'E');
	for (unsigned i = 0; i < 2; i++) {
		begin_message(w);
		assert_string_equal(content(w, "Subject: x\r\n\r\n"), TEMPFAIL);
	}
	assert_string_equal(mail_from(w, "<a@b>"), TEMPFAIL);
	wake(w);
	begin_message(w);
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_IS_AWAY);
	assert_string_equal(content(w, "Subject: x\r\n\r\n"), "go on");
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
}

/* A last word is one wherever it hung. */
static void test_hanging_no_more(void **state)
{
	struct world *w = *state;

	(void)hang_at(w, 'M');
	(void)mail_from(w, "<a@b>");
	(void)mail_from(w, "<a@b>");
	wake(w);
	on(&w->fakes[0], 'C', "a");
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
}

/* Two, but not in a row. */
static void test_slow_now_and_then(void **state)
{
	struct world *w = *state;
	struct fake *f = hang_at(w, 'E');

	f->script_count = 0;
	for (unsigned i = 0; i < 3; i++) {
		begin_message(w);
		on(f, 'E', "");
		assert_string_equal(content(w, "Subject: x\r\n\r\n"), TEMPFAIL);
		begin_message(w);
		assert_string_equal(content(w, "Subject: x\r\n\r\n"), "go on");
	}
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
}

static const struct milter_verdict *say_mail(struct world *w)
{
	return milter_chain_mail(w->chain, S("<a@b>"), NULL, 0, false);
}

static const struct milter_verdict *say_hello(struct world *w)
{
	return milter_chain_hello(w->chain, S("me.test"));
}

/* A client says that until it has to wait. */
static void fill(struct world *w,
		 const struct milter_verdict *(*say)(struct world *w))
{
	struct fake *f = &w->fakes[0];
	const struct milter_verdict *v;
	unsigned count = 0;

	f->steps = MILTER_NR_CONN | MILTER_NR_HELO | MILTER_NR_MAIL;
	w->configs[0].command_ms = 1000;
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	(void)event_del(f->readable);
	do {
		v = say(w);
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	} while (v != NULL && ++count < 100000);
	assert_null(v);
	assert_true(count > 1000);
}

/* One that answers nothing and reads nothing holds the client up. */
static void test_never_reads(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	fill(w, say_mail);
	(void)event_add(f->readable, NULL);
	assert_string_equal(verdict(w, NULL), "go on");
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_int_equal(f->wanted, 1);
}

static void test_never_reads_on(void **state)
{
	struct world *w = *state;

	fill(w, say_mail);
	assert_string_equal(verdict(w, NULL), TEMPFAIL);
	assert_true(has_event(w, "it has taken nothing for too long"));
}

/* A message that was under way is lost with it. */
static void test_gone_when_full(void **state)
{
	struct world *w = *state;

	fill(w, say_mail);
	fake_hang_up(&w->fakes[0]);
	assert_string_equal(verdict(w, NULL), TEMPFAIL);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
}

/* Without one it is asked again. */
static void test_restarted_when_full(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	fill(w, say_hello);
	fake_hang_up(f);
	assert_string_equal(verdict(w, NULL), "go on");
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_int_equal(f->wanted, 2);
}

/* What is known of a client when a chain comes in the middle of its session. */
static void test_resume(void **state)
{
	const struct milter_client client = { .hostname = S("[192.0.2.1]"),
					      .family = '4',
					      .port = 2525,
					      .address = S("192.0.2.1") };
	struct world *w = *state;

	open_chain(w);
	milter_chain_resume(w->chain, &client, S("me.test"));
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	expect_told(&w->fakes[0], "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n"
				  "M <a@b> SIZE=9\n");
}

/* Nobody asks at CONNECT: its word comes at MAIL, and is for the client. */
static void test_refused_when_resumed(void **state)
{
	const struct milter_client client = { .hostname = S("x"),
					      .family = 'U' };
	struct world *w = *state;

	on(&w->fakes[0], 'H', "y=550 5.7.1 no");
	open_chain(w);
	milter_chain_resume(w->chain, &client, S("me.test"));
	for (unsigned i = 0; i < 2; i++)
		assert_string_equal(mail_from(w, "<a@b>"), "550 5.7.1 no");
	assert_int_equal(w->fakes[0].wanted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hanging),
		TEST(test_hanging_on),
		TEST(test_hanging_at_the_end),
		TEST(test_hanging_no_more),
		TEST(test_one_looks),
		TEST(test_slow_now_and_then),
		TEST(test_never_reads),
		TEST(test_never_reads_on),
		TEST(test_gone_when_full),
		TEST(test_restarted_when_full),
		TEST(test_resume),
		TEST(test_refused_when_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
