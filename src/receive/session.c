#include "receive/session-private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

/* Replies a client has not read: beyond this none is made. */
enum { UNSENT_OCTETS = 65536 };

/* --- small questions ----------------------------------------------------------- */

bool session_is_submission(const struct session *s)
{
	return s->service != LISTENER_SMTP;
}

bool session_is_local(const struct session *s)
{
	return s->service == LISTENER_LOCAL;
}

bool session_may_relay(const struct session *s)
{
	return s->login != NULL || session_is_local(s);
}

static bool is_choked(const struct session *s)
{
	return stream_unsent(s->stream) > UNSENT_OCTETS;
}

static bool is_closing(const struct session *s)
{
	return s->state == ST_CLOSING || s->state == ST_LINGERING ||
	       s->state == ST_OVER;
}

/* --- the loop ------------------------------------------------------------------- */

void session_enter(struct session *s, enum session_state state)
{
	if (s->state == ST_OVER)
		return;
	s->state = state;
	s->rate_ms = s->active_ms;
	s->rate_octets = 0;
}

static enum step step_command(struct session *s)
{
	struct slice line;

	if (s->server->is_draining && s->tx == NULL) {
		session_reply(s, &REPLY_SHUTDOWN);
		return STEP_NEXT;
	}
	switch (session_line(s, &line)) {
	case LINE_WAIT:
		return STEP_WAIT;
	case LINE_SKIPPED:
		break;
	case LINE_READY:
		session_command(s, line);
		break;
	case LINE_TOO_LONG:
		s->verb = VERB_UNKNOWN;
		session_refuse(s, &REPLY_LINE_TOO_LONG);
		break;
	case LINE_BAD_OCTET:
		s->verb = VERB_UNKNOWN;
		session_refuse(s, &REPLY_BAD_OCTET);
		break;
	}
	return STEP_NEXT;
}

static enum step session_step(struct session *s)
{
	switch (s->state) {
	case ST_GREETED:
	case ST_READY:
	case ST_MAIL:
	case ST_RCPT:
	case ST_CHUNKS:
		return step_command(s);
	case ST_DATA:
		return data_step(s);
	case ST_CHUNK:
		return chunk_step(s);
	case ST_EAT:
		return eat_step(s);
	case ST_COMPLETE:
		return complete_step(s);
	case ST_AUTH:
		return auth_step(s);
	case ST_TLS:
	case ST_CLOSING:
	case ST_LINGERING:
	case ST_OVER:
		break;
	}
	return STEP_WAIT;
}

/* The last reply is out: part, so that the client can still read it. */
static void finish_closing(struct session *s)
{
	if (s->state != ST_CLOSING || !stream_is_flushed(s->stream))
		return;
	if (s->must_linger && !stream_is_tls(s->stream)) {
		(void)shutdown(s->fd, SHUT_WR);
		session_enter(s, ST_LINGERING);
	} else {
		session_enter(s, ST_OVER);
	}
}

static void throw_input_away(struct session *s)
{
	struct evbuffer *in = stream_input(s->stream);

	(void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void pause_or_resume(struct session *s)
{
	bool must_pause = (s->op != OP_NONE && s->op != OP_TLS) ||
			  s->state == ST_CLOSING || is_choked(s);

	if (must_pause == s->is_paused)
		return;
	s->is_paused = must_pause;
	if (must_pause)
		stream_pause(s->stream);
	else
		stream_resume(s->stream);
}

void session_run(struct session *s)
{
	enum step step = STEP_NEXT;

	while (step == STEP_NEXT && s->op == OP_NONE && !is_closing(s) &&
	       !is_choked(s)) {
		arena_clear(s->server->scratch);
		step = session_step(s);
	}
	finish_closing(s);
	if (s->state == ST_LINGERING)
		throw_input_away(s);
	if (s->state == ST_OVER)
		session_free(&s);
	else
		pause_or_resume(s);
}

void session_op_done(struct session *s)
{
	s->op = OP_NONE;
	s->active_ms = clock_monotonic_ms();
	s->rate_ms = s->active_ms;
	s->rate_octets = 0;
}

/* --- what the stream says ---------------------------------------------------------- */

static void on_input(void *arg)
{
	struct session *s = arg;

	if (s->state != ST_LINGERING)
		s->active_ms = clock_monotonic_ms();
	session_run(s);
}

static void on_flushed(void *arg)
{
	struct session *s = arg;

	s->active_ms = clock_monotonic_ms();
	session_run(s);
}

static void on_tls(void *arg)
{
	struct session *s = arg;

	session_op_done(s);
	session_enter(s, ST_GREETED);
	if (s->service == LISTENER_SUBMISSIONS)
		session_greet(s);
	session_run(s);
}

static void on_end(enum stream_end end, void *arg)
{
	struct session *s = arg;

	if (end == STREAM_FAILED)
		LOG(LOG_DEBUG, &s->log, "connection broke",
		    log_string("error", stream_error(s->stream)));
	session_enter(s, ST_OVER);
	session_run(s);
}

static const struct stream_callbacks callbacks = {
	.on_input = on_input,
	.on_flushed = on_flushed,
	.on_tls = on_tls,
	.on_end = on_end,
};

/* --- birth and end ----------------------------------------------------------------- */

static void make_trace(char trace[SESSION_TRACE_OCTETS])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[SESSION_TRACE_OCTETS];
	ssize_t n = getrandom(random, sizeof(random), 0);

	assert(n == (ssize_t)sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		trace[i] = digits[random[i] & 31];
}

static void set_peer(struct session *s, const struct sockaddr_storage *peer)
{
	struct slice text;

	memcpy(&s->peer, peer, sizeof(s->peer));
	text = session_peer_text(&s->peer, s->server->scratch);
	memcpy(s->peer_ip, text.p, text.n);
}

void session_new(struct server *server, enum listener_service service, int fd,
		 const struct sockaddr_storage *peer)
{
	struct session *s = mem_new(sizeof(*s));

	s->server = server;
	s->service = service;
	s->fd = fd;
	s->active_ms = clock_monotonic_ms();
	make_trace(s->trace);
	s->log = (struct log_ctx){ .key = "trace",
				   .value = { s->trace, sizeof(s->trace) } };
	set_peer(s, peer);
	TAILQ_INSERT_TAIL(&server->sessions, s, entry);
	server->session_count++;
	if (server->census != NULL)
		census_enter(server->census, &s->peer.any);
	s->stream = stream_new(server->base, fd, &callbacks, s);
	LOG(LOG_DEBUG, &s->log, "connected", log_string("peer", s->peer_ip));
	filters_begin(s);
	if (service == LISTENER_SUBMISSIONS) {
		session_enter(s, ST_TLS);
		s->op = OP_TLS;
		stream_start_tls(s->stream, server->tls);
	} else {
		session_enter(s, ST_GREETED);
		session_greet(s);
	}
	arena_clear(server->scratch);
}

struct session *session_next(const struct session *s)
{
	return TAILQ_NEXT(s, entry);
}

void session_free(struct session **session)
{
	struct session *s = *session;

	if (s == NULL)
		return;
	LOG(LOG_DEBUG, &s->log, "closed", log_string("peer", s->peer_ip),
	    log_number("transactions", s->transaction_count));
	filters_free(&s->filters);
	session_drop_transaction(s);
	session_auth_free(&s->auth);
	stream_free(&s->stream);
	if (s->server->census != NULL)
		census_leave(s->server->census, &s->peer.any);
	TAILQ_REMOVE(&s->server->sessions, s, entry);
	s->server->session_count--;
	mem_free(&s->hello);
	mem_free(&s->login);
	mem_free(&s->mechanism);
	rights_free(&s->rights);
	mem_free(session);
}
