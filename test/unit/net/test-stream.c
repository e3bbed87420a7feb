#include "net/stream.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "stream_world.h"

/* Each test runs in plain text and over both versions of TLS. */
static const struct mode {
	const char *name;
	int version; /* 0: none */
} modes[] = {
	{ "plain", 0 },
	{ "TLS 1.2", TLS1_2_VERSION },
	{ "TLS 1.3", TLS1_3_VERSION },
};

static const char *const names[] = { "DNS:mail.example", NULL };

static void open_in(struct world *w, const struct mode *m)
{
	print_message("  %s\n", m->name);
	world_open(w, names);
	if (m->version == 0)
		return;
	stream_start_tls(w->stream, w->tls);
	world_client_tls(w, m->version, NULL);
	world_run(w);
	assert_int_equal(w->tls_count, 1);
	assert_true(stream_is_tls(w->stream));
}

#define EACH_MODE(m) for (const struct mode *m = modes; m < modes + 3; m++)

static void test_echo(void **state)
{
	(void)state;
	EACH_MODE(m)
	{
		struct world w;

		open_in(&w, m);
		w.echoes = true;
		world_client_send(&w, S("EHLO cli"));
		world_run(&w);
		assert_true(world_got(&w, "EHLO cli"));
		world_client_send(&w, S("ent\r\n"));
		world_run(&w);
		assert_true(world_client_got(&w, "EHLO client\r\n"));
		assert_int_equal(w.input_count, 2);
		assert_int_equal(w.flushed_count, 2);
		assert_int_equal(w.end, -1);
		stream_free(&w.stream);
		world_run(&w);
		assert_true(w.client_ended);
		world_close(&w);
	}
}

/* Reading stops at the limit and goes on when the owner took something, though
 * the socket is silent since. */
static void test_limit(void **state)
{
	(void)state;
	EACH_MODE(m)
	{
		static const char octets[3000];
		struct world w;

		open_in(&w, m);
		stream_set_input_limit(w.stream, 1000);
		w.keeps_input = true;
		world_client_send(&w, (struct slice){ octets, 3000 });
		world_run(&w);
		assert_int_equal(evbuffer_get_length(stream_input(w.stream)),
				 1000);
		(void)evbuffer_drain(stream_input(w.stream), 1);
		world_run(&w);
		assert_int_equal(evbuffer_get_length(stream_input(w.stream)),
				 1000);
		stream_set_input_limit(w.stream, 1500);
		world_run(&w);
		assert_int_equal(evbuffer_get_length(stream_input(w.stream)),
				 1500);
		w.keeps_input = false;
		(void)evbuffer_drain(stream_input(w.stream), 1500);
		world_run(&w);
		assert_int_equal(evbuffer_get_length(w.got), 3000 - 1501);
		world_close(&w);
	}
}

static void test_pause(void **state)
{
	(void)state;
	EACH_MODE(m)
	{
		struct world w;

		open_in(&w, m);
		w.pauses = true;
		w.keeps_input = true;
		stream_set_input_limit(w.stream, 4);
		world_client_send(&w, S("one two"));
		world_run(&w);
		world_run(&w);
		assert_int_equal(w.input_count, 1);
		w.keeps_input = false;
		stream_resume(w.stream);
		assert_int_equal(w.input_count, 1); /* later, not within */
		world_run(&w);
		assert_int_equal(w.input_count, 2);
		assert_true(world_got(&w, "one "));
		/* what is sent while it is paused goes out */
		stream_send(w.stream, S("250 OK"));
		world_run(&w);
		assert_true(world_client_got(&w, "250 OK"));
		assert_int_equal(w.input_count, 2);
		stream_resume(w.stream);
		world_run(&w);
		assert_true(world_got(&w, "one two"));
		world_close(&w);
	}
}

static void test_much_output(void **state)
{
	(void)state;
	EACH_MODE(m)
	{
		enum { OCTETS = 1000000 };
		static char octets[OCTETS];
		struct world w;

		open_in(&w, m);
		for (size_t i = 0; i < OCTETS; i++)
			octets[i] = (char)(i % 251);
		stream_send(w.stream, (struct slice){ octets, OCTETS });
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
		assert_true(stream_unsent(w.stream) > 0);
		assert_int_equal(w.flushed_count, 0);
		world_run(&w);
		assert_int_equal(stream_unsent(w.stream), 0);
		assert_int_equal(w.flushed_count, 1);
		assert_int_equal(evbuffer_get_length(w.client_got), OCTETS);
		assert_memory_equal(evbuffer_pullup(w.client_got, -1), octets,
				    OCTETS);
		world_close(&w);
	}
}

/* --- ends --------------------------------------------------------------------------- */

enum farewell { CLOSES, SHUTS, NOTIFIES };

static const struct {
	const char *name;
	enum farewell farewell;
} farewells[] = {
	{ "closes the connection", CLOSES },
	{ "closes its direction", SHUTS },
	{ "says so in TLS and stays", NOTIFIES },
};

/* What came last is shown, also when the end came with it. */
static void test_farewells(void **state)
{
	const size_t count = sizeof(farewells) / sizeof(farewells[0]);

	(void)state;
	for (size_t i = 0; i < count * 4; i++) {
		struct world w;

		EACH_MODE(m)
		{
			if (m->version == 0 &&
			    farewells[i / 4].farewell == NOTIFIES)
				continue;
			print_message("%s\n", farewells[i / 4].name);
			open_in(&w, m);
			w.echoes = i % 2 == 1;
			w.pauses = i % 4 >= 2;
			world_client_send(&w, S("QUIT\r\n"));
			if (farewells[i / 4].farewell == CLOSES)
				fd_close(&w.client);
			else if (farewells[i / 4].farewell == SHUTS)
				(void)shutdown(w.client, SHUT_WR);
			else
				(void)SSL_shutdown(w.ssl);
			world_run(&w);
			assert_true(world_got(&w, "QUIT\r\n"));
			if (w.end < 0 && w.pauses) {
				stream_resume(w.stream);
				world_run(&w);
			}
			if (farewells[i / 4].farewell == CLOSES && w.echoes)
				assert_true(w.end == STREAM_CLOSED ||
					    w.end == STREAM_FAILED);
			else
				assert_int_equal(w.end, STREAM_CLOSED);
			world_close(&w);
		}
	}
}

static void test_idle(void **state)
{
	(void)state;
	EACH_MODE(m)
	{
		struct world w;

		open_in(&w, m);
		stream_set_idle(w.stream, 20);
		world_wait_end(&w, 5000);
		assert_int_equal(w.end, STREAM_IDLE);
		world_close(&w);

		/* a client that does not read idles too */
		open_in(&w, m);
		stream_set_idle(w.stream, 20);
		for (int i = 0; i < 1000; i++)
			stream_send(w.stream, S("250 a line of some length"));
		world_wait_end(&w, 5000);
		assert_int_equal(w.end, STREAM_IDLE);
		world_close(&w);
	}
}

/* In a handshake that does not go on, and not once it was switched off. */
static void test_idle_more(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, names);
	stream_set_idle(w.stream, 20);
	stream_start_tls(w.stream, w.tls);
	world_wait_end(&w, 5000);
	assert_int_equal(w.end, STREAM_IDLE);
	world_close(&w);

	world_open(&w, names);
	stream_set_idle(w.stream, 5);
	stream_set_idle(w.stream, 0);
	assert_int_equal(event_base_loop(w.base, EVLOOP_NONBLOCK), 0);
	world_wait_end(&w, 0);
	assert_int_equal(w.end, -1);
	world_close(&w);
}

static void test_free_in_callbacks(void **state)
{
	(void)state;
	EACH_MODE(m)
	for (enum callback in = ON_INPUT; in <= ON_END; in++) {
		struct world w;

		if (m->version == 0 && in == ON_TLS)
			continue;
		world_open(&w, names);
		w.frees_in = in;
		w.echoes = in != ON_INPUT;
		if (m->version != 0) {
			stream_start_tls(w.stream, w.tls);
			world_client_tls(&w, m->version, NULL);
			world_run(&w);
		}
		if (w.stream != NULL) {
			world_client_send(&w, S("NOOP\r\n"));
			world_run(&w);
		}
		if (in == ON_END)
			fd_close(&w.client);
		world_run(&w);
		assert_null(w.stream);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_much_output),
		cmocka_unit_test(test_farewells),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_more),
		cmocka_unit_test(test_free_in_callbacks),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as role_main() does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
