#include "stream_world.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "certificate.h"

/* --- the owner ---------------------------------------------------------------- */

/* Returns false when that ended the stream. */
static bool go_on(struct world *w, enum callback in)
{
	if (w->starts_in == in)
		stream_start_tls(w->stream, w->tls);
	if (w->frees_in != in)
		return true;
	stream_free(&w->stream);
	return false;
}

static void on_input(void *arg)
{
	struct world *w = arg;
	struct evbuffer *in = stream_input(w->stream);
	size_t n = evbuffer_get_length(in);

	w->input_count++;
	assert(n > 0 && w->end < 0);
	if (w->echoes)
		stream_send(
			w->stream,
			(struct slice){ (char *)evbuffer_pullup(in, -1), n });
	if (!w->keeps_input)
		(void)evbuffer_add_buffer(w->got, in);
	if (w->pauses)
		stream_pause(w->stream);
	(void)go_on(w, ON_INPUT);
}

static void on_flushed(void *arg)
{
	struct world *w = arg;

	w->flushed_count++;
	assert(w->end < 0 && stream_is_flushed(w->stream));
	(void)go_on(w, ON_FLUSHED);
}

static void on_tls(void *arg)
{
	struct world *w = arg;

	w->tls_count++;
	assert(w->end < 0 && stream_is_tls(w->stream));
	(void)go_on(w, ON_TLS);
}

static void on_end(enum stream_end end, void *arg)
{
	struct world *w = arg;

	assert(w->end < 0);
	w->end = (int)end;
	stream_send(w->stream, S("nobody hears this"));
	(void)go_on(w, ON_END);
}

static const struct stream_callbacks callbacks = { .on_input = on_input,
						   .on_flushed = on_flushed,
						   .on_tls = on_tls,
						   .on_end = on_end };

/* --- both ------------------------------------------------------------------------ */

static void add_certificate(struct world *w, const char *names)
{
	struct certificate_pem pem;
	const char *problem = NULL;
	int r;

	certificate_make(names, &pem);
	r = tls_server_add(w->tls, slice_of(pem.chain), slice_of(pem.key),
			   &problem);
	assert(r == 0);
	certificate_free(&pem);
}

void world_open(struct world *w, const char *const *names)
{
	const int small = 4096;
	int pair[2], r;

	*w = (struct world){ .base = event_base_new(),
			     .end = -1,
			     .got = evbuffer_new(),
			     .client_got = evbuffer_new() };
	r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	assert(r == 0);
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	w->client = pair[1];
	(void)fcntl(w->client, F_SETFL, O_NONBLOCK);
	w->stream = stream_new(w->base, pair[0], &callbacks, w);
	w->tls = tls_server_new();
	for (; names != NULL && *names != NULL; names++)
		add_certificate(w, *names);
}

void world_close(struct world *w)
{
	stream_free(&w->stream);
	tls_server_free(&w->tls);
	SSL_free(w->ssl);
	SSL_CTX_free(w->ctx);
	fd_close(&w->client);
	evbuffer_free(w->got);
	evbuffer_free(w->client_got);
	event_base_free(w->base);
}

/* Whether the client received something. */
static bool client_turn(struct world *w)
{
	char octets[4096];
	ssize_t n;

	if (w->client < 0)
		return false;
	ERR_clear_error();
	n = w->ssl != NULL ? SSL_read(w->ssl, octets, sizeof(octets))
			   : recv(w->client, octets, sizeof(octets), 0);
	if (n > 0)
		(void)evbuffer_add(w->client_got, octets, (size_t)n);
	else if (w->ssl != NULL)
		w->client_ended |=
			SSL_get_error(w->ssl, (int)n) == SSL_ERROR_ZERO_RETURN;
	else
		w->client_ended |= n == 0;
	return n > 0;
}

void world_run(struct world *w)
{
	for (int quiet = 0; quiet < 20; quiet++) {
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
		if (client_turn(w))
			quiet = 0;
	}
}

void world_wait_end(struct world *w, unsigned ms)
{
	uint64_t until = clock_monotonic_ms() + ms;

	while (w->end < 0 && clock_monotonic_ms() < until)
		(void)event_base_loop(w->base, EVLOOP_ONCE);
}

/* --- the client ------------------------------------------------------------------- */

void world_client_tls(struct world *w, int version, const char *server_name)
{
	w->ctx = SSL_CTX_new(TLS_client_method());
	assert(w->ctx != NULL);
	(void)SSL_CTX_set_min_proto_version(w->ctx, version);
	(void)SSL_CTX_set_max_proto_version(w->ctx, version);
	SSL_CTX_set_mode(w->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	w->ssl = SSL_new(w->ctx);
	SSL_set_connect_state(w->ssl);
	(void)SSL_set_fd(w->ssl, w->client);
	if (server_name != NULL)
		(void)SSL_set_tlsext_host_name(w->ssl, server_name);
}

void world_client_send(struct world *w, struct slice octets)
{
	while (octets.n > 0) {
		ssize_t n = w->ssl != NULL
				    ? SSL_write(w->ssl, octets.p, (int)octets.n)
				    : send(w->client, octets.p, octets.n,
					   MSG_NOSIGNAL);

		assert(n > 0);
		octets = slice_tail(octets, (size_t)n);
	}
}

static bool holds(struct evbuffer *b, const char *text)
{
	const struct slice got = { (char *)evbuffer_pullup(b, -1),
				   evbuffer_get_length(b) };

	return slice_equal(got, slice_of(text));
}

bool world_client_got(struct world *w, const char *text)
{
	return holds(w->client_got, text);
}

bool world_got(struct world *w, const char *text)
{
	return holds(w->got, text);
}
