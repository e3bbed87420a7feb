/* A stream's octets between socket, OpenSSL and its buffers. */
#include "net/stream-private.h"

#include "base/clock.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	READ_OCTETS = 65536,
	TLS_WRITE_OCTETS = 16384, /* one record */
};

void stream_arm(const struct stream *s, struct event *e)
{
	const struct timeval t = { .tv_sec = s->idle_ms / 1000,
				   .tv_usec = s->idle_ms % 1000 * 1000L };

	(void)event_add(e, s->idle_ms > 0 ? &t : NULL);
	if (s->idle_ms == 0)
		(void)event_remove_timer(e); /* an older one stays else */
}

void stream_take_a_turn(struct stream *s)
{
	event_active(s->on_turn, EV_TIMEOUT, 1);
}

enum progress stream_tls_progress(struct stream *s, int r)
{
	int error = SSL_get_error(s->ssl, r);

	if (error == SSL_ERROR_WANT_READ)
		return PROGRESS_NONE;
	if (error == SSL_ERROR_WANT_WRITE) {
		stream_arm(s, s->on_writable);
		return PROGRESS_NONE;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return PROGRESS_CLOSED;
	s->error = error == SSL_ERROR_SYSCALL
			   ? "connection lost inside TLS"
			   : ERR_reason_error_string(ERR_peek_error());
	if (s->error == NULL)
		s->error = "TLS failed";
	/* No close_notify may be sent after either. */
	SSL_set_quiet_shutdown(s->ssl, 1);
	return PROGRESS_FAILED;
}

static enum progress read_tls(struct stream *s, char *bytes, size_t room)
{
	enum progress p = PROGRESS_NONE;

	if (s->late_end != PROGRESS_NONE)
		return s->late_end;
	while (room > 0) {
		int n;

		ERR_clear_error();
		n = SSL_read(s->ssl, bytes, (int)room);
		if (n <= 0) {
			enum progress last = stream_tls_progress(s, n);

			if (p == PROGRESS_NONE || last == PROGRESS_NONE)
				return p == PROGRESS_NONE ? last : p;
			s->late_end = last;
			stream_take_a_turn(s);
			return p;
		}
		(void)evbuffer_add(s->input, bytes, (size_t)n);
		room -= (size_t)n;
		p = PROGRESS_SOME;
	}
	return p;
}

static enum progress read_plain(struct stream *s, char *bytes, size_t room)
{
	ssize_t n = recv(s->fd, bytes, room, 0);

	if (n == 0)
		return PROGRESS_CLOSED;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PROGRESS_NONE;
	if (n < 0) {
		s->error = "connection reset";
		return PROGRESS_FAILED;
	}
	(void)evbuffer_add(s->input, bytes, (size_t)n);
	return PROGRESS_SOME;
}

enum progress stream_read(struct stream *s)
{
	static char bytes[READ_OCTETS]; /* scratch of the one loop */
	size_t room = s->input_limit - evbuffer_get_length(s->input);
	enum progress p;

	if (room > sizeof(bytes))
		room = sizeof(bytes);
	p = s->mode == MODE_TLS ? read_tls(s, bytes, room)
				: read_plain(s, bytes, room);
	if (p == PROGRESS_SOME)
		s->last_ms = clock_monotonic_ms();
	return p;
}

static enum progress write_tls(struct stream *s)
{
	size_t n = evbuffer_get_length(s->output);
	unsigned char *p;
	int r;

	if (n > TLS_WRITE_OCTETS)
		n = TLS_WRITE_OCTETS;
	p = evbuffer_pullup(s->output, (ev_ssize_t)n);
	ERR_clear_error();
	r = SSL_write(s->ssl, p, (int)n);
	if (r <= 0)
		return stream_tls_progress(s, r);
	(void)evbuffer_drain(s->output, (size_t)r);
	return PROGRESS_SOME;
}

static enum progress write_plain(struct stream *s)
{
	struct evbuffer_iovec v[8];
	int count = evbuffer_peek(s->output, -1, NULL, v, 8);
	struct msghdr h = { .msg_iov = v,
			    .msg_iovlen = count < 8 ? (size_t)count : 8 };
	ssize_t n = sendmsg(s->fd, &h, MSG_NOSIGNAL);

	if (n >= 0) {
		(void)evbuffer_drain(s->output, (size_t)n);
		return PROGRESS_SOME;
	}
	if (errno == EAGAIN || errno == EINTR)
		return PROGRESS_NONE;
	s->error = "connection reset while writing";
	return PROGRESS_FAILED;
}

/* Writes what the kernel takes. */
enum progress stream_write(struct stream *s)
{
	enum progress p = PROGRESS_SOME;

	while (evbuffer_get_length(s->output) > 0 && p == PROGRESS_SOME) {
		p = s->mode == MODE_TLS ? write_tls(s) : write_plain(s);
		if (p == PROGRESS_SOME)
			s->last_ms = clock_monotonic_ms();
	}
	if (p == PROGRESS_NONE && evbuffer_get_length(s->output) > 0)
		stream_arm(s, s->on_writable);
	return p;
}
