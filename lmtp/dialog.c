#include "lmtp/dialog.h"

#include "base/arena.h"
#include "base/mem.h"
#include "lmtp/features.h"
#include "smtp/reply_reader.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	HOSTNAME_OCTETS = 255,
	/* MAIL, RCPT and BDAT of one transaction; or LHLO; or RSET. */
	OUT_OCTETS = 2 * LMTP_ADDRESS_OCTETS + 512,
	/* Content this small goes out with the envelope. */
	EAGER_OCTETS = 64 << 10,
};

/* A transaction's steps in order. With CHUNKING there is no STEP_DATA. */
enum step { STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_CONTENT, STEP_END };

struct lmtp_dialog {
	enum lmtp_state state;
	struct reply_reader *reader;
	char hostname[HOSTNAME_OCTETS + 1];
	struct lmtp_features features;
	unsigned replies;
	char out[OUT_OCTETS]; /* not yet taken by the caller */
	size_t out_octets;
	struct arena *arena; /* of verdict and why */
	struct slice why;

	/* of the transaction */
	const struct lmtp_request *request;
	enum step sent, answered; /* the next step to send; to be answered */
	enum lmtp_content content;
	bool is_content_sent;
	bool is_over;
	bool has_verdict;
	struct reply verdict; /* or, without, code 0 and why */
};

struct lmtp_dialog *lmtp_dialog_new(const char *hostname)
{
	struct lmtp_dialog *d = mem_new(sizeof(*d));

	d->reader = reply_reader_new();
	d->arena = arena_new(4 * REPLY_READER_REPLY_OCTETS);
	(void)snprintf(d->hostname, sizeof(d->hostname), "%s", hostname);
	return d;
}

void lmtp_dialog_free(struct lmtp_dialog **dialog)
{
	struct lmtp_dialog *d = *dialog;

	if (d == NULL)
		return;
	reply_reader_free(&d->reader);
	arena_free(&d->arena);
	mem_free(dialog);
}

enum lmtp_state lmtp_dialog_state(const struct lmtp_dialog *dialog)
{
	return dialog->state;
}

bool lmtp_dialog_has_smtputf8(const struct lmtp_dialog *dialog)
{
	return dialog->features.has_smtputf8;
}

unsigned lmtp_dialog_replies(const struct lmtp_dialog *dialog)
{
	return dialog->replies;
}

struct slice lmtp_dialog_why(const struct lmtp_dialog *dialog)
{
	return dialog->why;
}

/* --- ends -------------------------------------------------------------------- */

static void set_verdict(struct lmtp_dialog *d, const struct reply *r)
{
	if (d->has_verdict)
		return; /* the first refusal is the reason, the rest follow */
	d->verdict = *r;
	d->verdict.text = arena_copy(d->arena, r->text);
	d->has_verdict = true;
}

void lmtp_dialog_close(struct lmtp_dialog *d, struct slice why)
{
	if (d->state == LMTP_CLOSED)
		return;
	if (d->state == LMTP_TRANSACTION)
		d->is_over = true;
	d->state = LMTP_CLOSED;
	d->content = LMTP_CONTENT_NONE;
	d->out_octets = 0;
	d->why = why;
	if (!d->has_verdict)
		d->verdict = (struct reply){ .text = why };
}

static void close_as_told(struct lmtp_dialog *d, const char *what,
			  const struct reply *r)
{
	const struct slice parts[] = {
		arena_format(d->arena, "%s: %u ", what, r->code), r->text
	};

	lmtp_dialog_close(d, arena_join(d->arena, parts, 2));
}

bool lmtp_dialog_is_over(const struct lmtp_dialog *dialog)
{
	return dialog->is_over;
}

enum lmtp_end lmtp_dialog_end(const struct lmtp_dialog *dialog,
			      const struct reply **ret_reply)
{
	assert(dialog->is_over);
	*ret_reply = &dialog->verdict;
	if (dialog->has_verdict)
		return LMTP_ANSWERED;
	return dialog->is_content_sent ? LMTP_UNCERTAIN : LMTP_NO_ANSWER;
}

bool lmtp_dialog_is_untouched(const struct lmtp_dialog *dialog)
{
	if (dialog->has_verdict)
		return dialog->verdict.code == 421 &&
		       dialog->answered == STEP_MAIL;
	return dialog->is_over && dialog->answered == STEP_MAIL &&
	       !dialog->is_content_sent;
}

/* --- sending ----------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
append(struct lmtp_dialog *d, const char *format, ...)
{
	size_t room = sizeof(d->out) - d->out_octets;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(d->out + d->out_octets, room, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < room);
	d->out_octets += (size_t)n;
}

/* An address has no NUL and is short: begin() has looked. */
static void append_path(struct lmtp_dialog *d, const char *verb, struct slice s)
{
	append(d, "%s:<%.*s>", verb, (int)s.n, s.n > 0 ? s.p : "");
}

static void append_mail(struct lmtp_dialog *d)
{
	const struct lmtp_request *r = d->request;

	append_path(d, "MAIL FROM", r->reverse_path);
	if (r->is_8bit && d->features.has_8bitmime)
		append(d, " BODY=8BITMIME");
	if (d->features.has_size)
		append(d, " SIZE=%llu", (unsigned long long)r->content_octets);
	if (d->features.has_smtputf8 &&
	    (slice_has_high(r->reverse_path) || slice_has_high(r->recipient)))
		append(d, " SMTPUTF8");
	append(d, "\r\n");
}

static void append_step(struct lmtp_dialog *d, enum step step)
{
	switch (step) {
	case STEP_MAIL:
		append_mail(d);
		break;
	case STEP_RCPT:
		append_path(d, "RCPT TO", d->request->recipient);
		append(d, "\r\n");
		break;
	case STEP_DATA:
		append(d, "DATA\r\n");
		break;
	case STEP_CONTENT:
		d->content = LMTP_CONTENT_DOTTED;
		if (!d->features.has_chunking)
			break;
		append(d, "BDAT %llu LAST\r\n",
		       (unsigned long long)d->request->content_octets);
		d->content = LMTP_CONTENT_PLAIN;
		break;
	case STEP_END:
		break;
	}
}

static enum step step_after(const struct lmtp_dialog *d, enum step step)
{
	if (step == STEP_RCPT && d->features.has_chunking)
		return STEP_CONTENT;
	return step + 1;
}

/* RFC 2920 3.1; content that is big, or needs a 354, waits. */
static bool may_send(const struct lmtp_dialog *d, enum step step)
{
	if (step == STEP_END || d->has_verdict)
		return false;
	if (d->answered == step)
		return true; /* all before it is answered, and well */
	if (step == STEP_CONTENT && !d->features.has_chunking)
		return false;
	return d->features.has_pipelining &&
	       (step != STEP_CONTENT ||
		d->request->content_octets <= EAGER_OCTETS);
}

struct slice lmtp_dialog_output(struct lmtp_dialog *dialog)
{
	struct slice out = { .p = dialog->out };

	while (dialog->state == LMTP_TRANSACTION &&
	       may_send(dialog, dialog->sent)) {
		append_step(dialog, dialog->sent);
		dialog->sent = step_after(dialog, dialog->sent);
	}
	out.n = dialog->out_octets;
	dialog->out_octets = 0;
	return out;
}

enum lmtp_content lmtp_dialog_content(const struct lmtp_dialog *dialog)
{
	return dialog->content;
}

void lmtp_dialog_content_sent(struct lmtp_dialog *dialog)
{
	dialog->content = LMTP_CONTENT_NONE;
	dialog->is_content_sent = true;
}

bool lmtp_dialog_is_content_sent(const struct lmtp_dialog *dialog)
{
	return dialog->is_content_sent;
}

void lmtp_dialog_begin(struct lmtp_dialog *dialog,
		       const struct lmtp_request *request)
{
	const struct reply *refusal;

	assert(dialog->state == LMTP_IDLE);
	arena_clear(dialog->arena);
	dialog->state = LMTP_TRANSACTION;
	dialog->request = request;
	dialog->sent = dialog->answered = STEP_MAIL;
	dialog->content = LMTP_CONTENT_NONE;
	dialog->is_content_sent = false;
	dialog->is_over = dialog->has_verdict = false;
	refusal = lmtp_features_refuse(&dialog->features, request);
	if (refusal != NULL) { /* without a word to the server */
		set_verdict(dialog, refusal);
		dialog->is_over = true;
		dialog->state = LMTP_IDLE;
	}
}

/* --- receiving --------------------------------------------------------------- */

static void take_hello(struct lmtp_dialog *d, const struct reply *r)
{
	if (r->code != 250) {
		close_as_told(d, "LHLO was refused", r);
		return;
	}
	lmtp_features_parse(r->text, &d->features);
	d->state = LMTP_IDLE;
}

static void take_greeting(struct lmtp_dialog *d, const struct reply *r)
{
	if (r->code != 220) {
		close_as_told(d, "the greeting was a refusal", r);
		return;
	}
	append(d, "LHLO %s\r\n", d->hostname);
	d->state = LMTP_HELLO;
}

static bool is_expected(enum step step, const struct reply *r)
{
	return step == STEP_DATA ? r->code == 354 : r->code / 100 == 2;
}

/* All that was sent is answered and the end is known. */
static void end_transaction(struct lmtp_dialog *d, bool is_final)
{
	d->is_over = true;
	d->state = LMTP_IDLE;
	if (is_final)
		return;
	/* MAIL may have been taken: the server's transaction is still open. */
	append(d, "RSET\r\n");
	d->state = LMTP_RESETTING;
}

/* r answers `step`, as it should or with a refusal. */
static void take_answer(struct lmtp_dialog *d, enum step step,
			const struct reply *r)
{
	bool is_final = step == STEP_CONTENT && !d->has_verdict;

	if (step == STEP_DATA && r->code == 354 && d->has_verdict) {
		lmtp_dialog_close(d, S("content was wanted for no recipient"));
		return;
	}
	if (step == STEP_CONTENT || !is_expected(step, r))
		set_verdict(d, r);
	if (r->code == 421) {
		close_as_told(d, "the server closes", r);
		return;
	}
	d->answered = step_after(d, step);
	if (d->has_verdict && d->answered == d->sent)
		end_transaction(d, is_final);
}

static void take_transaction(struct lmtp_dialog *d, const struct reply *r)
{
	enum step step = d->answered;
	bool is_refusal = reply_is_transient(r) || reply_is_permanent(r);

	if (step == d->sent) {
		lmtp_dialog_close(d, S("the server spoke out of turn"));
	} else if (!is_refusal && !is_expected(step, r) && !d->has_verdict) {
		close_as_told(d, "the reply makes no sense", r);
	} else if (step == STEP_CONTENT && !d->is_content_sent) {
		/* A chunk half sent: nobody knows where commands begin. */
		if (is_refusal)
			set_verdict(d, r);
		close_as_told(d, "the reply came before the end", r);
	} else {
		take_answer(d, step, r);
	}
}

static void take_reply(struct lmtp_dialog *d, const struct reply *r)
{
	d->replies++;
	if (d->out_octets > 0) { /* the command has not even been sent */
		lmtp_dialog_close(d, S("the server spoke out of turn"));
		return;
	}
	switch (d->state) {
	case LMTP_GREETING:
		take_greeting(d, r);
		break;
	case LMTP_HELLO:
		take_hello(d, r);
		break;
	case LMTP_TRANSACTION:
		take_transaction(d, r);
		break;
	case LMTP_RESETTING:
		d->state = LMTP_IDLE;
		if (r->code / 100 != 2)
			close_as_told(d, "RSET was refused", r);
		break;
	case LMTP_IDLE:
		close_as_told(d, "the server spoke out of turn", r);
		break;
	case LMTP_CLOSED:
		break;
	}
}

void lmtp_dialog_feed(struct lmtp_dialog *dialog, struct slice in)
{
	int r = REPLY_READER_DONE;

	while (in.n > 0 && dialog->state != LMTP_CLOSED) {
		struct reply reply;
		size_t consumed = 0;

		r = reply_reader_feed(dialog->reader, in, &consumed, &reply);
		if (r == REPLY_READER_DONE)
			take_reply(dialog, &reply);
		else if (r == REPLY_READER_MALFORMED)
			lmtp_dialog_close(dialog, S("the reply is malformed"));
		in = slice_tail(in, consumed);
	}
	if (dialog->state == LMTP_IDLE && r == REPLY_READER_MORE)
		lmtp_dialog_close(dialog, S("the server spoke out of turn"));
}
