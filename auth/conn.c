#include "auth/conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>
#include <sys/time.h>

#include "auth/auth_line.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
	HANDSHAKE_MS = 10000,
	BACKOFF_FIRST_MS = 100,
	BACKOFF_LAST_MS = 5000,
	STABLE_MS = 1000, /* a connection that lived so long was a good one */
	UNSENT_OCTETS = 1024 * 1024,
};

enum conn_state {
	CONN_IDLE,   /* the timer will ask for a socket */
	CONN_WANTED, /* asked; nothing else runs */
	CONN_HELLO,  /* connected; the timer watches the handshake */
	CONN_UP,     /* established */
};

struct auth_conn {
	struct event_base *base;
	const struct auth_conn_owner *owner;
	void *arg;
	enum conn_state state;
	struct bufferevent *bev;
	struct event *timer;
	int backoff_ms;
	uint64_t up_since_ms;

	auth_on_event *on_event;
	void *event_arg;
	enum auth_event told_event; /* the last one reported */
	const char *told_text;
};

static void arm(struct auth_conn *conn, int after_ms)
{
	struct timeval after = {
		.tv_sec = after_ms / 1000,
		.tv_usec = (after_ms % 1000) * 1000,
	};

	(void)event_add(conn->timer, &after);
}

void auth_conn_report(struct auth_conn *conn, enum auth_event event,
		      const char *text)
{
	if (conn->told_text != NULL && conn->told_event == event &&
	    strcmp(conn->told_text, text) == 0)
		return;
	conn->told_event = event;
	conn->told_text = text;
	if (conn->on_event != NULL)
		conn->on_event(event, text, conn->event_arg);
}

static int next_backoff_ms(int backoff_ms)
{
	if (backoff_ms == 0)
		return BACKOFF_FIRST_MS;
	return backoff_ms < BACKOFF_LAST_MS / 2 ? backoff_ms * 2
						: BACKOFF_LAST_MS;
}

/* Asks again after the back-off. */
static void retry(struct auth_conn *conn)
{
	conn->state = CONN_IDLE;
	arm(conn, conn->backoff_ms);
	conn->backoff_ms = next_backoff_ms(conn->backoff_ms);
}

void auth_conn_drop(struct auth_conn *conn, enum auth_event event,
		    const char *text)
{
	bool was_up = conn->state == CONN_UP;

	if (was_up && clock_monotonic_ms() - conn->up_since_ms >= STABLE_MS)
		conn->backoff_ms = 0;
	else if (!was_up && conn->backoff_ms == 0)
		conn->backoff_ms = BACKOFF_FIRST_MS;
	if (conn->bev != NULL)
		bufferevent_free(conn->bev);
	conn->bev = NULL;
	retry(conn);
	if (event == AUTH_LOST && !was_up)
		event = AUTH_UNREACHABLE;
	auth_conn_report(conn, event, text);
	conn->owner->on_lost(conn->arg);
}

static const char *error_text(int error)
{
	const char *text = strerrordesc_np(error);

	return text != NULL ? text : "unknown error";
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct auth_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->state == CONN_IDLE) {
		conn->state = CONN_WANTED;
		conn->owner->want(conn->arg);
	} else if (conn->state == CONN_HELLO) {
		auth_conn_drop(conn, AUTH_LOST,
			       "no complete handshake within 10 seconds");
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct auth_conn *conn = arg;

	(void)bev;
	while (conn->bev != NULL) {
		struct evbuffer *in = bufferevent_get_input(conn->bev);
		size_t octets;
		char *line = evbuffer_readln(in, &octets, EVBUFFER_EOL_LF);

		if (line == NULL)
			break;
		conn->owner->on_line(line, octets, conn->arg);
		explicit_bzero(line, octets); /* it may hold a token */
		mem_free(&line);
	}
	if (conn->bev != NULL && evbuffer_get_length(bufferevent_get_input(
					 conn->bev)) >= AUTH_LINE_IN_OCTETS)
		auth_conn_drop(conn, AUTH_LOST, "a line over 64 KiB");
}

static void on_bev_event(struct bufferevent *bev, short what, void *arg)
{
	struct auth_conn *conn = arg;
	int error = errno;

	(void)bev;
	if (what & BEV_EVENT_ERROR)
		auth_conn_drop(conn, AUTH_LOST, error_text(error));
	else if (what & BEV_EVENT_EOF)
		auth_conn_drop(conn, AUTH_LOST, "closed by Dovecot");
}

struct auth_conn *auth_conn_new(struct event_base *base,
				const struct auth_conn_owner *owner, void *arg)
{
	struct auth_conn *conn = mem_new(sizeof(*conn));

	conn->base = base;
	conn->owner = owner;
	conn->arg = arg;
	conn->timer = evtimer_new(base, on_timer, conn);
	assert(conn->timer != NULL);
	arm(conn, 0);
	return conn;
}

void auth_conn_free(struct auth_conn **conn)
{
	if (*conn == NULL)
		return;
	if ((*conn)->bev != NULL)
		bufferevent_free((*conn)->bev);
	event_free((*conn)->timer);
	mem_free(conn);
}

void auth_conn_on_event(struct auth_conn *conn, auth_on_event *on_event,
			void *arg)
{
	conn->on_event = on_event;
	conn->event_arg = arg;
}

/* Takes fd over, whatever becomes of it. */
static bool take_socket(struct auth_conn *conn, int fd)
{
	if (evutil_make_socket_nonblocking(fd) == 0)
		conn->bev = bufferevent_socket_new(
			conn->base, fd,
			BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (conn->bev == NULL) {
		fd_close(&fd);
		return false;
	}
	bufferevent_setcb(conn->bev, on_read, NULL, on_bev_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, AUTH_LINE_IN_OCTETS);
	return bufferevent_enable(conn->bev, EV_READ | EV_WRITE) == 0;
}

void auth_conn_connected(struct auth_conn *conn, int fd, int error)
{
	if (conn->state != CONN_WANTED) {
		fd_close(&fd);
	} else if (fd < 0) {
		auth_conn_drop(conn, AUTH_UNREACHABLE, error_text(-error));
	} else if (!take_socket(conn, fd)) {
		auth_conn_drop(conn, AUTH_UNREACHABLE,
			       "the socket cannot be used");
	} else {
		conn->state = CONN_HELLO;
		arm(conn, HANDSHAKE_MS);
		conn->owner->on_open(conn->arg);
	}
}

void auth_conn_established(struct auth_conn *conn)
{
	assert(conn->state == CONN_HELLO);
	(void)event_del(conn->timer);
	conn->state = CONN_UP;
	conn->up_since_ms = clock_monotonic_ms();
	auth_conn_report(conn, AUTH_CONNECTED, "connected to Dovecot");
}

bool auth_conn_is_established(const struct auth_conn *conn)
{
	return conn->state == CONN_UP;
}

int auth_conn_send(struct auth_conn *conn, struct slice line)
{
	struct evbuffer *out;

	if (conn->bev == NULL)
		return -ENOTCONN;
	out = bufferevent_get_output(conn->bev);
	if (evbuffer_get_length(out) > UNSENT_OCTETS)
		return -ENOBUFS;
	if (evbuffer_add(out, line.p, line.n) != 0 ||
	    evbuffer_add(out, "\n", 1) != 0)
		return -ENOBUFS;
	return 0;
}
