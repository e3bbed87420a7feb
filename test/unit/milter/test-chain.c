/* What filters are told, in which order, and how often. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define MESSAGE "Received: us\r\nSubject: hi\r\nA:b\r\n\tc\r\n\r\nbody\r\n"

static void test_all_stages(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	begin(w);
	expect_told(f, "C [192.0.2.1] 4 2525 192.0.2.1\n"
		       "H me.test\n"
		       "M <a@b> SIZE=9\n"
		       "R <c@d>\n"
		       "T\n");
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_memory_equal(f->body, "body\r\n", 6);
	expect_told(f, "L Subject hi\nL A b\\n\tc\nN\nB 6\nE\n");
	milter_chain_free(&w->chain);
	expect_told(f, "Q\n.\n");
	expect_events(w, "");
	assert_int_equal(milter_set_stats(w->set, 0).messages, 1);
	assert_int_equal(milter_set_stats(w->set, 0).connections, 1);
	assert_int_equal(milter_set_stats(w->set, 0).state, MILTER_WORKS);
}

/* Each message begins with MAIL; one that is broken off ends with ABORT. */
static void test_messages(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	f->told[0] = '\0';
	begin_message(w);
	milter_chain_abort(w->chain);
	milter_chain_abort(w->chain);
	expect_told(f, "M <a@b> SIZE=9\nR <c@d>\nT\nA\n");
	assert_string_equal(mail_from(w, "<>"), "go on");
	assert_string_equal(hello(w), "go on");
	expect_told(f, "M <> SIZE=9\nA\nH me.test\n");
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	milter_chain_free(&w->chain);
	expect_told(f, "M <a@b> SIZE=9\nA\nQ\n.\n");
}

static void test_old_versions(void **state)
{
	static const struct {
		uint32_t version;
		const char *want;
	} cases[] = {
		{ 2, "M <a@b> SIZE=9\nR <c@d>\nL S x\nN\nE\n" },
		{ 3, "U XYZ\nM <a@b> SIZE=9\nR <c@d>\nL S x\nN\nE\n" },
		{ 4,
		  "U XYZ\nM <a@b> SIZE=9\nR <c@d>\nU XYZ\nT\nL S x\nN\nE\n" },
		{ 6,
		  "U XYZ\nM <a@b> SIZE=9\nR <c@d>\nU XYZ\nT\nL S x\nN\nE\n" },
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < 4; i++) {
		f->version = cases[i].version;
		open_chain(w);
		assert_string_equal(connect_client(w), "go on");
		f->told[0] = '\0';
		assert_string_equal(unknown(w, "XYZ"), "go on");
		assert_string_equal(mail_from(w, "<a@b>"), "go on");
		assert_string_equal(rcpt_to(w, "<c@d>"), "go on");
		assert_string_equal(unknown(w, "XYZ"), "go on");
		assert_string_equal(data(w), "go on");
		assert_string_equal(content(w, "R: x\r\nS: x\r\n\r\n"),
				    "go on");
		expect_told(f, cases[i].want);
		milter_chain_free(&w->chain);
		turn(w);
		f->told[0] = '\0';
	}
}

/* A filter that wants no DATA would not hear the header after this. */
static void test_unknown_in_message(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->steps = MILTER_NODATA;
	begin(w);
	assert_string_equal(unknown(w, "XYZ"), "go on");
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_null(strchr(f->told, 'U'));
	assert_string_equal(unknown(w, "XYZ"), "go on");
	assert_non_null(strstr(f->told, "E\nU XYZ\n"));
}

/* --- steps that filters do not want ---------------------------------------------- */

static void test_unwanted_steps(void **state)
{
	static const struct {
		uint32_t step;
		const char *missing;
	} cases[] = {
		{ MILTER_NOCONNECT, "C [" }, { MILTER_NOHELO, "H " },
		{ MILTER_NOMAIL, "M <" },    { MILTER_NORCPT, "R <" },
		{ MILTER_NODATA, "T\n" },    { MILTER_NOHDRS, "L " },
		{ MILTER_NOEOH, "N\n" },     { MILTER_NOBODY, "B " },
		{ MILTER_NOUNKNOWN, "U " },
	};
	enum { CASES = sizeof(cases) / sizeof(cases[0]) };
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->has_macros = true;
	for (size_t i = 0; i <= CASES; i++) {
		f->steps = i < CASES ? cases[i].step : 0x37f;
		begin(w);
		assert_string_equal(content(w, MESSAGE), "go on");
		assert_string_equal(unknown(w, "XYZ"), "go on");
		for (size_t k = 0; k < CASES; k++) {
			bool is_there =
				strstr(f->told, cases[k].missing) != NULL;

			assert_int_equal(is_there, i != k && i < CASES);
		}
		assert_non_null(strstr(f->told, "DC j=mx.test"));
		assert_non_null(strstr(f->told, "DM i=q1 {mail_addr}=a@b\n"));
		assert_non_null(strstr(f->told, "DR i=q1 {rcpt_addr}=c@d\n"));
		assert_non_null(strstr(f->told, "DT i=q1\n"));
		assert_non_null(strstr(f->told, "DN i=q1\n"));
		assert_non_null(strstr(f->told, "DE i=q1\nE\n"));
		milter_chain_free(&w->chain);
		turn(w);
		f->told[0] = '\0';
	}
}

enum { NR_ALL = 0xff080 };

static void test_no_replies(void **state)
{
	static const uint32_t steps[] = {
		MILTER_NR_HDR,  MILTER_NR_CONN, MILTER_NR_HELO, MILTER_NR_MAIL,
		MILTER_NR_RCPT, MILTER_NR_DATA, MILTER_NR_UNKN, MILTER_NR_EOH,
		MILTER_NR_BODY, NR_ALL,
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		f->steps = steps[i];
		begin(w);
		assert_string_equal(unknown(w, "XYZ"), "go on");
		assert_string_equal(content(w, MESSAGE), "go on");
		expect_told(f, "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n"
			       "M <a@b> SIZE=9\nR <c@d>\nT\nU XYZ\n"
			       "L Subject hi\nL A b\\n\tc\nN\nB 6\nE\n");
		milter_chain_free(&w->chain);
		expect_told(f, "Q\n.\n");
	}
}

/* All is known at once, and all goes out in one write. */
static void test_one_write(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->steps = NR_ALL;
	begin(w);
	assert_int_equal(w->verdict_count, 1); /* CONNECT waited for options */
	assert_int_equal(f->reads, 1);         /* they were negotiated */
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_int_equal(f->reads, 2);
	begin_message(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_int_equal(f->reads, 3);
}

/* --- macros ------------------------------------------------------------------------ */

static void test_macros(void **state)
{
	static const struct milter_macro wanted[] = {
		{ SLICE("{greylist}"), SLICE("yes") },
		{ SLICE("j"), SLICE("other") },
		{ SLICE("{client_name}"), { NULL, 0 } },
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->has_macros = true;
	w->configs[0].macros = wanted;
	w->configs[0].macro_count = 3;
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	expect_told(f, "DC j=other {client_name}=client.test "
		       "{greylist}=yes\n"
		       "C [192.0.2.1] 4 2525 192.0.2.1\n");
	assert_string_equal(hello(w), "go on");
	expect_told(f, "DH j=other {greylist}=yes {client_name}=client.test\n"
		       "H me.test\n");
}

/* What was true of one message is not said of the next. */
static void test_fresh_macros(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->has_macros = true;
	f->symbols = "2{auth_authen}";
	w->login = "joe";
	open_chain(w);
	assert_string_equal(mail_from(w, "<>"), "go on");
	assert_non_null(strstr(f->told, "DM {auth_authen}=joe\nM <>"));
	f->told[0] = '\0';
	w->login = NULL;
	assert_string_equal(mail_from(w, "<>"), "go on");
	expect_told(f, "A\nDM {mail_addr}=\nM <> SIZE=9\n");
}

static void test_symbol_lists(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->has_macros = true;
	f->symbols = "0j,nothing {x}|1{j}|2|3i client_name|4|5j|6i,j";
	begin(w);
	assert_string_equal(content(w, "R: x\r\n\r\n"), "go on");
	expect_told(f, "DC j=mx.test\nC [192.0.2.1] 4 2525 192.0.2.1\n"
		       "DH j=mx.test\nH me.test\n"
		       "M <a@b> SIZE=9\n"
		       "DR i=q1 {client_name}=client.test\nR <c@d>\n"
		       "T\n"
		       "DN i=q1 j=mx.test\nN\n"
		       "DE j=mx.test\nE\n");
}

/* --- who is asked ------------------------------------------------------------------- */

static void test_listeners(void **state)
{
	struct world *w = *state;

	w->configs[0].listeners = 2;
	open_chain(w);
	assert_null(w->chain);
}

static void test_only_unauthenticated(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	w->configs[0].only_unauthenticated = true;
	w->is_login_needed = true;
	open_chain(w);
	assert_null(w->chain);
	w->is_login_needed = false;
	w->login = "joe";
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_told(f, "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n");
	w->login = NULL;
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	expect_told(f, "M <a@b> SIZE=9\n");
}

static void test_only_authenticated(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	w->configs[0].only_authenticated = true;
	begin(w);
	assert_int_equal(f->wanted, 0);
	w->login = "joe";
	begin_message(w);
	expect_told(f, "C [192.0.2.1] 4 2525 192.0.2.1\nH me.test\n"
		       "M <a@b> SIZE=9\nR <c@d>\nT\n");
}

static void test_refused_recipients(void **state)
{
	struct world *w = *state;
	struct fake *a = &w->fakes[0];
	struct fake *b = add_filter(w);

	a->steps = MILTER_RCPT_REJ;
	on(a, 'R', "r");
	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	a->told[0] = '\0';
	b->told[0] = '\0';
	assert_string_equal(verdict(w, milter_chain_rcpt_refused(
					       w->chain, S("<x@y>"), NULL, 0)),
			    "go on");
	expect_told(a, "R <x@y>\n");
	expect_told(b, "");
	expect_events(w, "");
	assert_int_equal(milter_set_stats(w->set, 0).rejected, 0);
	assert_string_equal(rcpt_to(w, "<c@d>"), "go on");
	expect_told(a, "R <c@d>\n");
	expect_told(b, "R <c@d>\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_stages),         TEST(test_messages),
		TEST(test_old_versions),       TEST(test_unknown_in_message),
		TEST(test_unwanted_steps),     TEST(test_no_replies),
		TEST(test_one_write),          TEST(test_macros),
		TEST(test_fresh_macros),       TEST(test_symbol_lists),
		TEST(test_listeners),          TEST(test_only_unauthenticated),
		TEST(test_only_authenticated), TEST(test_refused_recipients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
