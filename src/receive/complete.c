/*
 * What becomes of a message whose content has all come: one function a step.
 * A step goes on to the next one; or sets s->op, and session_run() brings it
 * here again; or ends the transaction.
 */
#include "receive/session-private.h"

#include "proc/dkim_signer.h"
#include "receive/envelope.h"
#include "receive/origin_fields.h"
#include "receive/post_data.h"
#include "receive/rewrite.h"
#include "receive/signing.h"

#include <errno.h>

static void enter(struct session *s, enum complete_step step)
{
	s->tx->step = step;
}

/* --- the end ------------------------------------------------------------------ */

static void refuse(struct session *s, const struct reply *r)
{
	session_refuse(s, r);
	session_end_transaction(s);
}

static struct slice first_recipient(const struct transaction *t)
{
	return t->recipient_count > 0 ? t->recipients[0].original
				      : t->pending.original;
}

/* It is gone, and the client hears nothing of that. */
static void discard(struct session *s, struct log_fact why)
{
	const struct transaction *t = s->tx;
	const struct slice words[] = { S("OK: accepted as "), t->trace };
	const struct reply r = { .code = 250,
				 .status = { 2, 0, 0 },
				 .text = arena_join(s->server->scratch, words,
						    2) };

	LOG(LOG_INFO, &t->log, "discarded", why,
	    log_text("from", t->reverse_path),
	    log_text("to", first_recipient(t)),
	    log_number("recipients", t->recipient_count),
	    log_number("size", t->data.octets), log_string("login", s->login),
	    log_string("peer", s->peer_ip));
	session_reply(s, &r);
	session_end_transaction(s);
}

/* --- all of it is there --------------------------------------------------------- */

static void flush_content(struct session *s)
{
	switch (body_end(s)) {
	case CONTENT_WAITING:
		break; /* it calls */
	case CONTENT_OPEN:
		enter(s, COMPLETE_FROM);
		break;
	case CONTENT_NO_ROOM:
		refuse(s, &REPLY_NO_ROOM);
		break;
	case CONTENT_BROKEN:
		refuse(s, &REPLY_INTERNAL);
		break;
	}
}

static void finish_content(struct session *s)
{
	const struct reply *fault = body_fault(s->tx);

	if (fault != NULL)
		refuse(s, fault);
	else if (s->tx->dropped_by.n > 0)
		discard(s, log_text("filter", s->tx->dropped_by));
	else
		flush_content(s);
}

/* --- a content of its own ---------------------------------------------------------- */

static void on_rewritten(enum content_state state, struct content **content,
			 void *arg)
{
	struct session *s = arg;
	struct transaction *t = s->tx;

	t->rewrite = NULL;
	session_op_done(s);
	arena_clear(s->server->scratch);
	if (state == CONTENT_OPEN) {
		content_free(&t->content);
		t->content = *content;
		*content = NULL;
	} else {
		refuse(s, state == CONTENT_NO_ROOM ? &REPLY_NO_ROOM
						   : &REPLY_INTERNAL);
	}
	session_run(s);
}

/* The next step was entered already. */
static void rewrite(struct session *s, const struct rewrite_parts *parts)
{
	s->op = OP_REWRITE;
	s->tx->rewrite = rewrite_start(s->server->base, s->server->spool, parts,
				       on_rewritten, s);
}

/* --- who sent it ---------------------------------------------------------------------- */

static void put_origin(struct session *s, struct slice fields)
{
	struct rewrite_parts parts;

	if (origin_parts(s, fields, &parts) == 0)
		rewrite(s, &parts);
	else
		refuse(s, &REPLY_INTERNAL);
}

static void after_origin(struct session *s, const struct reply *refusal,
			 struct slice fields)
{
	if (refusal != NULL) {
		session_refuse(s, refusal);
		session_end_transaction(s);
	} else {
		put_origin(s, fields);
	}
}

/* Logins and users of this machine claim nothing for us either. */
static void ask_origin(struct session *s)
{
	const struct transaction *t = s->tx;

	enter(s, COMPLETE_FILTERS);
	if (t->origin.is_asked)
		origin_verify(s, after_origin);
	else if (t->header.has_authres && s->service != LISTENER_SMTP)
		put_origin(s, S(""));
}

/* --- milters ---------------------------------------------------------------------- */

static void after_filters(struct session *s, const struct milter_verdict *v)
{
	struct transaction *t = s->tx;

	if (filters_refuse(s, v)) {
		session_end_transaction(s);
	} else if (t->dropped_by.n > 0) {
		discard(s, log_text("filter", t->dropped_by));
	} else {
		t->hold = arena_copy(t->arena,
				     milter_message_quarantine(t->message));
		enter(s, COMPLETE_EDITS);
	}
}

/* What opening gave, or a field that no filter can be shown. */
static const struct reply *message_fault(const struct transaction *t, int error)
{
	if (error == -EMSGSIZE)
		return &REPLY_HEADER_TOO_BIG;
	if (error != 0)
		return &REPLY_INTERNAL;
	/* Name and value have a NUL each. */
	if (milter_message_longest_field(t->message) + 2 > MILTER_DATA_OCTETS)
		return &REPLY_HEADER_TOO_BIG;
	return NULL;
}

static void ask_filters(struct session *s)
{
	struct transaction *t = s->tx;
	const struct reply *fault;
	int error;

	if (s->filters == NULL) {
		enter(s, COMPLETE_HOOK);
		return;
	}
	/* Our Received field is the first. */
	error = milter_message_open(content_fd(t->content),
				    content_octets(t->content), 1, &t->message);
	fault = message_fault(t, error);
	if (fault != NULL)
		refuse(s, fault);
	else
		filters_content(s, after_filters);
}

/* --- what they changed --------------------------------------------------------------- */

static void edit_content(struct session *s)
{
	const struct milter_message *m = s->tx->message;

	enter(s, COMPLETE_ENVELOPE);
	if (milter_message_is_changed(m)) {
		const struct rewrite_parts parts = {
			.header = milter_message_header(m, s->server->scratch),
			.body = milter_message_body(m),
		};

		rewrite(s, &parts);
	}
}

static void on_envelope(enum envelope_result result, void *arg)
{
	struct session *s = arg;

	s->tx->envelope = NULL;
	session_op_done(s);
	arena_clear(s->server->scratch);
	switch (result) {
	case ENVELOPE_DONE:
		break;
	case ENVELOPE_EMPTY:
		discard(s, log_string("reason", "no recipient is left"));
		break;
	case ENVELOPE_TRY_LATER:
		refuse(s, &REPLY_LOOKUP_FAILED);
		break;
	}
	session_run(s);
}

static void edit_envelope(struct session *s)
{
	struct transaction *t = s->tx;

	enter(s, COMPLETE_HOOK);
	if (milter_message_envelope_count(t->message) == 0)
		return;
	s->op = OP_ENVELOPE;
	t->envelope = envelope_start(s->server, t, t->message, on_envelope, s);
}

/* --- hooks/post-data ------------------------------------------------------------------ */

static void put_on_top(struct session *s, struct slice header)
{
	const struct content *content = s->tx->content;
	const struct rewrite_parts parts = {
		.prefix = header,
		.body = { .fd = content_fd(content),
			  .octets = content_octets(content) },
	};

	rewrite(s, &parts);
}

static void on_hook(struct slice header, const struct reply *refusal, void *arg)
{
	struct session *s = arg;

	s->tx->post_data = NULL;
	session_op_done(s);
	if (refusal != NULL) {
		session_pass_refusal(s, refusal);
		session_end_transaction(s);
	} else if (header.n > 0) {
		put_on_top(s, header);
	}
	session_run(s);
}

static void run_hook(struct session *s)
{
	milter_message_free(&s->tx->message);
	enter(s, COMPLETE_SIGN);
	if (!post_data_is_wanted(s))
		return;
	s->op = OP_HOOK;
	s->tx->post_data = post_data_start(s, on_hook, s);
}

/* --- all of it ------------------------------------------------------------------------- */

void complete_cancel(struct transaction *t)
{
	rewrite_cancel(&t->rewrite);
	envelope_cancel(&t->envelope);
	post_data_cancel(&t->post_data);
	dkim_sign_cancel(&t->signing);
	outgoing_cancel(t);
	milter_message_free(&t->message);
}

enum step complete_step(struct session *s)
{
	switch (s->tx->step) {
	case COMPLETE_CONTENT:
		finish_content(s);
		break;
	case COMPLETE_FROM:
		enter(s, COMPLETE_ORIGIN);
		outgoing_check_from(s, refuse);
		break;
	case COMPLETE_ORIGIN:
		ask_origin(s);
		break;
	case COMPLETE_FILTERS:
		ask_filters(s);
		break;
	case COMPLETE_EDITS:
		edit_content(s);
		break;
	case COMPLETE_ENVELOPE:
		edit_envelope(s);
		break;
	case COMPLETE_HOOK:
		run_hook(s);
		break;
	case COMPLETE_SIGN:
		enter(s, COMPLETE_SPEND);
		signing_start(s, put_on_top, refuse);
		break;
	case COMPLETE_SPEND:
		enter(s, COMPLETE_HANDOVER);
		outgoing_spend(s, refuse);
		break;
	case COMPLETE_HANDOVER:
		complete_hand_over(s);
		break;
	}
	return STEP_NEXT;
}
