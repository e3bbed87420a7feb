#include "lmtp/conn.h"

#include "base/mem.h"
#include "lmtp/commands.h"
#include "lmtp/dots.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_OCTETS = 4096,
	DOTS_CHUNK = 16 << 10,       /* content encoded at a time */
	OUT_OCTETS = (64 + 8) << 10, /* an envelope and 64 KiB of content */
	TURN_OCTETS = 1 << 20,       /* so that one cannot hold the loop */
};

struct lmtp_conn {
	int fd;
	struct event *on_readable, *on_writable, *on_timeout;
	struct lmtp_dialog *dialog;
	struct lmtp_pool_config config; /* the times of it */
	const struct lmtp_conn_calls *calls;
	void *arg;

	char *out; /* OUT_OCTETS, of which start..end wait for the socket */
	size_t start, end;
	bool is_unwritable; /* the end will be read */

	const struct lmtp_request *request, *follower;
	uint64_t offset; /* content octets taken into out */
	struct lmtp_dots dots;
	bool is_content_in_out; /* all of it, with its end, which is at: */
	size_t content_end;
};

/* --- content ----------------------------------------------------------------- */

static void start_content(struct lmtp_conn *c,
			  const struct lmtp_request *request)
{
	c->request = request;
	c->offset = 0;
	c->dots = (struct lmtp_dots){ .is_in_line = false };
	c->is_content_in_out = false;
}

/* Reads n octets of content, all of them. Returns false if there are not so
 * many: someone has cut the file, and the server must not take it for whole. */
static bool read_content(struct lmtp_conn *c, char *p, size_t n)
{
	while (n > 0) {
		ssize_t r =
			pread(c->request->content_fd, p, n, (off_t)c->offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
		c->offset += (uint64_t)r;
	}
	return true;
}

static bool fill_plain(struct lmtp_conn *c, uint64_t left)
{
	size_t room = OUT_OCTETS - c->end;
	size_t n = left < room ? (size_t)left : room;

	if (!read_content(c, c->out + c->end, n))
		return false;
	c->end += n;
	c->is_content_in_out = n == left;
	c->content_end = c->end;
	return true;
}

static bool fill_dotted(struct lmtp_conn *c, uint64_t left)
{
	char chunk[DOTS_CHUNK] __attribute__((uninitialized));

	while (left > 0 && OUT_OCTETS - c->end >= LMTP_DOTS_ROOM(DOTS_CHUNK)) {
		size_t n = left < DOTS_CHUNK ? (size_t)left : DOTS_CHUNK;

		if (!read_content(c, chunk, n))
			return false;
		c->end += lmtp_dots_encode(&c->dots, (struct slice){ chunk, n },
					   c->out + c->end);
		left -= n;
	}
	if (left == 0 && OUT_OCTETS - c->end >= LMTP_DOTS_END_OCTETS) {
		c->end += lmtp_dots_end(&c->dots, c->out + c->end);
		c->is_content_in_out = true;
		c->content_end = c->end;
	}
	return true;
}

static bool fill_content(struct lmtp_conn *c)
{
	uint64_t left;

	if (c->is_content_in_out)
		return true;
	switch (lmtp_dialog_content(c->dialog)) {
	case LMTP_CONTENT_NONE:
		return true;
	case LMTP_CONTENT_PLAIN:
		left = c->request->content_octets - c->offset;
		return fill_plain(c, left);
	case LMTP_CONTENT_DOTTED:
		left = c->request->content_octets - c->offset;
		return fill_dotted(c, left);
	}
	return false;
}

/* --- sending ----------------------------------------------------------------- */

static void take_commands(struct lmtp_conn *c)
{
	struct slice commands = lmtp_dialog_output(c->dialog);

	if (commands.n > 0)
		memcpy(c->out + c->end, commands.p, commands.n);
	c->end += commands.n;
}

/* In the same write as the end of the content, or with the next. */
static void take_follower(struct lmtp_conn *c)
{
	const struct lmtp_request *request;

	if (!c->is_content_in_out || !lmtp_dialog_may_follow(c->dialog) ||
	    OUT_OCTETS - c->end < LMTP_COMMANDS_OCTETS)
		return;
	request = c->calls->get_follower(c->arg);
	if (request == NULL)
		return;
	c->follower = request;
	lmtp_dialog_follow(c->dialog, request);
	take_commands(c);
}

/* Puts commands and content into out once it is empty: a command counts as
 * sent when it is taken, and what a server answers before is out of turn. */
static void fill(struct lmtp_conn *c)
{
	if (c->start < c->end)
		return;
	c->start = c->end = 0;
	take_commands(c);
	if (fill_content(c))
		take_follower(c);
	else
		lmtp_dialog_close(c->dialog, S("the content cannot be read"));
}

/* Writes what is in out. Returns the octets; 0 means: not now. */
static size_t flush(struct lmtp_conn *c)
{
	ssize_t n = send(c->fd, c->out + c->start, c->end - c->start,
			 MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		(void)event_add(c->on_writable, NULL);
		return 0;
	}
	if (n < 0) {
		/* What the server said before it went may still be read. */
		c->is_unwritable = true;
		return 0;
	}
	c->start += (size_t)n;
	if (c->is_content_in_out && c->start >= c->content_end &&
	    lmtp_dialog_content(c->dialog) != LMTP_CONTENT_NONE)
		lmtp_dialog_content_sent(c->dialog);
	return (size_t)n;
}

static size_t send_more(struct lmtp_conn *c)
{
	size_t sent = 0;

	while (!c->is_unwritable && sent < TURN_OCTETS) {
		size_t n;

		fill(c);
		if (c->start == c->end ||
		    lmtp_dialog_state(c->dialog) == LMTP_CLOSED)
			return sent;
		n = flush(c);
		if (n == 0)
			return sent;
		sent += n;
	}
	if (!c->is_unwritable)
		(void)event_add(c->on_writable, NULL);
	return sent;
}

/* --- events ------------------------------------------------------------------ */

static unsigned patience_ms(const struct lmtp_conn *c)
{
	switch (lmtp_dialog_state(c->dialog)) {
	case LMTP_GREETING:
	case LMTP_HELLO:
		return c->config.greeting_ms;
	case LMTP_IDLE:
		return c->config.idle_ms;
	case LMTP_TRANSACTION:
		if (lmtp_dialog_is_content_sent(c->dialog))
			return c->config.final_ms;
		return c->config.answer_ms;
	case LMTP_RESETTING:
	case LMTP_CLOSED:
		break;
	}
	return c->config.answer_ms;
}

static void start_timer(struct lmtp_conn *c)
{
	unsigned ms = patience_ms(c);
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	(void)event_add(c->on_timeout, &tv);
}

/* Every event ends up here. */
static void run(struct lmtp_conn *c, bool has_progress)
{
	if (send_more(c) > 0)
		has_progress = true;

	if (lmtp_dialog_state(c->dialog) == LMTP_CLOSED) {
		(void)event_del(c->on_readable);
		(void)event_del(c->on_writable);
		(void)event_del(c->on_timeout);
	} else if (has_progress) {
		start_timer(c);
	}
}

static void feed(struct lmtp_conn *c, struct slice in)
{
	in = lmtp_dialog_feed(c->dialog, in);
	while (lmtp_dialog_is_followed(c->dialog)) {
		c->calls->on_succeed(c->arg);
		lmtp_dialog_succeed(c->dialog);
		start_content(c, c->follower);
		in = lmtp_dialog_feed(c->dialog, in);
	}
}

static void on_readable(int fd, short what, void *arg)
{
	struct lmtp_conn *c = arg;
	unsigned replies = lmtp_dialog_replies(c->dialog);
	char in[READ_OCTETS] __attribute__((uninitialized));
	ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		feed(c, (struct slice){ in, (size_t)n });
	else
		lmtp_dialog_close(c->dialog, S("the server hung up"));
	run(c, lmtp_dialog_replies(c->dialog) != replies);
	c->calls->on_change(c->arg);
}

static void on_writable(int fd, short what, void *arg)
{
	struct lmtp_conn *c = arg;

	(void)fd;
	(void)what;
	run(c, false);
	c->calls->on_change(c->arg);
}

static void on_timeout(int fd, short what, void *arg)
{
	struct lmtp_conn *c = arg;

	(void)fd;
	(void)what;
	if (lmtp_dialog_state(c->dialog) == LMTP_IDLE)
		(void)send(c->fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
	lmtp_dialog_close(c->dialog, S("no answer in time"));
	run(c, false);
	c->calls->on_change(c->arg);
}

/* --- life -------------------------------------------------------------------- */

struct lmtp_conn *lmtp_conn_new(struct event_base *base, int fd,
				const struct lmtp_pool_config *config,
				const struct lmtp_conn_calls *calls, void *arg)
{
	struct lmtp_conn *c = mem_new(sizeof(*c));

	(void)evutil_make_socket_nonblocking(fd);
	c->fd = fd;
	c->config = *config;
	c->calls = calls;
	c->arg = arg;
	c->out = mem_array(1, OUT_OCTETS);
	c->dialog = lmtp_dialog_new(config->hostname);
	c->config.hostname = NULL; /* not ours to keep */
	c->on_readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->on_writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->on_timeout = evtimer_new(base, on_timeout, c);
	assert(c->on_readable != NULL && c->on_writable != NULL &&
	       c->on_timeout != NULL);
	(void)event_add(c->on_readable, NULL);
	start_timer(c);
	return c;
}

void lmtp_conn_free(struct lmtp_conn **conn)
{
	struct lmtp_conn *c = *conn;

	if (c == NULL)
		return;
	if (lmtp_dialog_state(c->dialog) == LMTP_IDLE)
		(void)send(c->fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
	event_free(c->on_readable);
	event_free(c->on_writable);
	event_free(c->on_timeout);
	lmtp_dialog_free(&c->dialog);
	mem_free(&c->out);
	fd_close(&c->fd);
	mem_free(conn);
}

const struct lmtp_dialog *lmtp_conn_dialog(const struct lmtp_conn *conn)
{
	return conn->dialog;
}

void lmtp_conn_begin(struct lmtp_conn *conn, const struct lmtp_request *request)
{
	start_content(conn, request);
	lmtp_dialog_begin(conn->dialog, request);
	run(conn, true);
}
