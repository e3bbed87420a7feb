#include "milter/session-private.h"

#include "base/mem.h"

#include <string.h>

/* --- what is told ------------------------------------------------------------- */

static const char *stage_name(enum milter_command at)
{
	switch (at) {
	case MILTER_OPTNEG:
		return "connection";
	case MILTER_CONNECT:
		return "connect";
	case MILTER_HELO:
		return "hello";
	case MILTER_MAIL:
		return "mail";
	case MILTER_RCPT:
		return "rcpt";
	case MILTER_DATA:
		return "data";
	case MILTER_HEADER:
		return "header";
	case MILTER_EOH:
		return "end of header";
	case MILTER_BODY:
		return "body";
	case MILTER_BODYEOB:
		return "end of message";
	case MILTER_UNKNOWN:
		return "unknown command";
	case MILTER_MACRO:
	case MILTER_ABORT:
	case MILTER_QUIT:
		break;
	}
	return "";
}

void milter_session_tell(struct milter_session *s, enum milter_event_kind kind,
			 struct slice text, uint16_t code)
{
	const struct milter_event event = {
		.kind = kind,
		.filter = s->filter->config.name,
		.stage = stage_name(s->at),
		.text = text,
		.code = code,
		.is_dry_run = s->filter->config.dry_run,
	};

	s->scene->calls->on_event(&event, s->scene->arg);
}

void milter_session_tell_passed(struct milter_session *s)
{
	s->filter->stats.unfiltered++;
	milter_session_tell(s, MILTER_EVENT_PASSED, s->filter->stats.problem,
			    0);
}

void milter_session_set_verdict(struct milter_session *s,
				enum milter_verdict_kind kind, uint16_t code,
				struct slice text)
{
	mem_free(&s->verdict_text);
	s->verdict_text = mem_array(text.n + 1, 1);
	if (text.n > 0)
		memcpy(s->verdict_text, text.p, text.n);
	s->verdict = (struct milter_verdict){
		.kind = kind,
		.code = code,
		.text = { s->verdict_text, text.n },
		.filter = s->filter->config.name,
	};
	s->answer = MILTER_HAS_VERDICT;
}

/* --- what is done ------------------------------------------------------------- */

static void refuse_mail(struct milter_session *s)
{
	switch (s->filter->config.on_failure) {
	case MILTER_FAILURE_TEMPFAIL:
		milter_session_set_verdict(
			s, MILTER_REFUSE, 451,
			S("4.7.1 Service unavailable - try again later"));
		s->verdict.is_failure = true;
		break;
	case MILTER_FAILURE_REJECT:
		milter_session_set_verdict(s, MILTER_REFUSE, 550,
					   S("5.5.0 Service unavailable"));
		s->verdict.is_failure = true;
		break;
	case MILTER_FAILURE_ACCEPT:
	case MILTER_FAILURE_QUARANTINE:
		s->is_left_out = true;
		break;
	}
}

/* Before a message, it has time to come back. */
enum milter_answer milter_session_policy(struct milter_session *s)
{
	s->answer = MILTER_GOES_ON;
	switch (s->ask->kind) {
	case MILTER_ASK_MAIL:
	case MILTER_ASK_RCPT:
	case MILTER_ASK_DATA:
	case MILTER_ASK_CONTENT:
		if (!s->filter->config.dry_run)
			refuse_mail(s);
		break;
	case MILTER_ASK_CONNECT:
	case MILTER_ASK_HELLO:
	case MILTER_ASK_RCPT_REFUSED:
	case MILTER_ASK_UNKNOWN:
		break;
	}
	return s->answer;
}

/* Replies may be under way: the connection is of no use any more. */
void milter_session_fail(struct milter_session *s, struct slice problem)
{
	bool is_in_message =
		s->state == MILTER_IN_MESSAGE ||
		(s->ask != NULL && s->ask->kind == MILTER_ASK_MAIL);

	milter_filter_failed(s->filter, problem);
	milter_session_tell(s, MILTER_EVENT_FAILED, s->filter->stats.problem,
			    0);
	milter_session_disconnect(s);
	s->state = MILTER_IS_DOWN;
	if (is_in_message) {
		s->state = MILTER_HAS_FAILED;
		milter_edits_free(&s->edits);
	}
	if (s->ask != NULL)
		(void)milter_session_policy(s);
}
