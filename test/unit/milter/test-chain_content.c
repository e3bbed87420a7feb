/* Headers and bodies of all shapes, and the time that they take. */
#include "fake.h"

#include "base/mem.h"
#include "milter/chain-private.h"
#include "milter/session-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NR_CONTENT = MILTER_NR_HDR | MILTER_NR_EOH | MILTER_NR_BODY };

#define LATER "!451 4.7.1 Service unavailable - try again later"

static void test_values(void **state)
{
	static const struct {
		const char *field, *without, *with;
	} cases[] = {
		{ "A:x", "x", "x" },
		{ "A: x", "x", " x" },
		{ "A:  x", " x", "  x" },
		{ "A:\tx", "\tx", "\tx" },
		{ "A:", "", "" },
		{ "A: ", "", " " },
		{ "A:\r\n x", "\\n x", "\\n x" },
		{ "A: x\r\n\ty\r\n z", "x\\n\ty\\n z", " x\\n\ty\\n z" },
		{ "A: \xc3\xbc", "\xc3\xbc", " \xc3\xbc" },
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int has_space = 0; has_space < 2; has_space++) {
			const char *value =
				has_space ? cases[i].with : cases[i].without;
			char octets[128];
			char want[128];

			f->steps = has_space ? MILTER_LEADSPC : 0;
			(void)snprintf(octets, sizeof(octets),
				       "R: x\r\n%s\r\n\r\n", cases[i].field);
			(void)snprintf(want, sizeof(want), "L A %s\nN\nE\n",
				       value);
			begin(w);
			turn(w);
			f->told[0] = '\0';
			assert_string_equal(content(w, octets), "go on");
			expect_told(f, want);
			milter_chain_free(&w->chain);
			turn(w);
		}
	}
}

static void test_shapes(void **state)
{
	static const struct {
		const char *octets, *want;
	} cases[] = {
		{ "R: x\r\n", "N\nE\n" },
		{ "R: x\r\n\r\n", "N\nE\n" },
		{ "R: x\r\n\r\n\r\n\r\n", "N\nB 4\nE\n" },
		{ "R: x\r\nno field\r\n", "N\nB 10\nE\n" },
		{ "R: x\r\nA: b\r\na: c\r\nA: b\r\n\r\nx",
		  "L A b\nL a c\nL A b\nN\nB 1\nE\n" },
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(w);
		f->told[0] = '\0';
		assert_string_equal(content(w, cases[i].octets), "go on");
		expect_told(f, cases[i].want);
		milter_chain_free(&w->chain);
		turn(w);
	}
}

/* The message's octets after "R: x", an empty line, are n times "x". */
static const char *send_body(struct world *w, size_t n)
{
	char *octets = mem_array(n + 8, 1);
	const char *got;

	memcpy(octets, "R: x\r\n\r\n", 8);
	memset(octets + 8, 'x', n);
	for (size_t i = 0; i + 1 < n; i += 77)
		octets[8 + i] = (char)('0' + i % 10);
	got = content_of(w, (struct slice){ octets, n + 8 });
	if (w->fakes[0].body_n == n)
		assert_memory_equal(w->fakes[0].body, octets + 8, n);
	mem_free(&octets);
	return got;
}

static void test_body_chunks(void **state)
{
	static const struct {
		size_t n;
		const char *want;
	} cases[] = {
		{ 65534, "N\nB 65534\nE\n" },
		{ 65535, "N\nB 65535\nE\n" },
		{ 65536, "N\nB 65535\nB 1\nE\n" },
		{ 131071, "N\nB 65535\nB 65535\nB 1\nE\n" },
	};
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	begin(w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->told[0] = '\0';
		f->body_n = 0;
		assert_string_equal(send_body(w, cases[i].n), "go on");
		assert_int_equal(f->body_n, cases[i].n);
		expect_told(f, cases[i].want);
		begin_message(w);
	}
}

/* Nothing waits for an answer, and yet it is not gathered in memory. */
static void test_big_body(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	f->steps = NR_CONTENT;
	begin(w);
	assert_string_equal(send_body(w, 2000000), "go on");
	assert_int_equal(f->body_n, 2000000);
	begin_message(w);
	f->body_n = 0;
	assert_string_equal(send_body(w, 65536), "go on");
	assert_int_equal(f->body_n, 65536);
}

/* A filter that takes nothing is not given more than this. */
static void test_full_socket(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];
	const struct milter_session *s;
	char octets[2000000] = "R: x\r\n\r\n";

	f->steps = NR_CONTENT;
	begin(w);
	(void)event_del(f->readable);
	w->content = memfd_create("content", MFD_CLOEXEC);
	assert_int_equal(write(w->content, octets, sizeof(octets)),
			 sizeof(octets));
	assert_int_equal(
		milter_message_open(w->content, sizeof(octets), 1, &w->message),
		0);
	assert_null(milter_chain_content(w->chain, w->message));
	turn(w);
	s = w->chain->sessions[0];
	assert_in_range(milter_conn_unsent(s->conn), 1,
			5 * MILTER_CONN_LOW + 100);
	(void)event_add(f->readable, NULL);
	assert_string_equal(verdict(w, NULL), "go on");
	assert_int_equal(f->body_n, sizeof(octets) - 8);
	assert_memory_equal(f->body, octets + 8, f->body_n);
}

/* A libmilter would never answer. */
static void test_no_recipient(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	open_chain(w);
	assert_string_equal(mail_from(w, "<a@b>"), "go on");
	assert_string_equal(data(w), "go on");
	assert_string_equal(content(w, "R: x\r\nA: b\r\n\r\n"), LATER);
	expect_told(f, "C localhost U\nM <a@b> SIZE=9\n.\n");
}

static void test_skip(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	on(f, 'B', "s");
	on(f, 'M', "s");
	on(f, 'E', "s");
	begin(w);
	f->told[0] = '\0';
	assert_string_equal(send_body(w, 1000000), "go on");
	expect_told(f, "N\nB 65535\nE\n");
	begin_message(w);
	assert_string_equal(send_body(w, 100000), "go on");
	expect_told(f, "M <a@b> SIZE=9\nR <c@d>\nT\nN\nB 65535\nB 34465\nE\n");
}

static const char *send_field(struct world *w, size_t n, char filler)
{
	char *octets = mem_array(n + 32, 1);
	const char *got;

	memcpy(octets, "R: x\r\nA:", 8);
	memset(octets + 8, 'x', n);
	octets[8 + n / 2] = filler;
	memcpy(octets + 8 + n, "\r\n\r\n", 4);
	got = content_of(w, (struct slice){ octets, n + 12 });
	mem_free(&octets);
	return got;
}

static void test_long_field(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	begin(w);
	assert_string_equal(send_field(w, 65535 - 3, 'x'), "go on");
	begin_message(w);
	turn(w);
	f->told[0] = '\0';
	assert_string_equal(send_field(w, 65535 - 2, 'x'),
			    "554 5.6.0 A header field is longer than filters "
			    "can take (65535 octets)");
	assert_false(w->verdict.is_failure);
	expect_told(f, "A\n");
	begin_message(w);
	assert_string_equal(send_field(w, 100, '\0'),
			    "554 5.6.0 A header field has a NUL");
	f->told[0] = '\0';
	f->steps = MILTER_NOHDRS;
	milter_chain_free(&w->chain);
	begin(w);
	assert_string_equal(send_field(w, 65535, 'x'), "go on");
}

static void test_long_field_watched(void **state)
{
	struct world *w = *state;

	w->configs[0].dry_run = true;
	begin(w);
	assert_string_equal(send_field(w, 70000, 'x'), "go on");
	expect_unfiltered(w, "");
}

static void test_many_fields(void **state)
{
	struct world *w = *state;
	char octets[2001 * 6 + 1];
	size_t n = 0;

	for (size_t i = 0; i < 2001; i++)
		n += (size_t)snprintf(octets + n, sizeof(octets) - n,
				      "A: x\r\n");
	w->fakes[0].steps = MILTER_NR_HDR;
	begin(w);
	w->fakes[0].told[0] = '\0';
	assert_string_equal(content(w, octets), "go on");
	assert_int_equal(strlen(w->fakes[0].told), 2000 * 6 + 4);
}

/* --- answers to the end ---------------------------------------------------------- */

#define MESSAGE "Received: us\r\nSubject: hi\r\n\r\nbody\r\n"

static void test_edits(void **state)
{
	struct world *w = *state;
	struct milter_body body;
	char octets[8];

	on(&w->fakes[0], 'E',
	   "p|h=X:y|i=0:Top:z|p|m=1:Subject:other|b=ne|b=w|+=<n@x>|-=<c@d>|c");
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	expect_header(w, "Top: z\r\nReceived: us\r\nSubject: other\r\n"
			 "X: y\r\n\r\n");
	body = milter_message_body(w->message);
	assert_int_equal(body.octets, 5);
	assert_int_equal(pread(body.fd, octets, 5, (off_t)body.offset), 5);
	assert_memory_equal(octets, "new\r\n", 5);
	assert_int_equal(milter_message_envelope_count(w->message), 2);
	assert_true(has_event(w, "edit a, end of message: 0 replace body"));
	assert_int_equal(milter_set_stats(w->set, 0).edited, 1);
}

static void test_edits_then_refusal(void **state)
{
	static const char *const ends[] = { "r", "t", "d", "y=550 no", "4" };
	struct world *w = *state;
	char answer[64];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)snprintf(answer, sizeof(answer), "h=X:y|b=new|%s",
			       ends[i]);
		on(&w->fakes[0], 'E', answer);
		begin(w);
		assert_string_not_equal(content(w, MESSAGE), "go on");
		assert_false(milter_message_is_changed(w->message));
		assert_false(has_event(w, "edit"));
		milter_chain_free(&w->chain);
		turn(w);
	}
}

static void test_too_many_edits(void **state)
{
	static const char *const edits[] = { "h=A:b|", "h= :b|" };
	struct world *w = *state;
	char answer[6 * 1001 + 2] = "";

	for (size_t k = 0; k < 2; k++) { /* those that are ignored count too */
		for (size_t i = 0; i < 1001; i++)
			memcpy(answer + 6 * i, edits[k], 6);
		answer[sizeof(answer) - 2] = 'c';
		on(&w->fakes[0], 'E', answer);
		begin(w);
		assert_string_equal(content(w, MESSAGE), LATER);
		assert_true(slice_equal(milter_set_stats(w->set, 0).problem,
					S("it wants too much changed")));
		milter_chain_free(&w->chain);
	}
}

static void test_big_new_body(void **state)
{
	struct world *w = *state;
	struct fake *f = &w->fakes[0];

	w->body_limit = 100000;
	on(f, 'E', "#100001|c");
	begin(w);
	f->told[0] = '\0';
	assert_string_equal(content(w, MESSAGE),
			    "552 5.3.4 The message is too big when filtered");
	assert_false(w->verdict.is_failure);
	begin_message(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_int_equal(f->wanted, 2);
}

/* --- time -------------------------------------------------------------------------- */

static void test_message_deadline(void **state)
{
	struct world *w = *state;
	struct fake *b = add_filter(w);
	struct fake *c = add_filter(w);

	w->message_ms = 300;
	w->configs[1].on_failure = MILTER_FAILURE_ACCEPT;
	on(b, 'E', "p");
	begin(w);
	assert_string_equal(content(w, MESSAGE), LATER);
	assert_string_equal(w->verdict.filter, "c");
	assert_true(has_event(w, "failed b, end of message: 0 it took too "
				 "long in all"));
	assert_null(strstr(c->told, "L "));
	w->message_ms = 20000;
	milter_chain_free(&w->chain);
	milter_set_release(&w->set);
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
}

/* Time that a watched filter takes is not the others'. */
static void test_watched_is_slow(void **state)
{
	struct world *w = *state;
	struct fake *b = add_filter(w);

	w->message_ms = 400;
	w->configs[0].dry_run = true;
	on(&w->fakes[0], 'E', "");
	begin(w);
	assert_string_equal(content(w, MESSAGE), "go on");
	assert_true(has_event(w, "dry failed a"));
	assert_non_null(strstr(b->told, "E\n"));
	expect_unfiltered(w, "");
}

/* Not even before the content. */
static void say_progress(int fd, short what, void *arg)
{
	static const char progress[] = "\0\0\0\1p";
	const struct fake *f = arg;

	(void)fd;
	(void)what;
	if (f->fd >= 0)
		(void)send(f->fd, progress, 5, MSG_NOSIGNAL);
}

static void test_endless_progress(void **state)
{
	const struct timeval often = { .tv_usec = 10000 };
	struct world *w = *state;
	struct fake *f = &w->fakes[0];
	struct event *timer =
		event_new(w->base, -1, EV_PERSIST, say_progress, f);

	w->message_ms = 200;
	w->configs[0].command_ms = 100;
	on(f, 'M', "");
	open_chain(w);
	assert_string_equal(connect_client(w), "go on");
	(void)event_add(timer, &often);
	assert_string_equal(mail_from(w, "<a@b>"), LATER);
	assert_true(has_event(w, "it took too long in all"));
	event_free(timer);
}

static void test_progress(void **state)
{
	struct world *w = *state;

	w->configs[0].content_ms = 30;
	on(&w->fakes[0], 'E', "p|p|p");
	begin(w);
	assert_string_equal(content(w, MESSAGE), LATER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_shapes),
		TEST(test_body_chunks),
		TEST(test_big_body),
		TEST(test_full_socket),
		TEST(test_no_recipient),
		TEST(test_skip),
		TEST(test_long_field),
		TEST(test_long_field_watched),
		TEST(test_many_fields),
		TEST(test_edits),
		TEST(test_edits_then_refusal),
		TEST(test_too_many_edits),
		TEST(test_big_new_body),
		TEST(test_message_deadline),
		TEST(test_watched_is_slow),
		TEST(test_progress),
		TEST(test_endless_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
