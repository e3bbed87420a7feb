#include "deliver/smtp_transaction.h"

#include "base/mem.h"
#include "deliver/smtp_commands.h"
#include "deliver/smtp_fit.h"

#include <assert.h>
#include <string.h>

enum { SCRATCH_OCTETS = 64 << 10 }; /* of one command */

/* Steps are lmtp's: DATA is left out with CHUNKING. */
struct smtp_transaction {
	const struct smtp_features *features;
	const struct smtp_message *message;
	struct smtp_recipients *recipients;
	enum lmtp_step sent, answered; /* the next to say; to be answered */
	size_t rcpt_owed;              /* answers to RCPT */
	bool is_mail_refused;
	bool is_void; /* DATA was taken for nobody: a dot alone went out */
	enum smtp_content content;
	bool is_content_sent;
	struct arena *scratch;
};

struct smtp_transaction *smtp_transaction_new(void)
{
	struct smtp_transaction *t = mem_new(sizeof(*t));

	t->scratch = arena_new(SCRATCH_OCTETS);
	return t;
}

void smtp_transaction_free(struct smtp_transaction **transaction)
{
	if (*transaction == NULL)
		return;
	arena_free(&(*transaction)->scratch);
	mem_free(transaction);
}

void smtp_transaction_begin(struct smtp_transaction *t,
			    const struct smtp_features *features,
			    const struct smtp_message *message,
			    struct smtp_recipients *recipients)
{
	struct arena *scratch = t->scratch;

	*t = (struct smtp_transaction){ .features = features,
					.message = message,
					.recipients = recipients,
					.scratch = scratch };
	smtp_recipients_choose(recipients, features->rcpt_max);
}

/* --- saying -------------------------------------------------------------------- */

static size_t count(const struct smtp_transaction *t, enum smtp_place place)
{
	return smtp_recipients_count(t->recipients, place);
}

/* RFC 6531 3.4; recipients without a server for that are refused by now. */
static bool is_utf8(const struct smtp_transaction *t)
{
	const struct smtp_message *m = t->message;

	if (m->is_smtputf8 || smtp_fit_needs_utf8(m->reverse_path))
		return true;
	for (size_t i = 0; i < m->recipient_count; i++)
		if (smtp_fit_needs_utf8(m->recipients[i].address))
			return t->features->common.has_smtputf8;
	return false;
}

/* RFC 2920 3.1. Content waits for the answers: who has taken none of it is not
 * in doubt when the connection is lost. */
static bool may_say(const struct smtp_transaction *t)
{
	bool is_asked = t->answered == t->sent;
	bool may_run_ahead =
		t->features->common.has_pipelining && !t->is_mail_refused;

	switch (t->sent) {
	case LMTP_STEP_MAIL:
		return true;
	case LMTP_STEP_RCPT:
		return may_run_ahead ||
		       (is_asked && t->rcpt_owed == 0 && !t->is_mail_refused);
	case LMTP_STEP_DATA:
		return (may_run_ahead && !is_asked) ||
		       (is_asked && count(t, SMTP_ACCEPTED) > 0);
	case LMTP_STEP_CONTENT:
		return is_asked && (count(t, SMTP_ACCEPTED) > 0 || t->is_void);
	case LMTP_STEP_END:
		break;
	}
	return false;
}

static void say_rcpt(struct smtp_transaction *t, struct lmtp_commands *out)
{
	size_t i = smtp_recipients_first(t->recipients, SMTP_CHOSEN);

	smtp_commands_add_rcpt(out, t->features, &t->message->recipients[i],
			       t->scratch);
	smtp_recipients_move(t->recipients, i, SMTP_SAID);
	t->rcpt_owed++;
	if (count(t, SMTP_CHOSEN) == 0)
		t->sent = lmtp_step_after(&t->features->common, t->sent);
}

static void say_content(struct smtp_transaction *t, struct lmtp_commands *out)
{
	bool is_chunk = t->features->common.has_chunking;

	t->sent = LMTP_STEP_END;
	if (t->is_void) {
		lmtp_commands_add(out, ".\r\n");
		return;
	}
	if (is_chunk)
		lmtp_commands_add(
			out, "BDAT %llu LAST\r\n",
			(unsigned long long)t->message->content_octets);
	t->content = is_chunk ? SMTP_CONTENT_PLAIN : SMTP_CONTENT_DOTTED;
}

static void say_step(struct smtp_transaction *t, struct lmtp_commands *out)
{
	arena_clear(t->scratch);
	switch (t->sent) {
	case LMTP_STEP_MAIL:
		smtp_commands_add_mail(out, t->features, t->message, is_utf8(t),
				       t->scratch);
		t->sent = LMTP_STEP_RCPT;
		break;
	case LMTP_STEP_RCPT:
		say_rcpt(t, out);
		break;
	case LMTP_STEP_DATA:
		lmtp_commands_add(out, "DATA\r\n");
		t->sent = LMTP_STEP_CONTENT;
		break;
	case LMTP_STEP_CONTENT:
		say_content(t, out);
		break;
	case LMTP_STEP_END:
		break;
	}
}

void smtp_transaction_say(struct smtp_transaction *t, struct lmtp_commands *out)
{
	while (may_say(t) && sizeof(out->octets) - out->n > SMTP_COMMAND_OCTETS)
		say_step(t, out);
}

enum smtp_content smtp_transaction_content(const struct smtp_transaction *t)
{
	return t->content;
}

void smtp_transaction_content_sent(struct smtp_transaction *t)
{
	t->content = SMTP_CONTENT_NONE;
	t->is_content_sent = true;
}

enum smtp_wait smtp_transaction_wait(const struct smtp_transaction *t)
{
	if (t->content != SMTP_CONTENT_NONE)
		return SMTP_WAIT_BLOCK;
	switch (t->answered) {
	case LMTP_STEP_MAIL:
		return SMTP_WAIT_MAIL;
	case LMTP_STEP_RCPT:
		return SMTP_WAIT_RCPT;
	case LMTP_STEP_DATA:
		return SMTP_WAIT_DATA;
	case LMTP_STEP_CONTENT:
	case LMTP_STEP_END:
		break;
	}
	return SMTP_WAIT_FINAL;
}

/* --- answers ------------------------------------------------------------------- */

static bool is_good(const struct reply *r)
{
	return r->code / 100 == 2;
}

static bool is_refusal(const struct reply *r)
{
	return r->code >= 400;
}

static struct smtp_result result_of(const struct smtp_transaction *t,
				    const struct reply *r)
{
	return (struct smtp_result){
		.outcome = smtp_outcome_of(r),
		.is_dsn_taken_over = is_good(r) && t->features->has_dsn
	};
}

static enum smtp_take take_mail(struct smtp_transaction *t,
				const struct reply *r)
{
	const struct smtp_result result = result_of(t, r);

	if (!is_good(r) && !is_refusal(r))
		return SMTP_TAKE_NONSENSE;
	t->answered = LMTP_STEP_RCPT;
	if (is_refusal(r)) {
		t->is_mail_refused = true;
		smtp_recipients_decide_all(t->recipients, SMTP_OPEN,
					   SMTP_ACCEPTED, &result);
	}
	return SMTP_TAKE_MORE;
}

/* RFC 5321 4.5.3.1.10: too many at once, though the text may say otherwise:
 * asked again in a transaction of its own. Not for a full mailbox. */
static bool is_too_many(const struct smtp_transaction *t, const struct reply *r)
{
	return r->code == 452 && count(t, SMTP_ACCEPTED) > 0 &&
	       (r->status[0] == 0 || r->status[1] != 2);
}

static enum smtp_take take_rcpt(struct smtp_transaction *t,
				const struct reply *r)
{
	const struct smtp_result result = result_of(t, r);

	if (!is_good(r) && !is_refusal(r))
		return SMTP_TAKE_NONSENSE;
	t->rcpt_owed--;
	if (!t->is_mail_refused) {
		size_t i = smtp_recipients_first(t->recipients, SMTP_SAID);

		if (is_good(r))
			smtp_recipients_move(t->recipients, i, SMTP_ACCEPTED);
		else if (is_too_many(t, r))
			smtp_recipients_move(t->recipients, i, SMTP_OPEN);
		else
			smtp_recipients_decide(t->recipients, i, &result);
	}
	if (t->rcpt_owed == 0 && t->sent > LMTP_STEP_RCPT)
		t->answered =
			lmtp_step_after(&t->features->common, LMTP_STEP_RCPT);
	return SMTP_TAKE_MORE;
}

static enum smtp_take take_data(struct smtp_transaction *t,
				const struct reply *r)
{
	const struct smtp_result result = result_of(t, r);

	if (r->code != 354 && !is_refusal(r))
		return SMTP_TAKE_NONSENSE;
	t->answered = LMTP_STEP_CONTENT;
	if (is_refusal(r)) {
		smtp_recipients_decide_all(t->recipients, SMTP_ACCEPTED,
					   SMTP_ACCEPTED, &result);
	} else {
		t->is_void = count(t, SMTP_ACCEPTED) == 0;
	}
	return SMTP_TAKE_MORE;
}

static enum smtp_take take_final(struct smtp_transaction *t,
				 const struct reply *r)
{
	const struct smtp_result result = result_of(t, r);
	bool is_whole = t->is_content_sent || t->is_void;

	if (is_refusal(r) || (is_good(r) && is_whole))
		smtp_recipients_decide_all(t->recipients, SMTP_ACCEPTED,
					   SMTP_ACCEPTED, &result);
	if (!is_whole)
		return SMTP_TAKE_NONSENSE;
	if (!is_good(r) && !is_refusal(r))
		return SMTP_TAKE_NONSENSE;
	t->answered = LMTP_STEP_END;
	return SMTP_TAKE_END;
}

/* Whether the server owes us an answer. */
static bool is_owed(const struct smtp_transaction *t)
{
	if (t->answered == LMTP_STEP_RCPT)
		return t->rcpt_owed > 0;
	return t->answered != t->sent;
}

static enum smtp_take take_step(struct smtp_transaction *t,
				const struct reply *r)
{
	switch (t->answered) {
	case LMTP_STEP_MAIL:
		return take_mail(t, r);
	case LMTP_STEP_RCPT:
		return take_rcpt(t, r);
	case LMTP_STEP_DATA:
		return take_data(t, r);
	case LMTP_STEP_CONTENT:
		return take_final(t, r);
	case LMTP_STEP_END:
		break;
	}
	return SMTP_TAKE_NONSENSE;
}

enum smtp_take smtp_transaction_take(struct smtp_transaction *t,
				     const struct reply *reply,
				     const char **ret_problem)
{
	enum smtp_take taken;

	*ret_problem = "the server spoke out of turn";
	if (!is_owed(t))
		return SMTP_TAKE_NONSENSE;
	/* Where commands begin again nobody would know. */
	*ret_problem = t->content != SMTP_CONTENT_NONE
			       ? "the reply came before the end"
			       : "the reply makes no sense";
	taken = take_step(t, reply);
	if (taken != SMTP_TAKE_MORE || is_owed(t) || may_say(t))
		return taken;
	/* There is nobody to go on for. */
	return t->is_mail_refused ? SMTP_TAKE_END : SMTP_TAKE_RESET;
}

/* --- the end of the session ------------------------------------------------------ */

void smtp_transaction_abort(struct smtp_transaction *t,
			    const struct outcome *outcome, bool is_said)
{
	struct smtp_result result = { .outcome = *outcome };

	result.outcome.kind = OUTCOME_DEFERRED;
	result.is_untouched = true;
	smtp_recipients_decide_all(
		t->recipients, SMTP_OPEN,
		t->answered == LMTP_STEP_MAIL ? SMTP_SAID : SMTP_OPEN, &result);
	result.is_untouched = false;
	smtp_recipients_decide_all(t->recipients, SMTP_CHOSEN, SMTP_SAID,
				   &result);
	if (t->is_content_sent && !is_said)
		result.outcome.kind = OUTCOME_UNCERTAIN;
	smtp_recipients_decide_all(t->recipients, SMTP_ACCEPTED, SMTP_ACCEPTED,
				   &result);
}
