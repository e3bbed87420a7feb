#include "net/stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/stream-private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

enum { INPUT_LIMIT_OCTETS = 16384 };

/* --- events --------------------------------------------------------------------- */

static bool may_read(const struct stream *s)
{
	if (s->mode == MODE_HANDSHAKE)
		return true;
	return (s->mode == MODE_PLAIN || s->mode == MODE_TLS) &&
	       !s->is_paused && evbuffer_get_length(s->input) < s->input_limit;
}

/* Most pauses are over before anything comes: only when something does is the
 * event taken out, in on_readable(). */
static void watch(struct stream *s)
{
	if (may_read(s))
		stream_arm(s, s->on_readable);
	else if (!s->is_paused)
		(void)event_del(s->on_readable);
}

static void end(struct stream *s, enum stream_end how)
{
	if (s->mode == MODE_ENDED)
		return;
	s->mode = MODE_ENDED;
	(void)event_del(s->on_readable);
	(void)event_del(s->on_writable);
	(void)event_del(s->on_turn);
	s->callbacks->on_end(how, s->arg);
}

static void end_by(struct stream *s, enum progress p)
{
	end(s, p == PROGRESS_CLOSED ? STREAM_CLOSED : STREAM_FAILED);
}

/* --- turns: each ends with at most one callback ----------------------------------- */

static void handshake(struct stream *s)
{
	enum progress p;
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(s->ssl);
	s->last_ms = clock_monotonic_ms();
	if (r == 1) {
		s->mode = MODE_TLS;
		watch(s);
		stream_take_a_turn(
			s); /* OpenSSL may hold the first octets already */
		s->callbacks->on_tls(s->arg);
		return;
	}
	p = stream_tls_progress(s, r);
	if (p != PROGRESS_NONE)
		end_by(s, p);
}

static void begin_tls(struct stream *s)
{
	bool is_server = s->tls != NULL;

	if (is_server)
		s->ssl = tls_server_session(s->tls);
	if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1) {
		s->error = is_server ? "no certificate" : "no server name";
		end(s, STREAM_FAILED);
		return;
	}
	s->mode = MODE_HANDSHAKE;
	watch(s);
	if (!is_server)
		handshake(s); /* the first word is ours */
}

/* There is input that no event of the socket will tell of. */
static bool has_hidden_input(const struct stream *s)
{
	return evbuffer_get_length(s->input) > 0 ||
	       s->late_end != PROGRESS_NONE ||
	       (s->mode == MODE_TLS && SSL_has_pending(s->ssl));
}

/* Writes; true if the turn may go on with reading. */
static bool write_turn(struct stream *s)
{
	enum progress p;

	if (s->mode == MODE_HANDSHAKE)
		return false;
	p = stream_write(s);
	if (p == PROGRESS_FAILED || p == PROGRESS_CLOSED) {
		end_by(s, p);
		return false;
	}
	if (!s->wants_flushed || evbuffer_get_length(s->output) > 0)
		return true;
	s->wants_flushed = false;
	if (s->mode == MODE_TLS_WANTED) {
		begin_tls(s);
		return false;
	}
	if (has_hidden_input(s))
		stream_take_a_turn(s); /* another one: on_flushed may free us */
	s->callbacks->on_flushed(s->arg);
	return false;
}

/* Reads if there is room, and shows what there is. */
static void read_turn(struct stream *s, bool socket_is_readable)
{
	enum progress p = PROGRESS_NONE;

	if (may_read(s) && (socket_is_readable || s->mode == MODE_TLS))
		p = stream_read(s);
	if (p == PROGRESS_CLOSED || p == PROGRESS_FAILED) {
		end_by(s, p);
		return;
	}
	watch(s);
	if (!s->is_paused && evbuffer_get_length(s->input) > 0)
		s->callbacks->on_input(s->arg);
}

/* A turn asked for by ourselves: output to write, or input left to look at. */
static void on_turn(int fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (write_turn(s))
		read_turn(s, false);
}

/* The owner took input: there may be room to read again. */
static void on_drained(struct evbuffer *input,
		       const struct evbuffer_cb_info *info, void *arg)
{
	struct stream *s = arg;

	(void)input;
	if (info->n_deleted == 0 || s->mode == MODE_ENDED)
		return;
	if (info->orig_size >= s->input_limit)
		watch(s);
	if (s->mode == MODE_TLS && !s->is_paused && SSL_has_pending(s->ssl))
		stream_take_a_turn(s);
}

static bool is_idle(struct stream *s)
{
	return s->idle_ms > 0 &&
	       clock_monotonic_ms() - s->last_ms + 1 >= s->idle_ms;
}

static void on_readable(int fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	if ((what & EV_READ) == 0) {
		if (is_idle(s))
			end(s, STREAM_IDLE);
		else
			watch(s);
		return;
	}
	if (s->mode == MODE_HANDSHAKE)
		handshake(s);
	else if (s->is_paused)
		(void)event_del(s->on_readable);
	else
		read_turn(s, true);
}

static void on_writable(int fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	if ((what & EV_WRITE) == 0 && is_idle(s))
		end(s, STREAM_IDLE);
	else if (s->mode == MODE_HANDSHAKE)
		handshake(s);
	else
		(void)write_turn(s);
}

/* --- for the owner ------------------------------------------------------------------ */

struct stream *stream_new(struct event_base *base, int fd,
			  const struct stream_callbacks *callbacks, void *arg)
{
	struct stream *s = mem_new(sizeof(*s));

	(void)evutil_make_socket_nonblocking(fd);
	s->fd = fd;
	s->input_limit = INPUT_LIMIT_OCTETS;
	s->last_ms = clock_monotonic_ms();
	s->callbacks = callbacks;
	s->arg = arg;
	s->input = evbuffer_new();
	s->output = evbuffer_new();
	(void)evbuffer_add_cb(s->input, on_drained, s);
	s->on_readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->on_writable = event_new(base, fd, EV_WRITE, on_writable, s);
	s->on_turn = evtimer_new(base, on_turn, s);
	assert(s->input != NULL && s->output != NULL &&
	       s->on_readable != NULL && s->on_writable != NULL &&
	       s->on_turn != NULL);
	watch(s);
	return s;
}

void stream_free(struct stream **stream)
{
	struct stream *s = *stream;

	if (s == NULL)
		return;
	if (s->ssl != NULL && SSL_is_init_finished(s->ssl))
		(void)SSL_shutdown(s->ssl);
	ERR_clear_error();
	SSL_free(s->ssl);
	tls_server_free(&s->tls);
	event_free(s->on_readable);
	event_free(s->on_writable);
	event_free(s->on_turn);
	evbuffer_free(s->input);
	evbuffer_free(s->output);
	fd_close(&s->fd);
	mem_free(stream);
}

struct evbuffer *stream_input(struct stream *s)
{
	return s->input;
}

void stream_set_input_limit(struct stream *s, size_t limit_octets)
{
	s->input_limit = limit_octets;
	if (s->mode == MODE_ENDED)
		return;
	watch(s);
	if (s->mode == MODE_TLS && SSL_has_pending(s->ssl))
		stream_take_a_turn(s);
}

void stream_pause(struct stream *s)
{
	s->is_paused = true;
	if (s->mode != MODE_ENDED)
		watch(s);
}

void stream_resume(struct stream *s)
{
	s->is_paused = false;
	if (s->mode == MODE_ENDED)
		return;
	/* Waiting for something else is not idling. */
	s->last_ms = clock_monotonic_ms();
	watch(s);
	stream_take_a_turn(s);
}

void stream_send(struct stream *s, struct slice octets)
{
	if (s->mode == MODE_ENDED)
		return;
	(void)evbuffer_add(s->output, octets.p, octets.n);
	s->wants_flushed = true;
	stream_take_a_turn(s);
}

size_t stream_unsent(const struct stream *s)
{
	return evbuffer_get_length(s->output);
}

bool stream_is_flushed(const struct stream *s)
{
	return stream_unsent(s) == 0;
}

void stream_set_idle(struct stream *s, unsigned idle_ms)
{
	s->idle_ms = idle_ms;
	if (s->mode != MODE_ENDED)
		watch(s);
}

/* When all that was sent is out. */
static void want_tls(struct stream *s)
{
	assert(s->mode == MODE_PLAIN && evbuffer_get_length(s->input) == 0);
	s->mode = MODE_TLS_WANTED;
	s->wants_flushed = true;
	watch(s);
	stream_take_a_turn(s);
}

void stream_start_tls(struct stream *s, struct tls_server *tls)
{
	s->tls = tls_server_ref(tls);
	want_tls(s);
}

void stream_start_tls_client(struct stream *s, struct tls_client *tls,
			     const struct tls_client_request *request)
{
	s->ssl = tls_client_session(tls, request);
	s->is_dane = request->tlsa_count > 0;
	want_tls(s);
}

const char *stream_error(const struct stream *s)
{
	return s->error != NULL ? s->error : "";
}
