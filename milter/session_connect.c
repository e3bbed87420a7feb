#include "milter/session-private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	ADDRESSES = 16,   /* of one name that are tried */
	PATIENCE_MS = 80, /* while the filter's backlog is full */
};

static void start_timer(struct milter_session *s, unsigned ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000,
				    .tv_usec = ms % 1000 * 1000 };

	(void)event_add(s->timer, &tv);
}

static void want(struct milter_session *s)
{
	const struct milter_connector *c = &s->set->config.connector;

	s->state = MILTER_IS_CONNECTING;
	s->at = MILTER_OPTNEG;
	s->is_wanted = true;
	start_timer(s, s->filter->config.connect_ms);
	c->want(s->filter->config.name, s->attempt, s, c->arg);
}

void milter_session_disconnect(struct milter_session *s)
{
	const struct milter_connector *c = &s->set->config.connector;

	if (s->is_wanted)
		c->forget(s, c->arg);
	s->is_wanted = false;
	(void)event_del(s->timer);
	milter_conn_free(&s->conn);
	s->is_owed = false;
	s->is_full = false;
}

static bool has_time(const struct milter_session *s)
{
	return clock_monotonic_ms() <
	       s->connecting_since_ms +
		       (uint64_t)s->filter->config.connect_ms * 2;
}

/* One address did not work: the next, if there is one. */
static void lose(struct milter_session *s, struct slice problem)
{
	if (s->has_more && s->attempt + 1 < ADDRESSES && has_time(s)) {
		milter_session_disconnect(s);
		s->attempt++;
		want(s);
		return;
	}
	milter_filter_is_away(s->filter);
	milter_session_fail(s, problem);
	milter_session_go_on(s);
}

static void connect_anew(struct milter_session *s)
{
	s->connecting_since_ms = clock_monotonic_ms();
	s->attempt = 0;
	s->has_more = false;
	s->is_patient = false;
	want(s);
}

/* At CONNECT it is early to say so: it may be back at MAIL. */
void milter_session_connect(struct milter_session *s)
{
	s->at = MILTER_OPTNEG;
	if (milter_filter_may_connect(s->filter))
		connect_anew(s);
	else if (s->ask->kind == MILTER_ASK_MAIL)
		milter_session_fail(s, s->filter->stats.problem);
	else
		s->answer = MILTER_GOES_ON;
}

void milter_session_prepare(struct milter_session *s)
{
	if (s->state == MILTER_IS_DOWN &&
	    !s->filter->config.only_authenticated &&
	    milter_filter_may_connect(s->filter))
		connect_anew(s);
}

static void on_timer(int fd, short what, void *arg)
{
	struct milter_session *s = arg;

	(void)fd;
	(void)what;
	if (s->is_wanted)
		lose(s, S("no connection in time"));
	else
		want(s);
}

void milter_session_init_timer(struct milter_session *s)
{
	s->timer = evtimer_new(s->set->config.base, on_timer, s);
	assert(s->timer != NULL);
}

/* --- the connection ------------------------------------------------------------- */

static void on_ready(void *arg)
{
	struct milter_session *s = arg;

	s->state = MILTER_IS_READY;
	s->is_hello_due = s->scene->has_hello;
	s->has_warned = false;
	if (milter_filter_is_back(s->filter, milter_conn_options(s->conn)))
		milter_session_tell(s, MILTER_EVENT_RETURNED, S(""), 0);
	milter_session_go_on(s);
}

static void on_reply(const struct milter_reply *reply, void *arg)
{
	struct milter_session *s = arg;

	milter_session_take(s, reply);
	milter_session_go_on(s);
}

static void on_room(void *arg)
{
	struct milter_session *s = arg;

	s->is_full = false;
	milter_session_go_on(s);
}

/* Without a message a filter may go as it likes: it was restarted. */
static void on_end(bool is_quiet, struct slice problem, void *arg)
{
	struct milter_session *s = arg;

	if (s->state == MILTER_IS_CONNECTING) {
		lose(s, problem);
	} else if (is_quiet && !s->is_owed && s->state != MILTER_IN_MESSAGE) {
		milter_session_disconnect(s);
		s->state = MILTER_IS_DOWN;
		milter_session_go_on(s); /* what waited for room */
	} else {
		milter_session_fail(s, problem);
		milter_session_go_on(s);
	}
}

static const struct milter_conn_calls calls = {
	.on_ready = on_ready,
	.on_reply = on_reply,
	.on_room = on_room,
	.on_end = on_end,
};

void milter_connected(void *token, int fd, int error, bool has_more,
		      struct slice where)
{
	struct milter_session *s = token;
	const struct milter_filter_config *filter = &s->filter->config;
	const struct milter_conn_config config = {
		.connect_ms = filter->connect_ms,
		.write_ms = filter->command_ms,
		.offer = milter_offer(filter->version),
	};

	assert(s->is_wanted && s->state == MILTER_IS_CONNECTING);
	s->is_wanted = false;
	s->has_more = has_more;
	(void)event_del(s->timer);
	if (fd >= 0) {
		s->conn = milter_conn_new(s->set->config.base, fd, &config,
					  &calls, s);
	} else if (error == -EAGAIN && !s->is_patient) {
		s->is_patient = true;
		start_timer(s, PATIENCE_MS);
	} else {
		const struct slice words[] = { where, S(": "),
					       slice_of(strerror(-error)) };

		arena_clear(s->scratch);
		lose(s, where.n == 0 ? words[2]
				     : arena_join(s->scratch, words, 3));
	}
}
