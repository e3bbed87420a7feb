#include "lmtp/dialog.h"

#include "base/arena.h"
#include "base/mem.h"
#include "lmtp/commands.h"
#include "smtp/reply_reader.h"

#include <assert.h>
#include <stdio.h>

enum {
	HOSTNAME_OCTETS = 255,
	/* Content this small goes out with the envelope. */
	EAGER_OCTETS = 64 << 10,
};

struct lmtp_dialog {
	enum lmtp_state state;
	struct reply_reader *reader;
	char hostname[HOSTNAME_OCTETS + 1];
	struct lmtp_features features;
	unsigned replies;
	struct lmtp_commands out; /* not yet taken by the caller */
	struct arena *arena;      /* of verdict and why */
	struct slice why;

	/* of the transaction */
	const struct lmtp_request *request;
	enum lmtp_step sent,
		answered; /* the next step to send; to be answered */
	enum lmtp_content content;
	bool is_content_sent;
	bool is_over;
	bool has_verdict;
	struct reply verdict; /* or, without, code 0 and why */

	/* The transaction whose commands went out behind the content. */
	const struct lmtp_request *follower;
	enum lmtp_step follower_sent;
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
	d->follower = NULL; /* it has sent no content */
	d->content = LMTP_CONTENT_NONE;
	d->out.n = 0;
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
		       dialog->answered == LMTP_STEP_MAIL;
	return dialog->is_over && dialog->answered == LMTP_STEP_MAIL &&
	       !dialog->is_content_sent;
}

/* --- sending ----------------------------------------------------------------- */

/* RFC 2920 3.1; content that is big, or needs a 354, waits. */
static bool may_send(const struct lmtp_dialog *d, enum lmtp_step step)
{
	if (step == LMTP_STEP_END || d->has_verdict)
		return false;
	if (d->answered == step)
		return true; /* all before it is answered, and well */
	if (step == LMTP_STEP_CONTENT && !d->features.has_chunking)
		return false;
	return d->features.has_pipelining &&
	       (step != LMTP_STEP_CONTENT ||
		d->request->content_octets <= EAGER_OCTETS);
}

/* The next step. */
static void send_step(struct lmtp_dialog *d)
{
	lmtp_commands_add_step(&d->out, d->sent, d->request, &d->features);
	if (d->sent == LMTP_STEP_CONTENT)
		d->content = d->features.has_chunking ? LMTP_CONTENT_PLAIN
						      : LMTP_CONTENT_DOTTED;
	d->sent = lmtp_step_after(&d->features, d->sent);
}

struct slice lmtp_dialog_output(struct lmtp_dialog *dialog)
{
	struct slice out = { .p = dialog->out.octets };

	while (dialog->state == LMTP_TRANSACTION &&
	       may_send(dialog, dialog->sent))
		send_step(dialog);
	out.n = dialog->out.n;
	dialog->out.n = 0;
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

/* sent: what is out already. */
static void begin(struct lmtp_dialog *d, const struct lmtp_request *request,
		  enum lmtp_step sent)
{
	const struct reply *refusal =
		lmtp_features_refuse(&d->features, request);

	arena_clear(d->arena);
	d->state = LMTP_TRANSACTION;
	d->request = request;
	d->sent = sent;
	d->answered = LMTP_STEP_MAIL;
	d->content = LMTP_CONTENT_NONE;
	d->is_content_sent = false;
	d->is_over = d->has_verdict = false;
	if (refusal != NULL) { /* without a word to the server */
		set_verdict(d, refusal);
		d->is_over = true;
		d->state = LMTP_IDLE;
	}
}

void lmtp_dialog_begin(struct lmtp_dialog *dialog,
		       const struct lmtp_request *request)
{
	assert(dialog->state == LMTP_IDLE);
	begin(dialog, request, LMTP_STEP_MAIL);
}

bool lmtp_dialog_may_follow(const struct lmtp_dialog *d)
{
	return d->state == LMTP_TRANSACTION && d->follower == NULL &&
	       d->answered == LMTP_STEP_CONTENT && d->sent == LMTP_STEP_END &&
	       d->features.has_pipelining && !d->features.has_chunking;
}

void lmtp_dialog_follow(struct lmtp_dialog *dialog,
			const struct lmtp_request *request)
{
	enum lmtp_step step = LMTP_STEP_MAIL;

	assert(lmtp_dialog_may_follow(dialog));
	if (lmtp_features_refuse(&dialog->features, request) == NULL) {
		while (step != LMTP_STEP_CONTENT) {
			lmtp_commands_add_step(&dialog->out, step, request,
					       &dialog->features);
			step = lmtp_step_after(&dialog->features, step);
		}
	}
	dialog->follower = request;
	dialog->follower_sent = step;
}

bool lmtp_dialog_is_followed(const struct lmtp_dialog *dialog)
{
	return dialog->is_over && dialog->follower != NULL;
}

void lmtp_dialog_succeed(struct lmtp_dialog *dialog)
{
	const struct lmtp_request *request = dialog->follower;

	assert(lmtp_dialog_is_followed(dialog));
	dialog->follower = NULL;
	begin(dialog, request, dialog->follower_sent);
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
	lmtp_commands_add(&d->out, "LHLO %s\r\n", d->hostname);
	d->state = LMTP_HELLO;
}

static bool is_expected(enum lmtp_step step, const struct reply *r)
{
	return step == LMTP_STEP_DATA ? r->code == 354 : r->code / 100 == 2;
}

/* All that was sent is answered and the end is known. */
static void end_transaction(struct lmtp_dialog *d, bool is_final)
{
	d->is_over = true;
	if (d->follower != NULL)
		return; /* lmtp_dialog_succeed() goes on */
	d->state = LMTP_IDLE;
	if (is_final)
		return;
	/* MAIL may have been taken: the server's transaction is still open. */
	lmtp_commands_add(&d->out, "RSET\r\n");
	d->state = LMTP_RESETTING;
}

/* r answers `step`, as it should or with a refusal. */
static void take_answer(struct lmtp_dialog *d, enum lmtp_step step,
			const struct reply *r)
{
	bool is_final = step == LMTP_STEP_CONTENT && !d->has_verdict;

	if (step == LMTP_STEP_DATA && r->code == 354 && d->has_verdict) {
		lmtp_dialog_close(d, S("content was wanted for no recipient"));
		return;
	}
	if (step == LMTP_STEP_CONTENT || !is_expected(step, r))
		set_verdict(d, r);
	if (r->code == 421) {
		close_as_told(d, "the server closes", r);
		return;
	}
	d->answered = lmtp_step_after(&d->features, step);
	if (d->has_verdict && d->answered == d->sent)
		end_transaction(d, is_final);
}

static void take_transaction(struct lmtp_dialog *d, const struct reply *r)
{
	enum lmtp_step step = d->answered;
	bool is_refusal = reply_is_transient(r) || reply_is_permanent(r);

	if (step == d->sent) {
		lmtp_dialog_close(d, S("the server spoke out of turn"));
	} else if (!is_refusal && !is_expected(step, r) && !d->has_verdict) {
		close_as_told(d, "the reply makes no sense", r);
	} else if (step == LMTP_STEP_CONTENT && !d->is_content_sent) {
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
	if (d->out.n > 0) { /* the command has not even been sent */
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

struct slice lmtp_dialog_feed(struct lmtp_dialog *dialog, struct slice in)
{
	int r = REPLY_READER_DONE;

	while (in.n > 0 && dialog->state != LMTP_CLOSED &&
	       !lmtp_dialog_is_followed(dialog)) {
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
	return in;
}
