#include "deliver/smtp_dialog.h"

#include "base/mem.h"
#include "deliver/smtp_fit.h"
#include "deliver/smtp_transaction.h"
#include "smtp/reply_reader.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HOSTNAME_OCTETS = 255, FAILURE_OCTETS = 16 << 10 };

struct smtp_dialog {
	enum smtp_state state;
	enum smtp_tls tls;
	bool is_secure;
	bool is_helo; /* EHLO was not understood */
	struct reply_reader *reader;
	char hostname[HOSTNAME_OCTETS + 1];
	struct smtp_features features;
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

struct smtp_dialog *smtp_dialog_new(const char *hostname, enum smtp_tls tls)
{
	struct smtp_dialog *d = mem_new(sizeof(*d));

	d->tls = tls;
	d->reader = reply_reader_new();
	d->arena = arena_new(FAILURE_OCTETS);
	d->transaction = smtp_transaction_new();
	smtp_features_init(&d->features);
	(void)snprintf(d->hostname, sizeof(d->hostname), "%s", hostname);
	return d;
}

void smtp_dialog_free(struct smtp_dialog **dialog)
{
	struct smtp_dialog *d = *dialog;

	if (d == NULL)
		return;
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
	return &dialog->features;
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
	return dialog->features.mail_max > 0 &&
	       dialog->transactions >= dialog->features.mail_max;
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
	smtp_transaction_begin(d->transaction, &d->features, d->message,
			       d->recipients);
}

void smtp_dialog_begin(struct smtp_dialog *dialog,
		       const struct smtp_message *message)
{
	assert(dialog->state == SMTP_IDLE && message->recipient_count > 0 &&
	       message->recipient_count <= SMTP_RECIPIENTS_MAX);
	smtp_recipients_free(&dialog->recipients);
	dialog->recipients = smtp_recipients_new(message->recipient_count);
	dialog->message = message;
	smtp_fit_refuse(&dialog->features, message, dialog->recipients);
	go_on(dialog);
}

/* --- sending ----------------------------------------------------------------- */

void smtp_dialog_quit(struct smtp_dialog *dialog)
{
	assert(dialog->state == SMTP_IDLE);
	lmtp_commands_add(&dialog->out, "QUIT\r\n");
	dialog->state = SMTP_QUITTING;
}

static void say_hello(struct smtp_dialog *d)
{
	lmtp_commands_add(&d->out, "%s %s\r\n", d->is_helo ? "HELO" : "EHLO",
			  d->hostname);
	d->state = SMTP_HELLO;
}

void smtp_dialog_secure(struct smtp_dialog *dialog)
{
	assert(dialog->state == SMTP_HANDSHAKE);
	dialog->is_secure = true;
	smtp_features_init(&dialog->features);
	say_hello(dialog);
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
		[SMTP_RESETTING] = SMTP_WAIT_RESET,
		[SMTP_QUITTING] = SMTP_WAIT_QUIT,
		[SMTP_ENDED] = SMTP_WAIT_NOTHING,
	};

	if (dialog->state == SMTP_TRANSACTION)
		return smtp_transaction_wait(dialog->transaction);
	return waits[dialog->state];
}

/* --- receiving --------------------------------------------------------------- */

static void take_greeting(struct smtp_dialog *d, const struct reply *r)
{
	if (r->code == 220)
		say_hello(d);
	else if (r->code >= 400)
		end_as_told(d, SMTP_END_UNWILLING, r);
	else
		end_by_nonsense(d, "this is no greeting", r);
}

/* What it offers is known. */
static void take_features(struct smtp_dialog *d)
{
	if (d->is_secure || d->tls == SMTP_TLS_NEVER ||
	    (d->tls == SMTP_TLS_IF_OFFERED && !d->features.has_starttls)) {
		d->state = SMTP_IDLE;
	} else if (d->features.has_starttls) {
		lmtp_commands_add(&d->out, "STARTTLS\r\n");
		d->state = SMTP_STARTTLS;
	} else {
		smtp_dialog_close(d, SMTP_END_TLS_MISSING,
				  "TLS is demanded, and not offered");
	}
}

static void take_hello(struct smtp_dialog *d, const struct reply *r)
{
	bool is_unknown = r->code == 500 || r->code == 502 || r->code == 504;

	if (r->code == 250) {
		if (!d->is_helo)
			smtp_features_parse(r->text, &d->features);
		take_features(d);
	} else if (is_unknown && !d->is_helo) {
		d->is_helo = true;
		say_hello(d);
	} else if (r->code >= 400) {
		end_as_told(d, SMTP_END_UNWILLING, r);
	} else {
		end_by_nonsense(d, "this is no answer to EHLO", r);
	}
}

static void take_starttls(struct smtp_dialog *d, const struct reply *r)
{
	if (r->code == 220)
		d->state = SMTP_HANDSHAKE;
	else if (r->code < 400)
		end_by_nonsense(d, "this is no answer to STARTTLS", r);
	else if (d->tls == SMTP_TLS_DEMANDED)
		end_with(d, SMTP_END_TLS_MISSING, "STARTTLS was refused", r);
	else
		d->state = SMTP_IDLE; /* opportunistic: RFC 3207 4.1 */
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
		take_greeting(d, r);
		break;
	case SMTP_HELLO:
		take_hello(d, r);
		break;
	case SMTP_STARTTLS:
		take_starttls(d, r);
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
	case SMTP_HANDSHAKE:
	case SMTP_IDLE:
		end_by_nonsense(d, "the server spoke out of turn", r);
		break;
	case SMTP_ENDED:
		break;
	}
}

static void take_reply(struct smtp_dialog *d, const struct reply *r)
{
	d->replies++;
	if (d->state == SMTP_QUITTING)
		take_in_state(d, r);
	else if (r->code == 421)
		end_as_told(d,
			    d->state <= SMTP_STARTTLS ? SMTP_END_UNWILLING
						      : SMTP_END_TOLD,
			    r);
	else if (d->out.n > 0) /* the command has not even been sent */
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
