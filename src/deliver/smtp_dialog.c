#include "deliver/smtp_dialog.h"

#include "base/mem.h"
#include "deliver/smtp_fit.h"
#include "deliver/smtp_opening.h"
#include "deliver/smtp_transaction.h"
#include "smtp/reply_reader.h"

#include <assert.h>

enum { FAILURE_OCTETS = 16 << 10 };

struct smtp_dialog {
	enum smtp_state state;
	struct smtp_opening *opening; /* what comes before SMTP_IDLE */
	struct reply_reader *reader;
	unsigned replies;
	struct lmtp_commands out; /* not yet taken by the caller */

	enum smtp_end end;
	struct outcome failure; /* its text is in arena */
	struct arena *arena;

	/* The last message, once there is one. */
	const struct smtp_message *message; /* used until it is over */
	struct smtp_recipients *recipients;
	struct smtp_transaction *transaction;
	unsigned transactions; /* begun in this session */
};

struct smtp_dialog *smtp_dialog_new(const char *hostname, enum smtp_tls tls,
				    const struct smtp_login *login)
{
	static const struct smtp_login none;
	struct smtp_dialog *d = mem_new(sizeof(*d));

	d->opening =
		smtp_opening_new(hostname, tls, login != NULL ? login : &none);
	d->reader = reply_reader_new();
	d->arena = arena_new(FAILURE_OCTETS);
	d->transaction = smtp_transaction_new();
	return d;
}

void smtp_dialog_free(struct smtp_dialog **dialog)
{
	struct smtp_dialog *d = *dialog;

	if (d == NULL)
		return;
	smtp_opening_free(&d->opening);
	reply_reader_free(&d->reader);
	arena_free(&d->arena);
	smtp_recipients_free(&d->recipients);
	smtp_transaction_free(&d->transaction);
	mem_free(dialog);
}

enum smtp_state smtp_dialog_state(const struct smtp_dialog *dialog)
{
	return dialog->state;
}

const struct smtp_features *smtp_dialog_features(
	const struct smtp_dialog *dialog)
{
	return smtp_opening_features(dialog->opening);
}

unsigned smtp_dialog_replies(const struct smtp_dialog *dialog)
{
	return dialog->replies;
}

/* --- the end ------------------------------------------------------------------- */

enum smtp_end smtp_dialog_end(const struct smtp_dialog *dialog)
{
	assert(dialog->state == SMTP_ENDED);
	return dialog->end;
}

const struct outcome *smtp_dialog_failure(const struct smtp_dialog *dialog)
{
	assert(dialog->state == SMTP_ENDED);
	return &dialog->failure;
}

/* is_said: by the server, in these words. */
static void end(struct smtp_dialog *d, enum smtp_end how,
		const struct outcome *outcome, bool is_said)
{
	if (d->state == SMTP_ENDED)
		return;
	d->state = SMTP_ENDED;
	d->end = how;
	d->out.n = 0;
	d->failure = *outcome;
	d->failure.text = arena_copy(
		d->arena, slice_head(outcome->text, WIRE_TEXT_OCTETS));
	if (!smtp_dialog_is_over(d))
		smtp_transaction_abort(d->transaction, &d->failure, is_said);
}

static void end_as_told(struct smtp_dialog *d, enum smtp_end how,
			const struct reply *r)
{
	struct outcome o = smtp_outcome_of(r);

	end(d, how, &o, true);
}

/* Our own words for what the server said. */
static void end_with(struct smtp_dialog *d, enum smtp_end how, const char *what,
		     const struct reply *r)
{
	const struct outcome o = smtp_outcome_in_words(how, what, r, d->arena);

	end(d, how, &o, false);
}

/* The reply is no answer to what was asked, and worth nothing. */
static void end_by_nonsense(struct smtp_dialog *d, const char *what,
			    const struct reply *r)
{
	end_with(d, SMTP_END_NONSENSE, what, r);
}

void smtp_dialog_close(struct smtp_dialog *dialog, enum smtp_end how,
		       const char *why)
{
	const struct outcome o = smtp_outcome_of_end(how, slice_of(why));

	end(dialog, how, &o, false);
}

/* --- messages ------------------------------------------------------------------ */

bool smtp_dialog_is_over(const struct smtp_dialog *dialog)
{
	return dialog->recipients == NULL ||
	       smtp_recipients_are_decided(dialog->recipients);
}

const struct smtp_result *smtp_dialog_result(const struct smtp_dialog *dialog,
					     size_t index)
{
	return smtp_recipients_result(dialog->recipients, index);
}

bool smtp_dialog_is_used_up(const struct smtp_dialog *dialog)
{
	const struct smtp_features *f = smtp_dialog_features(dialog);

	return f->mail_max > 0 && dialog->transactions >= f->mail_max;
}

/* For those who have no result; with them through, it is idle. */
static void go_on(struct smtp_dialog *d)
{
	d->state = SMTP_IDLE;
	if (smtp_dialog_is_over(d))
		return;
	if (smtp_dialog_is_used_up(d)) {
		smtp_fit_use_up(d->recipients);
		return;
	}
	d->state = SMTP_TRANSACTION;
	d->transactions++;
	smtp_transaction_begin(d->transaction, smtp_dialog_features(d),
			       d->message, d->recipients);
}

void smtp_dialog_begin(struct smtp_dialog *dialog,
		       const struct smtp_message *message)
{
	assert(dialog->state == SMTP_IDLE && message->recipient_count > 0 &&
	       message->recipient_count <= SMTP_RECIPIENTS_MAX);
	smtp_recipients_free(&dialog->recipients);
	dialog->recipients = smtp_recipients_new(message->recipient_count);
	dialog->message = message;
	smtp_fit_refuse(smtp_dialog_features(dialog), message,
			dialog->recipients);
	go_on(dialog);
}

/* --- sending ----------------------------------------------------------------- */

void smtp_dialog_quit(struct smtp_dialog *dialog)
{
	assert(dialog->state == SMTP_IDLE);
	lmtp_commands_add(&dialog->out, "QUIT\r\n");
	dialog->state = SMTP_QUITTING;
}

void smtp_dialog_secure(struct smtp_dialog *dialog)
{
	smtp_opening_secure(dialog->opening, &dialog->out);
	dialog->state = smtp_opening_state(dialog->opening);
}

struct slice smtp_dialog_output(struct smtp_dialog *dialog)
{
	struct slice out = { .p = dialog->out.octets };

	if (dialog->state == SMTP_TRANSACTION)
		smtp_transaction_say(dialog->transaction, &dialog->out);
	out.n = dialog->out.n;
	dialog->out.n = 0;
	return out;
}

enum smtp_content smtp_dialog_content(const struct smtp_dialog *dialog)
{
	return dialog->state == SMTP_TRANSACTION
		       ? smtp_transaction_content(dialog->transaction)
		       : SMTP_CONTENT_NONE;
}

void smtp_dialog_content_sent(struct smtp_dialog *dialog)
{
	smtp_transaction_content_sent(dialog->transaction);
}

enum smtp_wait smtp_dialog_wait(const struct smtp_dialog *dialog)
{
	static const enum smtp_wait waits[] = {
		[SMTP_GREETING] = SMTP_WAIT_GREETING,
		[SMTP_HELLO] = SMTP_WAIT_HELLO,
		[SMTP_STARTTLS] = SMTP_WAIT_TLS,
		[SMTP_HANDSHAKE] = SMTP_WAIT_TLS,
		[SMTP_LOGGING_IN] = SMTP_WAIT_HELLO,
		[SMTP_RESETTING] = SMTP_WAIT_RESET,
		[SMTP_QUITTING] = SMTP_WAIT_QUIT,
		[SMTP_ENDED] = SMTP_WAIT_NOTHING,
	};

	if (dialog->state == SMTP_TRANSACTION)
		return smtp_transaction_wait(dialog->transaction);
	return waits[dialog->state];
}

/* --- receiving --------------------------------------------------------------- */

static void take_opening(struct smtp_dialog *d, const struct reply *r)
{
	struct smtp_failure f;

	if (smtp_opening_take(d->opening, r, &d->out, &f))
		d->state = smtp_opening_state(d->opening);
	else if (f.what == NULL)
		end_as_told(d, f.end, r);
	else if (f.end == SMTP_END_NONSENSE || r->code >= 400)
		end_with(d, f.end, f.what, r);
	else
		smtp_dialog_close(d, f.end, f.what);
}

static void take_transaction(struct smtp_dialog *d, const struct reply *r)
{
	const char *problem = "";

	switch (smtp_transaction_take(d->transaction, r, &problem)) {
	case SMTP_TAKE_MORE:
		break;
	case SMTP_TAKE_END:
		go_on(d);
		break;
	case SMTP_TAKE_RESET:
		lmtp_commands_add(&d->out, "RSET\r\n");
		d->state = SMTP_RESETTING;
		break;
	case SMTP_TAKE_NONSENSE:
		end_by_nonsense(d, problem, r);
		break;
	}
}

static void take_in_state(struct smtp_dialog *d, const struct reply *r)
{
	switch (d->state) {
	case SMTP_GREETING:
	case SMTP_HELLO:
	case SMTP_STARTTLS:
	case SMTP_HANDSHAKE:
	case SMTP_LOGGING_IN:
		take_opening(d, r);
		break;
	case SMTP_TRANSACTION:
		take_transaction(d, r);
		break;
	case SMTP_RESETTING:
		if (r->code / 100 == 2)
			go_on(d);
		else
			end_by_nonsense(d, "RSET was refused", r);
		break;
	case SMTP_QUITTING:
		smtp_dialog_close(d, SMTP_END_QUIT, "we said QUIT");
		break;
	case SMTP_IDLE:
		end_by_nonsense(d, "the server spoke out of turn", r);
		break;
	case SMTP_ENDED:
		break;
	}
}

static void take_reply(struct smtp_dialog *d, const struct reply *r)
{
	bool is_quitting = d->state == SMTP_QUITTING; /* say what you like */

	d->replies++;
	if (r->code == 421 && !is_quitting)
		end_as_told(d,
			    d->state < SMTP_IDLE ? SMTP_END_UNWILLING
						 : SMTP_END_TOLD,
			    r);
	else if (d->out.n > 0 && !is_quitting)
		/* The command has not even been sent. */
		end_by_nonsense(d, "the server spoke out of turn", r);
	else
		take_in_state(d, r);
}

void smtp_dialog_feed(struct smtp_dialog *dialog, struct slice in)
{
	int r = REPLY_READER_DONE;

	while (in.n > 0 && dialog->state != SMTP_ENDED) {
		struct reply reply;
		size_t consumed = 0;

		r = reply_reader_feed(dialog->reader, in, &consumed, &reply);
		if (r == REPLY_READER_DONE)
			take_reply(dialog, &reply);
		else if (r == REPLY_READER_MALFORMED)
			smtp_dialog_close(dialog, SMTP_END_NONSENSE,
					  "the reply is malformed");
		in = slice_tail(in, consumed);
	}
	/* Not even the start of a reply may come now; what comes in plain text
	 * behind the reply to STARTTLS was put there by somebody else. */
	if (r == REPLY_READER_MORE &&
	    (dialog->state == SMTP_IDLE || dialog->state == SMTP_HANDSHAKE))
		smtp_dialog_close(dialog, SMTP_END_NONSENSE,
				  "the server spoke out of turn");
}
