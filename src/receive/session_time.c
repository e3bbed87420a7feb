#include "receive/session-private.h"

#include "base/clock.h"

enum {
	LINE_MS = 300 * 1000, /* one command line from first to last octet */
	ANSWER_MS =
		180 * 1000, /* a SASL answer: RFC 4954 clients wait as long */
	RATE_MS = 60 * 1000,
	CLOSE_MS = 10 * 1000, /* to read our last reply */
	LINGER_MS = 2 * 1000,
};

static bool is_too_slow(struct session *s, uint64_t now_ms)
{
	uint64_t passed = now_ms - s->rate_ms;
	uint64_t floor = s->server->conf->data_rate_floor;
	bool is_slow;

	if (passed < RATE_MS)
		return false;
	is_slow = s->rate_octets < floor * passed / 1000;
	s->rate_ms = now_ms;
	s->rate_octets = 0;
	return is_slow;
}

static void end_if(struct session *s, bool is_late)
{
	if (is_late)
		session_enter(s, ST_OVER);
}

static void tell_if(struct session *s, bool is_late, const struct reply *r)
{
	if (is_late)
		session_refuse(s, r);
}

/* An octet now and then is no line. */
static bool is_line_late(const struct session *s, uint64_t now_ms,
			 uint64_t limit_ms)
{
	return s->line_ms != 0 &&
	       now_ms - s->line_ms > (limit_ms < LINE_MS ? limit_ms : LINE_MS);
}

static void check_time(struct session *s, uint64_t now_ms)
{
	uint64_t idle = now_ms - s->active_ms;
	uint64_t limit = s->server->conf->session_timeout * 1000;
	uint64_t answer = limit < ANSWER_MS ? limit : ANSWER_MS;

	switch (s->state) {
	case ST_TLS:
		end_if(s, idle > limit);
		break;
	case ST_GREETED:
	case ST_READY:
	case ST_MAIL:
	case ST_RCPT:
	case ST_CHUNKS:
		tell_if(s, idle > limit || is_line_late(s, now_ms, limit),
			&REPLY_IDLE);
		break;
	case ST_DATA:
	case ST_CHUNK:
	case ST_EAT:
		if (idle > limit)
			session_refuse(s, &REPLY_IDLE);
		else
			tell_if(s, is_too_slow(s, now_ms), &REPLY_TOO_SLOW);
		break;
	case ST_AUTH:
		tell_if(s, idle > answer || is_line_late(s, now_ms, answer),
			&REPLY_IDLE);
		break;
	case ST_CLOSING:
		end_if(s, idle > CLOSE_MS);
		break;
	case ST_LINGERING:
		end_if(s, idle > LINGER_MS);
		break;
	case ST_COMPLETE:
	case ST_OVER:
		break;
	}
}

/* now_ms may be a little older than what the session saw last. */
void session_tick(struct session *s, uint64_t now_ms)
{
	bool is_ours = s->op != OP_NONE && s->op != OP_TLS;

	if (is_ours || now_ms <= s->active_ms)
		return;
	arena_clear(s->server->scratch);
	check_time(s, now_ms);
	session_run(s);
}

void session_drain(struct session *s)
{
	session_run(s);
}

void session_shut(struct session *s)
{
	arena_clear(s->server->scratch);
	if (s->state == ST_TLS || s->state == ST_LINGERING) {
		session_enter(s, ST_OVER);
	} else if (s->state != ST_CLOSING) {
		s->op = OP_NONE;
		filters_free(&s->filters);
		session_drop_transaction(s);
		session_auth_free(&s->auth);
		session_reply(s, &REPLY_SHUTDOWN);
	}
	session_run(s);
}
