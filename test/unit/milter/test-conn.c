#include "milter/conn.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOG_OCTETS = 1024, SOON_MS = 20, LATE_MS = 60000 };

/* A connection, and the filter's end of it. */
struct fixture {
	struct event_base *base;
	struct milter_conn *conn;
	int filter;
	char log[LOG_OCTETS]; /* what was called, a word each */
	bool frees;           /* the connection, at the next call */
};

#define OFFER  "\0\0\0\rO\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"
#define ANSWER "\0\0\0\rO\0\0\0\6\0\0\0\x21\0\0\x07\x10"

__attribute__((format(printf, 2, 3))) static void note(struct fixture *f,
						       const char *format, ...)
{
	size_t n = strlen(f->log);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(f->log + n, sizeof(f->log) - n, format, args);
	va_end(args);
	if (f->frees)
		milter_conn_free(&f->conn);
}

static void on_ready(void *arg)
{
	note(arg, "ready ");
}

static void on_reply(const struct milter_reply *reply, void *arg)
{
	struct fixture *f = arg;

	if (f->frees) /* what was given lives on */
		milter_conn_free(&f->conn);
	note(f, "%c%.*s%.*s%.*s ", (int)reply->code, (int)reply->text.n,
	     reply->text.p, (int)reply->name.n, reply->name.p,
	     (int)reply->body.n, reply->body.p);
}

static void on_room(void *arg)
{
	note(arg, "room ");
}

static void on_end(bool is_quiet, struct slice problem, void *arg)
{
	note(arg, "%s: %.*s", is_quiet ? "quiet" : "end", (int)problem.n,
	     problem.p);
}

static const struct milter_conn_calls calls = {
	.on_ready = on_ready,
	.on_reply = on_reply,
	.on_room = on_room,
	.on_end = on_end,
};

static int setup(void **state)
{
	struct fixture *f = mem_new(sizeof(*f));

	f->base = event_base_new();
	f->filter = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	milter_conn_free(&f->conn);
	fd_close(&f->filter);
	event_base_free(f->base);
	mem_free(state);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(f->base, EVLOOP_NONBLOCK);
}

static void wait_timer(struct fixture *f)
{
	(void)event_base_loop(f->base, EVLOOP_ONCE);
	turn(f);
}

static void open_conn(struct fixture *f, unsigned connect_ms, unsigned write_ms)
{
	const struct milter_conn_config config = {
		.connect_ms = connect_ms,
		.write_ms = write_ms,
		.offer = milter_offer(6),
	};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->conn = milter_conn_new(f->base, pair[0], &config, &calls, f);
	f->filter = pair[1];
	turn(f);
}

static void say(struct fixture *f, struct slice octets)
{
	assert_int_equal(send(f->filter, octets.p, octets.n, MSG_NOSIGNAL),
			 octets.n);
	turn(f);
}

static void assert_told(struct fixture *f, struct slice want)
{
	char got[1024];
	ssize_t n = recv(f->filter, got, sizeof(got), MSG_DONTWAIT);

	assert_int_equal(n > 0 ? n : 0, want.n);
	assert_memory_equal(got, want.p, want.n);
}

static void assert_called(struct fixture *f, const char *want)
{
	assert_string_equal(f->log, want);
	f->log[0] = '\0';
}

/* Negotiated, with these times. */
static void get_ready(struct fixture *f, unsigned write_ms)
{
	open_conn(f, LATE_MS, write_ms);
	assert_told(f, S(OFFER));
	say(f, S(ANSWER));
	assert_called(f, "ready ");
}

static void test_negotiation(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	assert_int_equal(milter_conn_options(f->conn)->version, 6);
	assert_int_equal(milter_conn_options(f->conn)->actions, 0x21);
	assert_int_equal(milter_conn_options(f->conn)->steps, 0x710);
	assert_int_equal(
		event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED),
		1); /* no timer */
}

static void test_symbol_lists_stay(void **state)
{
	const char answer[] = "\0\0\0\x15O\0\0\0\6\0\0\0\0\0\0\0\0"
			      "\0\0\0\5i j";
	struct fixture *f = *state;
	const struct milter_options *o;

	open_conn(f, LATE_MS, LATE_MS);
	for (size_t i = 0; i < sizeof(answer); i++)
		say(f, (struct slice){ answer + i, 1 });
	assert_called(f, "ready ");
	milter_conn_expect(f->conn, LATE_MS);
	say(f, S("\0\0\0\6qxxxxx\0\0\0\1c"));
	o = milter_conn_options(f->conn);
	assert_int_equal(o->has_symbols, 1 << MILTER_AT_EOM);
	assert_true(slice_equal(o->symbols[MILTER_AT_EOM], S("i j")));
}

static void test_commands_go_out_together(void **state)
{
	struct fixture *f = *state;
	struct milter_macro j = { S("j"), S("mx") };

	get_ready(f, LATE_MS);
	milter_write_macros(milter_conn_writer(f->conn), MILTER_CONNECT, &j, 1);
	milter_write_connect(milter_conn_writer(f->conn), S("a"), 'U', 0,
			     S(""));
	turn(f);
	assert_told(f, S(""));
	milter_write_body_head(milter_conn_writer(f->conn), 2);
	milter_conn_body(f->conn, S("hi"));
	assert_int_equal(milter_conn_unsent(f->conn), 5 + 6 + 5 + 3 + 5 + 2);
	milter_conn_expect(f->conn, LATE_MS);
	assert_int_equal(milter_conn_unsent(f->conn), 0);
	assert_told(f, S("\0\0\0\7DCj\0mx\0\0\0\0\4Ca\0U\0\0\0\3Bhi"));
	say(f, S("\0\0\0\1c"));
	assert_called(f, "c ");
}

static void test_answers_in_pieces(void **state)
{
	const char answer[] = "\0\0\0\6hA\0vv\0\0\0\0\3bxy\0\0\0\1p\0\0\0\5qwhy"
			      "\0\0\0\0\1a";
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, LATE_MS);
	for (size_t i = 0; i < sizeof(answer) - 1; i++)
		say(f, (struct slice){ answer + i, 1 });
	assert_called(f, "hA bx by qwhy a ");
}

static void test_replies_owed_are_counted(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, LATE_MS);
	milter_conn_expect(f->conn, LATE_MS);
	say(f, S("\0\0\0\1c\0\0\0\1s\0\0\0\1p\0\0\0\2qw"));
	assert_called(f, "c s qw ");
	say(f, S("\0\0\0\1c"));
	assert_called(f, "end: a reply that nobody waits for");
	say(f, S("\0\0\0\1c"));
	assert_called(f, "");
}

static void test_an_edit_that_nobody_waits_for(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	say(f, S("\0\0\0\3+a\0"));
	assert_called(f, "end: a reply that nobody waits for");
}

static void test_closing_while_negotiating(void **state)
{
	struct fixture *f = *state;

	open_conn(f, LATE_MS, LATE_MS);
	assert_told(f, S(OFFER));
	fd_close(&f->filter);
	turn(f);
	assert_called(f, "end: closed while negotiating: it may need an action "
			 "or a version that is not offered");
}

static const struct {
	struct slice said;
	const char *called;
} negotiations[] = {
	{ SLICE("\0\0\0\rO\0\0\0\7\0\0\0\0\0\0\0\0"),
	  "end: it answered with a version that was not offered" },
	{ SLICE("\0\0\0\rO\0\0\0\6\0\0\2\0\0\0\0\0"),
	  "end: it wants actions that were not offered" },
	{ SLICE("\0\0\0\1r"), "end: it replies before it has negotiated" },
	{ SLICE("UNKNOWN COMMAND\n"),
	  "end: this is no milter: it said \"UNKN\"" },
	{ SLICE(ANSWER ANSWER), "ready end: it negotiates a second time" },
};

static void test_negotiations_that_fail(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(negotiations) / sizeof(*negotiations);
	     i++) {
		open_conn(f, LATE_MS, LATE_MS);
		say(f, negotiations[i].said);
		assert_called(f, negotiations[i].called);
		milter_conn_free(&f->conn);
		fd_close(&f->filter);
	}
}

static void test_closing_when_nothing_is_owed(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	fd_close(&f->filter);
	turn(f);
	assert_called(f, "quiet: closed the connection");
	/* Nothing happens any more, whatever the owner does. */
	milter_conn_expect(f->conn, SOON_MS);
	milter_conn_flush(f->conn);
	milter_conn_quit(&f->conn, true);
	turn(f);
	assert_called(f, "");
}

static void test_closing_when_a_reply_is_owed(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, LATE_MS);
	say(f, S("\0\0\0\1p"));
	fd_close(&f->filter);
	turn(f);
	assert_called(f, "end: closed the connection");
}

static void test_closing_in_a_reply(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	say(f, S("\0"));
	fd_close(&f->filter);
	turn(f);
	assert_called(f, "end: closed in the middle of a reply");
}

static void test_what_it_said_before_it_went_is_read(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_write_bare(milter_conn_writer(f->conn), MILTER_BODYEOB);
	milter_conn_expect(f->conn, LATE_MS);
	assert_int_equal(send(f->filter, "\0\0\0\1a", 5, 0), 5);
	fd_close(&f->filter);
	milter_write_bare(milter_conn_writer(f->conn), MILTER_ABORT);
	milter_conn_flush(f->conn); /* fails */
	turn(f);
	/* A unix socket with unread octets was reset, which loses nothing. */
	assert_called(f, "a quiet: closed the connection");
}

static void test_no_answer_to_the_options(void **state)
{
	struct fixture *f = *state;

	open_conn(f, SOON_MS, LATE_MS);
	wait_timer(f);
	assert_called(f, "end: no answer to the options in time");
}

static void test_no_reply(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, SOON_MS);
	wait_timer(f);
	assert_called(f, "end: no reply in time");
}

static void test_progress_gives_more_time(void **state)
{
	struct fixture *f = *state;
	const int step = 30, time = 100;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, time);
	for (int i = 0; i < 6; i++) {
		(void)usleep(step * 1000);
		say(f, S("\0\0\0\1p"));
	}
	assert_called(f, "");
	say(f, S("\0\0\0\1c"));
	assert_called(f, "c ");
	/* And none is needed any more. */
	assert_int_equal(
		event_base_get_num_events(f->base, EVENT_BASE_COUNT_ADDED), 1);
}

static void fill(struct fixture *f, size_t packets)
{
	static const char zeros[MILTER_DATA_OCTETS];

	for (size_t i = 0; i < packets; i++) {
		milter_write_body_head(milter_conn_writer(f->conn),
				       sizeof(zeros));
		milter_conn_body(f->conn,
				 (struct slice){ zeros, sizeof(zeros) });
	}
}

/* Returns what it reads of n octets. */
static size_t drain(struct fixture *f, size_t n)
{
	static char sink[1 << 16];
	size_t done = 0;

	while (done < n) {
		size_t left = n - done;
		ssize_t r = recv(f->filter, sink,
				 left < sizeof(sink) ? left : sizeof(sink),
				 MSG_DONTWAIT);

		if (r <= 0)
			break;
		done += (size_t)r;
		turn(f);
	}
	return done;
}

static void test_there_is_room_again_once(void **state)
{
	struct fixture *f = *state;
	const size_t packets = 64, octets = packets * (MILTER_DATA_OCTETS + 5);
	size_t unsent;

	get_ready(f, LATE_MS);
	fill(f, packets);
	milter_conn_flush(f->conn);
	unsent = milter_conn_unsent(f->conn);
	assert_true(unsent > MILTER_CONN_LOW);
	turn(f);
	assert_called(f, "");
	assert_int_equal(drain(f, octets), octets);
	assert_called(f, "room ");
	assert_int_equal(milter_conn_unsent(f->conn), 0);
	milter_conn_expect(f->conn, LATE_MS);
	say(f, S("\0\0\0\1c"));
	assert_called(f, "c ");
}

static void test_it_takes_nothing(void **state)
{
	struct fixture *f = *state;

	get_ready(f, SOON_MS);
	fill(f, 64);
	milter_conn_expect(f->conn, LATE_MS);
	wait_timer(f);
	assert_called(f, "end: it has taken nothing for too long");
}

static void test_it_may_be_freed_in_a_call(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_expect(f->conn, LATE_MS);
	f->frees = true;
	say(f, S("\0\0\0\x0by550 never\0\0\0\1c"));
	assert_null(f->conn);
	assert_called(f, "ynever ");
}

static void test_it_may_be_freed_at_its_end(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	f->frees = true;
	say(f, S("\0\0\0\1z"));
	assert_null(f->conn);
	assert_called(f, "end: an unknown reply 'z'");
}

static void test_quitting(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_write_bare(milter_conn_writer(f->conn), MILTER_EOH);
	milter_conn_quit(&f->conn, true);
	assert_null(f->conn);
	assert_told(f, S("\0\0\0\1N\0\0\0\1A\0\0\0\1Q"));
	assert_int_equal(recv(f->filter, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
}

static void test_quitting_without_a_message(void **state)
{
	struct fixture *f = *state;

	get_ready(f, LATE_MS);
	milter_conn_quit(&f->conn, false);
	assert_told(f, S("\0\0\0\1Q"));
}

static void test_quitting_before_it_is_ready(void **state)
{
	struct fixture *f = *state;

	open_conn(f, LATE_MS, LATE_MS);
	assert_told(f, S(OFFER));
	milter_conn_quit(&f->conn, true);
	assert_told(f, S(""));
	milter_conn_quit(&f->conn, true);
}

/* A TCP socket that is still connecting, to a port that listens or not. */
static int connect_tcp(int *ret_listener, bool is_there)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*ret_listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*ret_listener, (struct sockaddr *)&address, size),
			 0);
	assert_int_equal(
		getsockname(*ret_listener, (struct sockaddr *)&address, &size),
		0);
	if (is_there)
		assert_int_equal(listen(*ret_listener, 1), 0);
	(void)connect(fd, (struct sockaddr *)&address, size);
	return fd;
}

static const struct milter_conn_config tcp_config = {
	.connect_ms = LATE_MS,
	.write_ms = LATE_MS,
	.offer = { .version = 6, .actions = 0x1ff, .steps = 0x1fffff },
};

static void test_over_tcp(void **state)
{
	struct fixture *f = *state;
	AUTO(fd_close) int listener = -1;
	int fd = connect_tcp(&listener, true), nodelay = 0;
	socklen_t size = sizeof(nodelay);

	f->conn = milter_conn_new(f->base, fd, &tcp_config, &calls, f);
	assert_int_equal(
		getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size), 0);
	assert_int_not_equal(nodelay, 0);
	f->filter = accept(listener, NULL, NULL);
	turn(f);
	assert_told(f, S(OFFER));
	say(f, S(ANSWER));
	assert_called(f, "ready ");
}

static void test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	AUTO(fd_close) int listener = -1;
	int fd = connect_tcp(&listener, false);

	f->conn = milter_conn_new(f->base, fd, &tcp_config, &calls, f);
	turn(f);
	assert_called(f, "end: cannot connect: Connection refused");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation),
		TEST(test_symbol_lists_stay),
		TEST(test_commands_go_out_together),
		TEST(test_answers_in_pieces),
		TEST(test_replies_owed_are_counted),
		TEST(test_an_edit_that_nobody_waits_for),
		TEST(test_closing_while_negotiating),
		TEST(test_negotiations_that_fail),
		TEST(test_closing_when_nothing_is_owed),
		TEST(test_closing_when_a_reply_is_owed),
		TEST(test_closing_in_a_reply),
		TEST(test_what_it_said_before_it_went_is_read),
		TEST(test_no_answer_to_the_options),
		TEST(test_no_reply),
		TEST(test_progress_gives_more_time),
		TEST(test_there_is_room_again_once),
		TEST(test_it_takes_nothing),
		TEST(test_it_may_be_freed_in_a_call),
		TEST(test_it_may_be_freed_at_its_end),
		TEST(test_quitting),
		TEST(test_quitting_without_a_message),
		TEST(test_quitting_before_it_is_ready),
		TEST(test_over_tcp),
		TEST(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
