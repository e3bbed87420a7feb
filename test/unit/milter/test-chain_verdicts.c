/* Each verdict at each stage, and what becomes of the next message. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE  "Received: us\r\nSubject: hi\r\n\r\nbody\r\n"
#define REJECTED "550 5.7.1 Command rejected"
#define LATER    "451 4.7.1 Service unavailable - try again later"

static const char stages[] = "CHMRTLNBE";
enum { STAGES = sizeof(stages) - 1 };

/* All stages up to the one with that letter; its verdict. */
static const char *go_to(struct world *w, char stage)
{
	open_chain(w);
	for (const char *s = stages; *s != '\0'; s++) {
		const char *got = *s == 'C'   ? connect_client(w)
				  : *s == 'H' ? hello(w)
				  : *s == 'M' ? mail_from(w, "<a@b>")
				  : *s == 'R' ? rcpt_to(w, "<c@d>")
				  : *s == 'T' ? data(w)
					      : content(w, MESSAGE);

		if (*s == stage || *s == 'L')
			return got;
		assert_string_equal(got, "go on");
	}
	return "";
}

static void start_again(struct world *w, size_t stage, const char *answer)
{
	milter_chain_free(&w->chain);
	turn(w);
	w->fakes[0].script_count = 0;
	on(&w->fakes[0], stages[stage], answer);
	w->fakes[0].told[0] = '\0';
	w->events[0] = '\0';
}

static void expect_next_message(struct world *w)
{
	milter_chain_abort(w->chain);
	turn(w);
	w->fakes[0].told[0] = '\0';
	begin_message(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_told(&w->fakes[0],
		    "M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\nE\n");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *answer, *want;
	} cases[] = {
		{ "r", REJECTED },
		{ "t", LATER },
		{ "y=550 5.7.1 no", "550 5.7.1 no" },
		{ "y=450-a\r\n450 b", "450 a\nb" },
		{ "y=421 4.3.2 bye", "421 4.3.2 bye" },
		{ "4", "421 4.7.1 Service unavailable - try again later" },
		{ "f", "421 4.7.1 Service unavailable - try again later" },
	};
	struct world *w = *state;

	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		for (size_t i = 0; i < STAGES; i++) {
			char verdict[128];
			unsigned code;

			start_again(w, i, cases[k].answer);
			assert_string_equal(go_to(w, stages[i]), cases[k].want);
			assert_false(w->verdict.is_failure);
			assert_string_equal(w->verdict.filter, "a");
			code = w->verdict.code;
			(void)snprintf(verdict, sizeof(verdict), ": %u ", code);
			assert_true(has_event(w, verdict));
			if (i >= 2 && code != 421)
				expect_next_message(w);
		}
	}
	assert_int_equal(milter_set_stats(w->set, 0).rejected, 2 * STAGES);
	assert_int_equal(milter_set_stats(w->set, 0).deferred, 5 * STAGES);
}

/* A client that is refused at first stays refused, without the filter. */
static void test_standing_refusal(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < 2; i++) {
		start_again(w, i, "y=450 4.7.1 not you");
		assert_string_equal(go_to(w, stages[i]), "450 4.7.1 not you");
		assert_int_equal(w->fakes[0].fd, -1);
		assert_string_equal(hello(w), "450 4.7.1 not you");
		assert_string_equal(unknown(w, "XYZ"), "go on");
		assert_string_equal(mail_from(w, "<a@b>"), "450 4.7.1 not you");
		assert_string_equal(mail_from(w, "<>"), "450 4.7.1 not you");
	}
}

static void test_accept(void **state)
{
	static const char *const told[STAGES] = {
		"C [192.0.2.1] 4 2525 192.0.2.1\nQ\n.\n",
		"C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\nQ\n.\n",
		"M <a@b> SIZE=9\n",
		"M <a@b> SIZE=9\nR <c@d>\n",
		"M <a@b> SIZE=9\nR <c@d>\nT\n",
		"M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\n",
		"M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\n",
		"M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\n",
		"M <a@b> SIZE=9\nR <c@d>\nT\nL Subject hi\nN\nB 6\nE\n",
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < STAGES; i++) {
		start_again(w, i, "a");
		open_chain(w);
		assert_string_equal(connect_client(w), "go on");
		assert_string_equal(hello(w), "go on");
		if (i >= 2)
			f->told[0] = '\0';
		begin_message(w);
		assert_string_equal(content(w, MESSAGE), "go on");
		expect_told(f, told[i]);
		if (i < 2) {
			begin_message(w);
			assert_string_equal(content(w, MESSAGE), "go on");
			expect_told(f, "");
		} else {
			expect_next_message(w);
		}
	}
	assert_int_equal(milter_set_stats(w->set, 0).messages, 7 + 7);
}

static void test_discard(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < STAGES; i++) {
		start_again(w, i, "d");
		assert_string_equal(go_to(w, stages[i]),
				    i < 2 ? "go on" : "drop");
		assert_true(has_event(w, i < 2 ? "ignored" : "verdict"));
		if (i >= 2) {
			assert_true(milter_chain_is_dropped(w->chain));
			f->told[0] = '\0';
			if (i < 5) { /* the rest goes nowhere */
				assert_string_equal(rcpt_to(w, "<x@y>"),
						    "drop");
				assert_string_equal(data(w), "drop");
				assert_string_equal(content(w, MESSAGE),
						    "drop");
			}
			expect_told(f, "");
			expect_next_message(w);
		}
		assert_false(milter_chain_is_dropped(w->chain));
	}
}

/* The filter has refused a message that the client speaks on about. */
static void test_last_word(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'T', "y=550 5.7.1 no data");
	on(f, 'U', "y=450 4.7.1 what?");
	assert_string_equal(go_to(w, 'T'), "550 5.7.1 no data");
	f->told[0] = '\0';
	assert_string_equal(unknown(w, "XYZ"), "450 4.7.1 what?");
	assert_string_equal(rcpt_to(w, "<c@d>"), "550 5.7.1 no data");
	assert_string_equal(data(w), "550 5.7.1 no data");
	assert_string_equal(content(w, MESSAGE), "550 5.7.1 no data");
	expect_told(f, "U XYZ\n");
}

static void test_recipients(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'R', "c");
	on(f, 'R', "r");
	on(f, 'R', "t");
	assert_string_equal(go_to(w, 'R'), "go on");
	f->told[0] = '\0';
	assert_string_equal(rcpt_to(w, "<x@y>"), REJECTED);
	assert_string_equal(rcpt_to(w, "<y@y>"), LATER);
	assert_string_equal(rcpt_to(w, "<z@y>"), "go on");
	assert_string_equal(data(w), "go on");
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_told(f, "R <x@y>\nR <y@y>\nR <z@y>\nT\n"
		       "L Subject hi\nN\nB 6\nE\n");
}

static void test_no_recipient_left(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'R', "*r");
	assert_string_equal(go_to(w, 'R'), REJECTED);
	assert_string_equal(rcpt_to(w, "<c@d>"), REJECTED);
	f->told[0] = '\0';
	milter_chain_abort(w->chain);
	expect_told(f, "A\n");
}

static void test_unknown(void **state)
{
	static const struct {
		const char *answer, *want;
	} cases[] = {
		{ "r", "go on" },
		{ "y=550 no", "go on" },
		{ "a", "go on" },
		{ "d", "go on" },
		{ "t", LATER },
		{ "y=450 4.0.0 later", "450 4.0.0 later" },
		{ "y=421 bye", "421 bye" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_again(w, 0, "c");
		on(&w->fakes[0], 'U', cases[i].answer);
		assert_string_equal(go_to(w, 'H'), "go on");
		assert_string_equal(unknown(w, "XYZ a b"), cases[i].want);
		assert_non_null(strstr(w->fakes[0].told, "U XYZ a b\n"));
	}
}

/* A filter that is only watched sees all, and decides nothing. */
static void test_dry_run(void **state)
{
	static const char *const answers[] = { "r", "t", "y=550 5.7.1 no", "d",
					       "4", "!", "y=999 x" };
	struct world *w = *state;

	w->configs[0].dry_run = true;
	for (size_t k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
		for (size_t i = 0; i < STAGES; i++) {
			start_again(w, i, answers[k]);
			begin(w);
			assert_string_equal(content(w, MESSAGE), "go on");
			assert_true(has_event(w, "dry "));
			expect_unfiltered(w, "");
		}
	}
}

static void test_dry_run_edits(void **state)
{
	struct world *w = *state;

	w->configs[0].dry_run = true;
	on(&w->fakes[0], 'E', "h=X:y|q=why|a");
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_header(w, "Received: us\r\nSubject: hi\r\n\r\n");
	assert_int_equal(milter_message_quarantine(w->message).n, 0);
	assert_true(has_event(w, "dry quarantine a, end of message: 0 why\n"));
	assert_true(has_event(w, "dry edit a, end of message: 0 "));
}

static void test_quarantine(void **state)
{
	static const struct {
		char stage;
		const char *answer, *want;
		bool is_held;
	} cases[] = {
		{ 'E', "q=why|a", "go on", true },
		{ 'E', "q=why|c", "go on", true },
		{ 'E', "q=why|r", REJECTED, false },
		{ 'E', "q=why|d", "drop", false },
		{ 'M', "q=why|c", "go on", true },
		{ 'M', "q=why|a", "go on", true },
		{ 'R', "q=why|c", "go on", true },
		{ 'B', "q=why|a", "go on", true },
		{ 'L', "q=why|r", REJECTED, false },
		{ 'H', "q=why|c", "go on", false },
		{ 'M', "q=why|q=other|c", "go on", true },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_again(w, 0, "c");
		on(&w->fakes[0], cases[i].stage, cases[i].answer);
		begin(w);
		assert_string_equal(content(w, MESSAGE), cases[i].want);
		if (cases[i].is_held)
			assert_true(slice_equal(
				milter_message_quarantine(w->message),
				S("why")));
		assert_true(has_event(w, cases[i].stage == 'H'
						 ? "ignored a, hello"
						 : "quarantine a, "));
		expect_next_message(w);
		assert_int_equal(milter_message_quarantine(w->message).n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refusals),
		TEST(test_standing_refusal),
		TEST(test_accept),
		TEST(test_discard),
		TEST(test_last_word),
		TEST(test_recipients),
		TEST(test_no_recipient_left),
		TEST(test_unknown),
		TEST(test_dry_run),
		TEST(test_dry_run_edits),
		TEST(test_quarantine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
