#include "milter/conn.h"

#include "base/mem.h"
#include "milter/outbox.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	READ_OCTETS = 16 << 10,
	SYMBOL_OCTETS = 128 << 10, /* more than the reader takes */
	PROBLEM_OCTETS = 128,
};

enum conn_state {
	CONNECTING,
	NEGOTIATING, /* OPTNEG is sent */
	READY,
	ENDED, /* there are no events any more */
};

struct milter_conn {
	int fd;
	enum conn_state state;
	struct event *on_readable, *on_writable, *on_timeout;
	struct milter_conn_config config;
	const struct milter_conn_calls *calls;
	void *arg;
	bool is_tcp;

	struct milter_outbox out; /* once it is closed the end will be read */
	bool is_above;            /* more than MILTER_CONN_LOW waits */

	struct milter_reader *reader;
	unsigned owed; /* replies */
	unsigned reply_ms;
	struct milter_options options;
	struct arena *symbols;
	char problem[PROBLEM_OCTETS];

	/* The owner may free it in a call: that is done once this returns. */
	bool is_in_event, is_freed;
};

/* --- end --------------------------------------------------------------------- */

static void stop(struct milter_conn *c)
{
	c->state = ENDED;
	(void)event_del(c->on_readable);
	(void)event_del(c->on_writable);
	(void)event_del(c->on_timeout);
}

static void end(struct milter_conn *c, bool is_quiet, struct slice problem)
{
	stop(c);
	c->calls->on_end(is_quiet, problem, c->arg);
}

static void on_closed(struct milter_conn *c)
{
	if (c->state == NEGOTIATING)
		end(c, false,
		    S("closed while negotiating: it may need an action or a "
		      "version that is not offered"));
	else if (milter_reader_is_inside(c->reader))
		end(c, false, S("closed in the middle of a reply"));
	else
		end(c, c->owed == 0, S("closed the connection"));
}

static void destroy(struct milter_conn *c)
{
	event_free(c->on_readable);
	event_free(c->on_writable);
	event_free(c->on_timeout);
	fd_close(&c->fd);
	milter_outbox_clear(&c->out);
	milter_reader_free(&c->reader);
	arena_free(&c->symbols);
	mem_free(&c);
}

/* --- time -------------------------------------------------------------------- */

/* 0: as long as it likes. */
static unsigned patience_ms(const struct milter_conn *c)
{
	if (c->state != READY)
		return c->config.connect_ms;
	if (milter_conn_unsent(c) > 0 || c->out.is_closed)
		return c->config.write_ms;
	return c->owed > 0 ? c->reply_ms : 0;
}

static void start_timer(struct milter_conn *c)
{
	unsigned ms = patience_ms(c);
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	if (c->state == ENDED || ms == 0)
		(void)event_del(c->on_timeout);
	else
		(void)event_add(c->on_timeout, &tv);
}

static struct slice late(const struct milter_conn *c)
{
	if (c->state == CONNECTING)
		return S("no connection in time");
	if (c->state == NEGOTIATING)
		return S("no answer to the options in time");
	if (milter_conn_unsent(c) > 0 || c->out.is_closed)
		return S("it has taken nothing for too long");
	return S("no reply in time");
}

/* --- sending ----------------------------------------------------------------- */

/* One write. Returns the octets that the socket took. */
static size_t push(struct milter_conn *c)
{
	size_t n = milter_outbox_send(&c->out, c->fd);

	if (milter_conn_unsent(c) > 0 && !c->out.is_closed)
		(void)event_add(c->on_writable, NULL);
	return n;
}

void milter_conn_flush(struct milter_conn *conn)
{
	struct milter_conn *c = conn;

	if (c->state != READY)
		return;
	if (push(c) > 0 || !event_pending(c->on_timeout, EV_TIMEOUT, NULL))
		start_timer(c);
	if (milter_conn_unsent(c) > MILTER_CONN_LOW)
		c->is_above = true;
}

static void say_if_room(struct milter_conn *c)
{
	if (!c->is_above || milter_conn_unsent(c) >= MILTER_CONN_LOW)
		return;
	c->is_above = false;
	c->calls->on_room(c->arg);
}

/* --- receiving --------------------------------------------------------------- */

static void take_options(struct milter_conn *c, struct milter_options *answer)
{
	struct slice problem;

	if (c->state != NEGOTIATING) {
		end(c, false, S("it negotiates a second time"));
		return;
	}
	if (!milter_options_settle(answer, &c->config.offer, &problem)) {
		end(c, false, problem);
		return;
	}
	c->options = *answer;
	for (int i = 0; i < MILTER_STAGES; i++) {
		if (answer->symbols[i].n > 0)
			c->options.symbols[i] =
				arena_copy(c->symbols, answer->symbols[i]);
	}
	c->state = READY;
	c->calls->on_ready(c->arg);
}

static void take_reply(struct milter_conn *c, const struct milter_reply *reply)
{
	if (c->state != READY) {
		end(c, false, S("it replies before it has negotiated"));
		return;
	}
	if (reply->code == MILTER_PROGRESS)
		return;
	if (c->owed == 0 && reply->code != MILTER_QUARANTINE) {
		end(c, false, S("a reply that nobody waits for"));
		return;
	}
	if (milter_code_is_verdict(reply->code))
		c->owed--;
	c->calls->on_reply(reply, c->arg);
}

static void take(struct milter_conn *c, struct slice in)
{
	struct milter_options options;
	struct milter_reply reply;

	while (c->state != ENDED) {
		switch (milter_reader_next(c->reader, &in, &reply, &options)) {
		case MILTER_READ_MORE:
			return;
		case MILTER_READ_REPLY:
			take_reply(c, &reply);
			break;
		case MILTER_READ_OPTIONS:
			take_options(c, &options);
			break;
		case MILTER_READ_BROKEN:
			end(c, false, milter_reader_problem(c->reader));
			break;
		}
	}
}

static void read_some(struct milter_conn *c)
{
	char in[READ_OCTETS] __attribute__((uninitialized));
	ssize_t n;

	if (c->is_tcp && (c->owed > 0 || c->state == NEGOTIATING))
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 },
				 sizeof(int));
	n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		on_closed(c);
		return;
	}
	take(c, (struct slice){ in, (size_t)n });
	if (c->state != ENDED)
		start_timer(c);
}

/* --- events ------------------------------------------------------------------ */

static void end_event(struct milter_conn *c)
{
	c->is_in_event = false;
	if (c->is_freed)
		destroy(c);
}

static void on_connected(struct milter_conn *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error != 0) {
		(void)snprintf(c->problem, sizeof(c->problem),
			       "cannot connect: %s", strerror(error));
		end(c, false, slice_of(c->problem));
		return;
	}
	c->state = NEGOTIATING;
	(void)event_add(c->on_readable, NULL);
	milter_write_options(&c->out.writer, &c->config.offer);
	(void)push(c);
	start_timer(c);
}

static void on_readable(int fd, short what, void *arg)
{
	struct milter_conn *c = arg;

	(void)fd;
	(void)what;
	c->is_in_event = true;
	read_some(c);
	end_event(c);
}

static void on_writable(int fd, short what, void *arg)
{
	struct milter_conn *c = arg;

	(void)fd;
	(void)what;
	c->is_in_event = true;
	if (c->state == CONNECTING) {
		on_connected(c);
	} else {
		if (push(c) > 0)
			start_timer(c);
		say_if_room(c);
	}
	end_event(c);
}

static void on_timeout(int fd, short what, void *arg)
{
	struct milter_conn *c = arg;

	(void)fd;
	(void)what;
	c->is_in_event = true;
	end(c, false, late(c));
	end_event(c);
}

/* --- life -------------------------------------------------------------------- */

struct milter_conn *milter_conn_new(struct event_base *base, int fd,
				    const struct milter_conn_config *config,
				    const struct milter_conn_calls *calls,
				    void *arg)
{
	struct milter_conn *c = mem_new(sizeof(*c));

	(void)evutil_make_socket_nonblocking(fd);
	c->fd = fd;
	c->config = *config;
	c->calls = calls;
	c->arg = arg;
	c->is_tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
			       sizeof(int)) == 0;
	c->reader = milter_reader_new();
	c->symbols = arena_new(SYMBOL_OCTETS);
	c->on_readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->on_writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->on_timeout = evtimer_new(base, on_timeout, c);
	assert(c->on_readable != NULL && c->on_writable != NULL &&
	       c->on_timeout != NULL);
	(void)event_add(c->on_writable, NULL);
	start_timer(c);
	return c;
}

void milter_conn_free(struct milter_conn **conn)
{
	struct milter_conn *c = *conn;

	*conn = NULL;
	if (c == NULL)
		return;
	if (c->is_in_event) {
		stop(c);
		c->is_freed = true;
	} else {
		destroy(c);
	}
}

void milter_conn_quit(struct milter_conn **conn, bool with_abort)
{
	struct milter_conn *c = *conn;

	if (c != NULL && c->state == READY) {
		if (with_abort)
			milter_write_bare(&c->out.writer, MILTER_ABORT);
		milter_write_bare(&c->out.writer, MILTER_QUIT);
		(void)push(c);
	}
	milter_conn_free(conn);
}

const struct milter_options *milter_conn_options(const struct milter_conn *conn)
{
	return &conn->options;
}

struct milter_writer *milter_conn_writer(struct milter_conn *conn)
{
	assert(conn->state == READY || conn->state == ENDED);
	return &conn->out.writer;
}

void milter_conn_body(struct milter_conn *conn, struct slice octets)
{
	milter_write_octets(&conn->out.writer, octets);
}

size_t milter_conn_unsent(const struct milter_conn *conn)
{
	return milter_outbox_unsent(&conn->out);
}

void milter_conn_expect(struct milter_conn *conn, unsigned timeout_ms)
{
	conn->owed++;
	conn->reply_ms = timeout_ms;
	milter_conn_flush(conn);
	start_timer(conn);
}
