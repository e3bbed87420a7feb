#include "milter/session-private.h"

#include "base/mem.h"

#include <assert.h>

enum {
	SCRATCH_OCTETS = 8 << 20,
	UNSENT_OCTETS = 4 * MILTER_CONN_LOW, /* then the socket has its turn */
};

/* --- the loop ---------------------------------------------------------------- */

static bool is_waiting(const struct milter_session *s)
{
	return s->is_owed || s->is_full || s->state == MILTER_IS_CONNECTING;
}

/* However little a filter reads and answers, a client that says MAIL and RSET
 * all day does not fill the memory. */
static bool has_room(struct milter_session *s)
{
	if (s->conn != NULL && milter_conn_unsent(s->conn) > UNSENT_OCTETS)
		milter_conn_flush(s->conn);
	return s->conn == NULL || milter_conn_unsent(s->conn) <= UNSENT_OCTETS;
}

static void step(struct milter_session *s)
{
	s->is_full = !has_room(s);
	if (s->is_full)
		return;
	switch (s->state) {
	case MILTER_IS_DOWN:
		milter_session_connect(s);
		break;
	case MILTER_IS_READY:
		milter_session_say_connect(s);
		break;
	case MILTER_IS_CONNECTED:
	case MILTER_IN_MESSAGE:
	case MILTER_MESSAGE_DONE:
		if (s->is_hello_due)
			milter_session_say_hello(s);
		else
			milter_session_say_event(s);
		break;
	case MILTER_IS_CONNECTING:
	case MILTER_CONN_DONE:
	case MILTER_HAS_FAILED:
		assert(false); /* these wait, or have an answer */
		break;
	}
}

static enum milter_answer run(struct milter_session *s)
{
	while (s->answer == MILTER_WAITS && !is_waiting(s))
		step(s);
	if (s->answer != MILTER_WAITS)
		s->ask = NULL;
	return s->answer;
}

void milter_session_go_on(struct milter_session *s)
{
	if (s->ask != NULL && run(s) != MILTER_WAITS)
		s->on_answer(s->answer, s->arg);
}

/* --- which events are for this filter ------------------------------------------- */

static bool is_meant(const struct milter_session *s, bool is_authenticated)
{
	const struct milter_filter_config *config = &s->filter->config;

	if (is_authenticated)
		return !config->only_unauthenticated;
	return !config->only_authenticated;
}

static void begin_message(struct milter_session *s)
{
	s->has_recipient = false;
	s->is_left_out = false;
	s->is_held = false;
	s->ignored_count = 0;
	s->content = (struct milter_content){ 0 };
	milter_edits_free(&s->edits);
}

static bool is_open(const struct milter_session *s)
{
	switch (s->state) {
	case MILTER_IS_CONNECTED:
	case MILTER_IN_MESSAGE:
	case MILTER_MESSAGE_DONE:
		return true;
	case MILTER_IS_DOWN:
	case MILTER_IS_CONNECTING:
	case MILTER_IS_READY:
	case MILTER_CONN_DONE:
	case MILTER_HAS_FAILED:
		break;
	}
	return false;
}

/* RCPT and what comes after it: whether it is for this filter. */
static bool is_for_message(struct milter_session *s)
{
	if (s->state == MILTER_IN_MESSAGE)
		return true;
	if (s->state == MILTER_HAS_FAILED)
		s->answer = milter_session_policy(s);
	else if (s->ask->kind == MILTER_ASK_CONTENT && s->edits != NULL)
		milter_session_finish(s); /* accepted before, and held */
	return false;
}

/* Whether the filter is to hear of it. If not, the answer may be there. */
static bool is_wanted(struct milter_session *s)
{
	switch (s->ask->kind) {
	case MILTER_ASK_CONNECT:
		return !s->filter->config.only_authenticated;
	case MILTER_ASK_HELLO:
		s->is_hello_due = true;
		return s->state != MILTER_IS_DOWN; /* else: later */
	case MILTER_ASK_MAIL:
		if (!is_meant(s, s->ask->is_authenticated))
			return false;
		return true;
	case MILTER_ASK_RCPT:
	case MILTER_ASK_DATA:
	case MILTER_ASK_CONTENT:
		return is_for_message(s);
	case MILTER_ASK_RCPT_REFUSED:
		return s->state == MILTER_IN_MESSAGE &&
		       !milter_session_wants(s, MILTER_RCPT_REJ);
	case MILTER_ASK_UNKNOWN:
		return is_open(s);
	}
	return false;
}

static void begin(struct milter_session *s, const struct milter_ask *ask)
{
	assert(s->ask == NULL);
	s->ask = ask;
	s->answer = MILTER_WAITS;
	s->is_said = false;
	if (ask->kind == MILTER_ASK_MAIL)
		begin_message(s);
	if (!is_wanted(s)) {
		if (s->answer == MILTER_WAITS)
			s->answer = MILTER_GOES_ON;
		return;
	}
	if (s->state == MILTER_CONN_DONE)
		s->answer =
			s->is_standing ? MILTER_HAS_VERDICT : MILTER_GOES_ON;
}

enum milter_answer milter_session_ask(struct milter_session *s,
				      const struct milter_ask *ask)
{
	begin(s, ask);
	return run(s);
}

enum milter_answer milter_session_expire(struct milter_session *s,
					 const struct milter_ask *ask)
{
	if (s->ask == NULL)
		begin(s, ask);
	if (s->answer == MILTER_WAITS)
		milter_session_fail(s, S("it took too long in all"));
	s->ask = NULL;
	return s->answer;
}

const struct milter_verdict *milter_session_verdict(
	const struct milter_session *s)
{
	return &s->verdict;
}

/* --- ends ---------------------------------------------------------------------- */

void milter_session_quit(struct milter_session *s)
{
	if (s->conn != NULL)
		milter_conn_quit(&s->conn, s->state == MILTER_IN_MESSAGE);
	milter_session_disconnect(s);
}

/* Whose reply nobody waits for: what it answers to would not be known. */
void milter_session_cancel(struct milter_session *s)
{
	s->ask = NULL;
	if (!s->is_owed && !s->is_full)
		return;
	milter_session_quit(s);
	s->state = MILTER_IS_DOWN;
}

void milter_session_end_message(struct milter_session *s)
{
	assert(s->ask == NULL);
	milter_edits_free(&s->edits);
	if (s->state == MILTER_IN_MESSAGE) {
		milter_session_say_abort(s);
		s->state = MILTER_IS_CONNECTED;
	} else if (s->state == MILTER_MESSAGE_DONE) {
		s->state = MILTER_IS_CONNECTED;
	} else if (s->state == MILTER_HAS_FAILED) {
		s->state = MILTER_IS_DOWN;
	}
}

bool milter_session_is_left_out(const struct milter_session *s)
{
	return s->is_left_out;
}

const struct milter_filter_config *milter_session_config(
	const struct milter_session *s)
{
	return &s->filter->config;
}

/* --- life ---------------------------------------------------------------------- */

struct milter_session *milter_session_new(struct milter_set *set, size_t filter,
					  const struct milter_scene *scene,
					  milter_on_answer *on_answer,
					  void *arg)
{
	struct milter_session *s = mem_new(sizeof(*s));

	assert(filter < set->config.count);
	s->set = set;
	s->filter = &set->filters[filter];
	s->scene = scene;
	s->on_answer = on_answer;
	s->arg = arg;
	s->at = MILTER_OPTNEG;
	s->scratch = arena_new(SCRATCH_OCTETS);
	milter_session_init_timer(s);
	return s;
}

void milter_session_free(struct milter_session **session)
{
	struct milter_session *s = *session;

	if (s == NULL)
		return;
	if (s->state == MILTER_IS_CONNECTING || s->conn != NULL)
		milter_filter_not_tried(s->filter);
	milter_session_quit(s);
	event_free(s->timer);
	milter_edits_free(&s->edits);
	arena_free(&s->scratch);
	mem_free(&s->verdict_text);
	mem_free(session);
}
