#include "milter/session-private.h"

static bool is_about_client(const struct milter_session *s)
{
	return s->at == MILTER_CONNECT || s->at == MILTER_HELO;
}

/* --- verdicts ----------------------------------------------------------------- */

/* A last word, after which the filter expects the next message, or client. */
static void let_go(struct milter_session *s)
{
	if (is_about_client(s)) {
		milter_session_quit(s);
		s->state = MILTER_CONN_DONE;
	} else if (s->state == MILTER_IN_MESSAGE) {
		s->state = MILTER_MESSAGE_DONE;
	}
}

static void count(struct milter_filter *filter, uint16_t code)
{
	if (code < 500)
		filter->stats.deferred++;
	else
		filter->stats.rejected++;
}

static void conclude(struct milter_session *s, enum milter_verdict_kind kind,
		     uint16_t code, struct slice text)
{
	if (s->filter->config.dry_run)
		s->answer = MILTER_GOES_ON;
	else
		milter_session_set_verdict(s, kind, code, text);
}

/* A recipient or an unknown command is refused alone. Of the latter only what
 * is milder than the server's own 500 counts. */
static void refused(struct milter_session *s, uint16_t code, struct slice text)
{
	bool is_alone = s->at == MILTER_RCPT || s->at == MILTER_UNKNOWN;

	if (s->ask->kind == MILTER_ASK_RCPT_REFUSED && is_alone)
		return;
	count(s->filter, code);
	milter_session_tell(s, MILTER_EVENT_VERDICT, text, code);
	if (s->at == MILTER_UNKNOWN && code >= 500)
		return;
	s->is_standing = is_about_client(s) && !s->filter->config.dry_run;
	if (!is_alone) {
		let_go(s);
		milter_edits_free(&s->edits);
	}
	conclude(s, code == 421 ? MILTER_CLOSE : MILTER_REFUSE, code, text);
}

static void accepted(struct milter_session *s)
{
	if (s->state == MILTER_IN_MESSAGE)
		s->filter->stats.messages++;
	if (s->at != MILTER_BODYEOB)
		milter_session_tell(s, MILTER_EVENT_VERDICT, S("accept"), 0);
	if (s->ask->kind == MILTER_ASK_CONTENT) {
		milter_session_finish(s);
	} else {
		let_go(s);
		s->answer = MILTER_GOES_ON;
	}
}

/* A libmilter keeps the message open when it discards at a recipient. */
static void discarded(struct milter_session *s)
{
	if (is_about_client(s) || s->at == MILTER_UNKNOWN ||
	    s->ask->kind == MILTER_ASK_RCPT_REFUSED) {
		milter_session_tell(s, MILTER_EVENT_IGNORED,
				    S("a discard out of place"), 0);
		return;
	}
	s->filter->stats.discarded++;
	milter_session_tell(s, MILTER_EVENT_VERDICT, S("discard"), 0);
	milter_edits_free(&s->edits);
	if (s->at == MILTER_RCPT)
		milter_session_say_abort(s);
	let_go(s);
	conclude(s, MILTER_DROP, 0, S(""));
}

static void continued(struct milter_session *s)
{
	if (s->at != MILTER_BODYEOB)
		return;
	s->filter->stats.messages++;
	milter_session_finish(s);
}

/* How it went is known when it is done. */
static void apply(struct milter_session *s)
{
	size_t undone = 0;

	if (!s->filter->config.dry_run)
		undone = milter_edits_apply(s->edits, s->ask->message);
	for (size_t i = 0; i < milter_edits_count(s->edits); i++) {
		arena_clear(s->scratch);
		milter_session_tell(
			s, MILTER_EVENT_EDIT,
			milter_edits_describe(s->edits, i, s->scratch), 0);
	}
	if (undone > 0)
		milter_session_tell(s, MILTER_EVENT_IGNORED,
				    S("edits that would make the header too "
				      "big"),
				    0);
	if (milter_edits_count(s->edits) > 0 && !s->filter->config.dry_run)
		s->filter->stats.edited++;
}

void milter_session_finish(struct milter_session *s)
{
	if (s->edits != NULL)
		apply(s);
	milter_edits_free(&s->edits);
	let_go(s);
	s->answer = MILTER_GOES_ON;
}

/* With its answer owed the rest of that would be taken for another's. */
void milter_session_refuse(struct milter_session *s, uint16_t code,
			   struct slice text)
{
	milter_session_tell(s, MILTER_EVENT_VERDICT, text, code);
	milter_edits_free(&s->edits);
	if (s->is_owed) {
		milter_session_quit(s);
		s->state = MILTER_IS_DOWN;
	} else {
		milter_session_say_abort(s);
		let_go(s);
	}
	conclude(s, MILTER_REFUSE, code, text);
}

/* --- edits --------------------------------------------------------------------- */

static uint32_t needed_action(enum milter_code code)
{
	switch (code) {
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
		return MILTER_MAY_ADDHDRS;
	case MILTER_CHGHEADER:
		return MILTER_MAY_CHGHDRS;
	case MILTER_REPLBODY:
		return MILTER_MAY_CHGBODY;
	case MILTER_ADDRCPT:
		return MILTER_MAY_ADDRCPT;
	case MILTER_ADDRCPT_PAR:
		return MILTER_MAY_ADDRCPT_PAR;
	case MILTER_DELRCPT:
		return MILTER_MAY_DELRCPT;
	case MILTER_CHGFROM:
		return MILTER_MAY_CHGFROM;
	case MILTER_QUARANTINE:
		return MILTER_MAY_QUARANTINE;
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_REPLYCODE:
	case MILTER_SKIP:
	case MILTER_SHUTDOWN:
	case MILTER_CONN_FAIL:
	case MILTER_PROGRESS:
		break;
	}
	return 0;
}

static void keep(struct milter_session *s, const struct milter_reply *reply)
{
	const struct milter_edits_config config = {
		.body_limit = s->set->config.body_limit,
		.is_original_index = s->filter->config.is_original_index,
		.has_leading_space = !milter_session_wants(s, MILTER_LEADSPC),
	};
	struct slice problem = S("");

	if (s->edits == NULL)
		s->edits = milter_edits_new(&config);
	switch (milter_edits_take(s->edits, reply, &problem)) {
	case MILTER_EDIT_TAKEN:
		break;
	case MILTER_EDIT_IGNORED:
		milter_session_tell(s, MILTER_EVENT_IGNORED, problem, 0);
		if (++s->ignored_count > MILTER_EDIT_COUNT)
			milter_session_fail(s, S("it wants too much changed"));
		break;
	case MILTER_EDIT_TOO_MANY:
		milter_session_fail(s, S("it wants too much changed"));
		break;
	case MILTER_EDIT_NO_ROOM:
		milter_session_fail(s, S("no room for the body it wants"));
		break;
	case MILTER_EDIT_TOO_BIG:
		milter_session_refuse(
			s, 552,
			S("5.3.4 The message is too big when filtered"));
		break;
	}
}

/* Only what nobody could follow is held against a filter that did not say
 * beforehand what it may do. */
static void edit(struct milter_session *s, const struct milter_reply *reply)
{
	uint32_t actions = milter_conn_options(s->conn)->actions;
	bool is_announced = (actions & needed_action(reply->code)) != 0;

	if (s->at != MILTER_BODYEOB && reply->code != MILTER_QUARANTINE) {
		milter_session_fail(s, S("an edit before the message's end"));
		return;
	}
	if (!is_announced && reply->code == MILTER_REPLBODY) {
		milter_session_fail(s,
				    S("a new body, which was not agreed on"));
		return;
	}
	if (!is_announced && !s->has_warned) {
		s->has_warned = true;
		milter_session_tell(s, MILTER_EVENT_IGNORED,
				    S("an edit that was not agreed on; it is "
				      "made all the same"),
				    0);
	}
	keep(s, reply);
}

/* The first reason counts. One may come without being asked for: from a filter
 * that does not answer the event that it says it at. */
static void quarantine(struct milter_session *s,
		       const struct milter_reply *reply)
{
	if (s->state != MILTER_IN_MESSAGE) {
		if (s->is_owed) /* else of one that has been broken off */
			milter_session_tell(s, MILTER_EVENT_IGNORED,
					    S("a quarantine without a message"),
					    0);
	} else if (!s->is_held) {
		s->is_held = true;
		s->filter->stats.quarantined++;
		milter_session_tell(
			s, MILTER_EVENT_QUARANTINE,
			slice_head(reply->text, MILTER_REASON_OCTETS), 0);
		edit(s, reply);
	}
}

/* --- replies -------------------------------------------------------------------- */

static void take_verdict(struct milter_session *s,
			 const struct milter_reply *reply)
{
	static const struct slice later =
		SLICE("4.7.1 Service unavailable - try again later");

	s->is_owed = false;
	switch (reply->code) {
	case MILTER_SKIP:
		s->content.is_skipped |= s->at == MILTER_BODY;
		continued(s);
		break;
	case MILTER_CONTINUE:
		continued(s);
		break;
	case MILTER_ACCEPT:
		accepted(s);
		break;
	case MILTER_REJECT:
		refused(s, 550, S("5.7.1 Command rejected"));
		break;
	case MILTER_TEMPFAIL:
		refused(s, 451, later);
		break;
	case MILTER_REPLYCODE:
		refused(s, reply->smtp_code, reply->text);
		break;
	case MILTER_SHUTDOWN:
	case MILTER_CONN_FAIL:
		refused(s, 421, later);
		break;
	case MILTER_DISCARD:
		discarded(s);
		break;
	case MILTER_PROGRESS:
	case MILTER_QUARANTINE:
	case MILTER_ADDHEADER:
	case MILTER_INSHEADER:
	case MILTER_CHGHEADER:
	case MILTER_REPLBODY:
	case MILTER_ADDRCPT:
	case MILTER_ADDRCPT_PAR:
	case MILTER_DELRCPT:
	case MILTER_CHGFROM:
		break; /* none of these comes here */
	}
}

void milter_session_take(struct milter_session *s,
			 const struct milter_reply *reply)
{
	if (reply->code == MILTER_QUARANTINE)
		quarantine(s, reply); /* owed or not */
	else if (!s->is_owed)
		milter_session_fail(s, S("it spoke without being asked"));
	else if (needed_action(reply->code) != 0)
		edit(s, reply);
	else if (reply->code != MILTER_PROGRESS)
		take_verdict(s, reply);
}
