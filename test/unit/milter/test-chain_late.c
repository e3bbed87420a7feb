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

/* Its replies are the client's doing as much as its own: it stays asked. */
static void test_hanging(void **state)
{
	struct world *w = *state;
	struct fake *f = hang_at(w, 'E');

	for (unsigned i = 1; i <= 4; i++) {
		begin_message(w);
		assert_string_equal(content(w, "Subject: x\r\n\r\n"), TEMPFAIL);
		assert_int_equal(milter_set_stats(w->set, 0).state,
				 MILTER_WORKS);
		assert_int_equal(f->wanted, i);
	}
	f->script_count = 0;
	begin_message(w);
	assert_string_equal(content(w, "Subject: x\r\n\r\n"), "go on");
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
		TEST(test_never_reads),
		TEST(test_never_reads_on),
		TEST(test_gone_when_full),
		TEST(test_restarted_when_full),
		TEST(test_resume),
		TEST(test_refused_when_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
