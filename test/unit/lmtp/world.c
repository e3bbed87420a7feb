#include "world.h"

#include "base/mem.h"

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

static void on_want(void *arg)
{
	struct world *w = arg;
	int pair[2];

	w->wanted++;
	if (w->error != 0) {
		lmtp_pool_connected(w->pool, -1, w->error);
		return;
	}
	assert_true(w->connected < SERVERS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	w->servers[w->connected++] = pair[1];
	lmtp_pool_connected(w->pool, pair[0], 0);
}

static void on_features(bool has_smtputf8, void *arg)
{
	struct world *w = arg;

	w->told_features++;
	w->has_smtputf8 = has_smtputf8;
}

static struct world *the_world; /* on_result's arg is the name */

static void on_result(enum lmtp_end end, const struct reply *reply, void *arg)
{
	struct world *w = the_world;
	struct result *r = &w->results[w->result_count++];

	assert_true(w->result_count < RESULTS);
	r->end = end;
	r->code = reply->code;
	r->who = arg;
	(void)snprintf(r->text, sizeof(r->text), "%.*s", (int)reply->text.n,
		       reply->text.p);
	if (w->again > 0) {
		w->again--;
		(void)deliver(w, "again", false);
	}
}

struct lmtp_delivery *deliver_octets(struct world *w, const char *who,
				     bool urgent, uint64_t octets)
{
	const struct lmtp_request request = { .reverse_path = S("a@b"),
					      .recipient = slice_of(who),
					      .content_fd = w->content,
					      .content_octets = octets };

	return lmtp_deliver(w->pool, &request, urgent, on_result,
			    (void *)(uintptr_t)who);
}

struct lmtp_delivery *deliver(struct world *w, const char *who, bool urgent)
{
	return deliver_octets(w, who, urgent, 4);
}

void turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

void wait_timer(struct world *w)
{
	(void)event_base_loop(w->base, EVLOOP_ONCE);
	turn(w);
}

void say(struct world *w, unsigned i, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(w->servers[i], text, n, MSG_NOSIGNAL), n);
	turn(w);
}

void expect(struct world *w, unsigned i, const char *want)
{
	char got[8192];
	ssize_t n = recv(w->servers[i], got, sizeof(got) - 1, MSG_DONTWAIT);

	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, want);
}

bool is_hung_up(const struct world *w, unsigned i)
{
	char got;

	return recv(w->servers[i], &got, 1, MSG_DONTWAIT) == 0;
}

void hang_up(struct world *w, unsigned i)
{
	fd_close(&w->servers[i]);
}

void expect_result(const struct world *w, unsigned i, const char *who,
		   enum lmtp_end end, unsigned code, const char *text)
{
	const struct result *r = &w->results[i];

	assert_true(i < w->result_count);
	assert_string_equal(r->who, who);
	assert_int_equal(r->end, end);
	assert_int_equal(r->code, code);
	assert_string_equal(r->text, text);
}

void greet(struct world *w, unsigned i)
{
	say(w, i, "220 mx\r\n");
	expect(w, i, "LHLO me\r\n");
	say(w, i, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
}

int make_world(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->config = (struct lmtp_pool_config){ .hostname = "me",
					       .connections = 2,
					       .greeting_ms = 100000,
					       .answer_ms = 100000,
					       .final_ms = 100000,
					       .idle_ms = 100000 };
	w->base = event_base_new();
	for (size_t i = 0; i < SERVERS; i++)
		w->servers[i] = -1;
	w->content = memfd_create("content", MFD_CLOEXEC);
	assert_int_equal(write(w->content, "abc\n", 4), 4);
	the_world = w;
	*state = w;
	return 0;
}

void open_pool(struct world *w)
{
	w->pool = lmtp_pool_new(w->base, &w->config, on_want, on_features, w);
	turn(w);
}

int end_world(void **state)
{
	struct world *w = *state;

	lmtp_pool_free(&w->pool);
	for (size_t i = 0; i < SERVERS; i++)
		fd_close(&w->servers[i]);
	fd_close(&w->content);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}
