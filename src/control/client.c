#include "control/client.h"

#include "base/mem.h"
#include "control/answer.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

struct client {
	struct bufferevent *bev;
	struct event *again; /* client_done() outside of client_run() */
	const struct client_events *events;
	void *arg;
	bool is_busy;   /* a request waits for its answer */
	bool is_ending; /* nothing more is read */
	bool is_broken; /* nothing more can be sent */
};

/* Hands out the next line, if there is a whole one. */
static bool take_line(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t n = 0;
	char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);

	if (line == NULL && evbuffer_get_length(in) >= CLIENT_LINE_OCTETS) {
		answer_error(client_output(c), "the request is too long");
		(void)evbuffer_drain(in, evbuffer_get_length(in));
		c->is_ending = true;
	}
	if (line == NULL)
		return false;
	c->is_busy = true;
	c->events->on_line(c, (struct slice){ .p = line, .n = n }, c->arg);
	free(line); /* libevent's */
	return true;
}

/* Every event ends here, and only from here the client's end is told. */
static void client_run(struct client *c)
{
	size_t waiting;

	while (!c->is_busy && !c->is_broken && take_line(c))
		;
	waiting = evbuffer_get_length(bufferevent_get_output(c->bev));
	if (c->is_broken || (c->is_ending && !c->is_busy && waiting == 0)) {
		c->events->on_closed(c, c->arg);
		return;
	}
	/* While a request is worked on, silence is no idleness. */
	if (c->is_busy || c->is_ending)
		(void)bufferevent_disable(c->bev, EV_READ);
	else
		(void)bufferevent_enable(c->bev, EV_READ);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_run(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	(void)bev;
	c->events->on_sent(c, c->arg);
	client_run(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	/* A client may shut its side down and still wait for the answer. What
	 * was met with while writing may come in the same call. */
	if (what == (BEV_EVENT_EOF | BEV_EVENT_READING))
		c->is_ending = true;
	else
		c->is_broken = true;
	client_run(c);
}

static void on_again(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_run(arg);
}

struct client *client_new(struct event_base *base, int fd,
			  const struct client_events *events, void *arg)
{
	const struct timeval idle = { .tv_sec = CLIENT_IDLE_S };
	struct client *c = mem_new(sizeof(*c));

	c->events = events;
	c->arg = arg;
	c->bev = bufferevent_socket_new(
		base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	c->again = event_new(base, -1, 0, on_again, c);
	assert(c->bev != NULL && c->again != NULL);
	bufferevent_setwatermark(c->bev, EV_READ, 0, CLIENT_LINE_OCTETS);
	bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
	(void)bufferevent_set_timeouts(c->bev, &idle, &idle);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return c;
}

void client_free(struct client **client)
{
	struct client *c = *client;

	if (c == NULL)
		return;
	event_free(c->again);
	bufferevent_free(c->bev);
	mem_free(client);
}

struct evbuffer *client_output(struct client *client)
{
	return bufferevent_get_output(client->bev);
}

void client_done(struct client *client)
{
	client->is_busy = false;
	event_active(client->again, 0, 0);
}

void client_close(struct client *client)
{
	client->is_ending = true;
	client_done(client);
}
