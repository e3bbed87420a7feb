#include "smtp_world.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

/* --- the owner ------------------------------------------------------------------- */

static void note(struct smtp_world *w, const char *text)
{
	assert_true(strlen(w->told) + strlen(text) < sizeof(w->told));
	(void)strcat(w->told, text);
}

static void on_idle(void *arg)
{
	struct smtp_world *w = arg;

	note(w, "idle ");
	assert_true(smtp_conn_is_idle(w->conn));
	if (w->again == 0)
		return;
	w->again--;
	smtp_conn_begin(w->conn, &w->message);
}

static void on_done(void *arg)
{
	struct smtp_world *w = arg;

	note(w, "done");
	for (size_t i = 0; i < w->message.recipient_count; i++) {
		const struct smtp_result *r = smtp_conn_result(w->conn, i);
		char text[20];

		(void)snprintf(text, sizeof(text), ":%c%u%s%s",
			       "DRLU?"[r->outcome.kind], r -> outcome.code,
			       r->is_untouched ? "*" : "",
			       r->is_dsn_taken_over ? "+" : "");
		note(w, text);
	}
	note(w, " ");
	if (w->frees_when_done)
		smtp_conn_free(&w->conn);
}

static void on_ended(enum smtp_end end, void *arg)
{
	struct smtp_world *w = arg;
	char text[20];

	(void)snprintf(text, sizeof(text), "ended:%d ", (int)end);
	note(w, text);
	assert_false(smtp_conn_is_idle(w->conn));
	assert_true(smtp_conn_failure(w->conn)->text.n > 0);
	if (w->frees_when_ended)
		smtp_conn_free(&w->conn);
}

/* --- life ------------------------------------------------------------------------ */

int smtp_world_make(void **state)
{
	struct smtp_world *w = mem_new(sizeof(*w));

	(void)signal(SIGPIPE, SIG_IGN); /* as role_main() does */
	w->base = event_base_new();
	w->got = evbuffer_new();
	w->server = w->content = -1;
	certificate_make_root("a root", &w->root);
	certificate_make_by(&w->root, "DNS:mx.example", 3600, &w->pem);
	w->client = tls_client_new(slice_of(w->root.chain));
	w->recipients[0].address = S("c@d");
	w->recipients[1].address = S("e@f");
	w->recipients[2].address = S("g@h");
	w->message = (struct smtp_message){ .reverse_path = S("a@b"),
					    .recipients = w->recipients,
					    .recipient_count = 1 };
	smtp_world_content(w, S("Subject: x\r\n\r\n.hi\r\n"));
	*state = w;
	return 0;
}

int smtp_world_end(void **state)
{
	struct smtp_world *w = *state;

	smtp_conn_free(&w->conn);
	SSL_free(w->ssl);
	fd_close(&w->server);
	fd_close(&w->content);
	tls_client_free(&w->client);
	certificate_free(&w->root);
	certificate_free(&w->pem);
	evbuffer_free(w->got);
	event_base_free(w->base);
	mem_free(&w);
	return 0;
}

void smtp_world_content(struct smtp_world *w, struct slice content)
{
	fd_close(&w->content);
	w->content = memfd_create("content", MFD_CLOEXEC);
	assert_int_equal(write(w->content, content.p, content.n), content.n);
	w->message.content_fd = w->content;
	w->message.content_octets = content.n;
}

void smtp_world_open_fd(struct smtp_world *w, int fd,
			const struct smtp_conn_config *config)
{
	static const struct smtp_conn_calls calls = { .on_idle = on_idle,
						      .on_done = on_done,
						      .on_ended = on_ended };

	w->conn = smtp_conn_new(w->base, fd, config, &calls, w);
}

void smtp_world_open_to(struct smtp_world *w,
			const struct smtp_conn_config *config)
{
	const int small = 4096;
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	w->server = pair[1];
	(void)evutil_make_socket_nonblocking(w->server);
	smtp_world_open_fd(w, pair[0], config);
}

void smtp_world_open(struct smtp_world *w, enum smtp_security security,
		     unsigned patience_ms)
{
	const struct smtp_conn_config config = {
		.hostname = "me.test",
		.security = security,
		.tls = w->client,
		.who = { .server_name = S("mx.example") },
		.patience_ms = patience_ms,
	};

	smtp_world_open_to(w, &config);
}

/* --- the server ------------------------------------------------------------------- */

/* Whether it received something. */
static bool server_turn(struct smtp_world *w)
{
	char octets[4096];
	ssize_t n;

	if (w->server < 0)
		return false;
	ERR_clear_error();
	n = w->ssl != NULL ? SSL_read(w->ssl, octets, sizeof(octets))
			   : recv(w->server, octets, sizeof(octets), 0);
	if (n > 0)
		(void)evbuffer_add(w->got, octets, (size_t)n);
	else if (n == 0)
		w->is_hung_up = true;
	return n > 0;
}

void smtp_world_run(struct smtp_world *w)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
		if (server_turn(w))
			quiet = 0;
	}
}

void smtp_world_wait_end(struct smtp_world *w)
{
	uint64_t until = clock_monotonic_ms() + 5000;

	while (strstr(w->told, "ended") == NULL && clock_monotonic_ms() < until)
		(void)event_base_loop(w->base, EVLOOP_ONCE);
}

void smtp_world_say(struct smtp_world *w, const char *text)
{
	const size_t n = strlen(text);
	ssize_t r = w->ssl != NULL ? SSL_write(w->ssl, text, (int)n)
				   : send(w->server, text, n, MSG_NOSIGNAL);

	assert_int_equal(r, n);
	smtp_world_run(w);
}

void smtp_world_serve_tls(struct smtp_world *w)
{
	struct tls_server *server = tls_server_new();
	const char *problem;

	assert_int_equal(tls_server_add(server, slice_of(w->pem.chain),
					slice_of(w->pem.key), &problem),
			 0);
	w->ssl = tls_server_session(server);
	(void)SSL_set_fd(w->ssl, w->server);
	/* The callback for names is the server's, which goes now. */
	(void)SSL_CTX_set_tlsext_servername_callback(SSL_get_SSL_CTX(w->ssl),
						     NULL);
	tls_server_free(&server);
	smtp_world_run(w);
}

void smtp_world_hang_up(struct smtp_world *w)
{
	fd_close(&w->server);
	smtp_world_run(w);
}

void smtp_world_expect(struct smtp_world *w, const char *text)
{
	const size_t n = evbuffer_get_length(w->got);
	const struct slice got = { (char *)evbuffer_pullup(w->got, -1), n };

	if (!slice_equal(got, slice_of(text)))
		fail_msg("the server got \"%.*s\", not \"%s\"", (int)got.n,
			 got.n > 0 ? got.p : "", text);
	(void)evbuffer_drain(w->got, n);
}

void smtp_world_expect_told(struct smtp_world *w, const char *text)
{
	assert_string_equal(w->told, text);
	w->told[0] = '\0';
}

void smtp_world_greet(struct smtp_world *w, const char *hello)
{
	smtp_world_run(w);
	smtp_world_say(w, "220 mx\r\n");
	smtp_world_expect(w, "EHLO me.test\r\n");
	smtp_world_say(w, hello);
}
