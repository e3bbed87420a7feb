/*
 * A server's replies into the dialog of mail to other servers. The input's
 * first octet chooses the messages; the rest is cut at 0xff into what the
 * server says between our commands. Each such piece, whole or octet by octet,
 * has to lead to the same.
 */
#include "base/mem.h"
#include "deliver/smtp_dialog.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	KEEP_CONTENT = 1,
	IS_UTF8 = 2,
	IS_8BIT = 4,
	HAS_MANY = 8,
	TLS_IF_OFFERED = 16,
	TLS_DEMANDED = 32,
	HAS_LOGIN = 64,
	MANY = 120,
	FEW = 3,
	RCPT_MAX = 100,
	COMMAND_OCTETS = 2048,
};

/* What has been seen of a dialog, folded into one number. */
struct run {
	struct smtp_dialog *d;
	struct smtp_recipient recipients[MANY];
	struct smtp_message message;
	unsigned flags;
	uint64_t trail;
	bool is_begun;
	bool is_content_sent;  /* of any transaction of this message */
	unsigned mails, rcpts; /* of the message; of the transaction */
};

static void note(struct run *r, const void *p, size_t n)
{
	const unsigned char *octets = p;

	for (size_t i = 0; i < n; i++)
		r->trail = (r->trail ^ octets[i]) * 0x100000001b3u;
}

static void check_command(struct run *r, struct slice line)
{
	static const char *const verbs[] = {
		"EHLO ",  "HELO ", "STARTTLS\r", "MAIL FROM:<", "RCPT TO:<",
		"DATA\r", "BDAT ", ".\r",        "RSET\r",      "QUIT\r"
	};
	/* A user's name or password, in base64. */
	bool is_known = smtp_dialog_state(r->d) == SMTP_LOGGING_IN;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		is_known |= slice_starts(line, slice_of(verbs[i]));
	assert(is_known && line.n <= COMMAND_OCTETS);
	assert(slice_find(line, '\r') == line.n - 1);
	assert(slice_find(line, '\0') == line.n);
	if (slice_starts(line, S("MAIL"))) {
		r->mails++;
		r->rcpts = 0;
	}
	if (slice_starts(line, S("RCPT")))
		assert(++r->rcpts <= RCPT_MAX);
}

/* Takes all commands that may be sent. */
static void take_output(struct run *r)
{
	struct slice out, line;

	while ((out = smtp_dialog_output(r->d)).n > 0) {
		note(r, out.p, out.n);
		assert(out.p[out.n - 1] == '\n');
		while (out.n > 0) {
			(void)slice_cut(out, '\n', &line, &out);
			check_command(r, line);
		}
	}
}

static void check_result(struct run *r, const struct smtp_result *result)
{
	const struct outcome *o = &result->outcome;

	assert(o->text.n <= WIRE_TEXT_OCTETS);
	for (size_t i = 0; i < o->text.n; i++)
		assert((unsigned char)o->text.p[i] >= ' ' ||
		       o->text.p[i] == '\n');
	assert(!result->is_untouched || o->kind == OUTCOME_DEFERRED);
	assert(!result->is_dsn_taken_over || o->kind == OUTCOME_DELIVERED);
	switch (o->kind) {
	case OUTCOME_DELIVERED:
		assert(o->code / 100 == 2 && r->is_content_sent);
		break;
	case OUTCOME_REFUSED:
		assert(o->code == 0 || o->code / 100 == 5);
		break;
	case OUTCOME_DEFERRED:
		assert(o->code == 0 || o->code / 100 == 4);
		break;
	case OUTCOME_UNCERTAIN:
		assert(o->code == 0 && r->is_content_sent);
		break;
	case OUTCOME_CANCELLED:
		assert(false);
	}
	note(r, &o->kind, sizeof(o->kind));
	note(r, &o->code, sizeof(o->code));
	note(r, o->text.p, o->text.n);
	note(r, &result->is_untouched, sizeof(bool));
}

static void check_end(struct run *r)
{
	assert(smtp_dialog_is_over(r->d));
	assert(r->mails <= r->message.recipient_count);
	for (size_t i = 0; i < r->message.recipient_count; i++)
		check_result(r, smtp_dialog_result(r->d, i));
	r->is_begun = false;
}

static void begin(struct run *r)
{
	r->is_begun = true;
	r->is_content_sent = false;
	r->mails = 0;
	smtp_dialog_begin(r->d, &r->message);
}

/* What the connection does between two reads. */
static void step(struct run *r)
{
	if (smtp_dialog_state(r->d) == SMTP_HANDSHAKE)
		smtp_dialog_secure(r->d);
	if (r->is_begun && smtp_dialog_is_over(r->d))
		check_end(r);
	if (smtp_dialog_state(r->d) == SMTP_IDLE && !r->is_begun) {
		if (smtp_dialog_is_used_up(r->d))
			smtp_dialog_quit(r->d);
		else
			begin(r);
	}
	take_output(r);
	if (smtp_dialog_content(r->d) != SMTP_CONTENT_NONE) {
		assert(smtp_dialog_wait(r->d) == SMTP_WAIT_BLOCK);
		if ((r->flags & KEEP_CONTENT) == 0) {
			smtp_dialog_content_sent(r->d);
			r->is_content_sent = true;
		}
	}
}

static void set_up(struct run *r)
{
	r->message = (struct smtp_message){
		.reverse_path = S("a@b"),
		.envid = S("an id"),
		.ret = DSN_RET_FULL,
		.is_8bit = (r->flags & IS_8BIT) != 0,
		.content_octets = 100,
		.recipients = r->recipients,
		.recipient_count = r->flags & HAS_MANY ? MANY : FEW,
	};
	for (size_t i = 0; i < MANY; i++)
		r->recipients[i] = (struct smtp_recipient){
			.address = S("c@d"),
			.notify = DSN_NOTIFY_SUCCESS,
			.orcpt_type = S("utf-8"),
			.orcpt = S("\xc3\xbc@d"),
		};
	if (r->flags & IS_UTF8)
		r->recipients[1].address = S("\xc3\xbc@d");
}

static enum smtp_tls tls_of(unsigned flags)
{
	if (flags & TLS_DEMANDED)
		return SMTP_TLS_DEMANDED;
	return flags & TLS_IF_OFFERED ? SMTP_TLS_IF_OFFERED : SMTP_TLS_NEVER;
}

static uint64_t run(unsigned flags, struct slice in, bool is_octetwise)
{
	const struct smtp_login login = { S("joe"), S("s3cret") };
	struct run r = { .d = smtp_dialog_new("fuzz.test", tls_of(flags),
					      flags & HAS_LOGIN ? &login
								: NULL),
			 .flags = flags };
	bool has_more = true;

	set_up(&r);
	step(&r);
	while (has_more) {
		struct slice piece;

		has_more = slice_cut(in, '\xff', &piece, &in);
		for (size_t i = 0; is_octetwise && i < piece.n; i++)
			smtp_dialog_feed(r.d,
					 slice_head(slice_tail(piece, i), 1));
		if (!is_octetwise)
			smtp_dialog_feed(r.d, piece);
		step(&r);
	}
	smtp_dialog_close(r.d, SMTP_END_LOST, "the end");
	assert(smtp_dialog_state(r.d) == SMTP_ENDED);
	assert(smtp_dialog_output(r.d).n == 0);
	assert(smtp_dialog_failure(r.d)->kind != OUTCOME_DELIVERED);
	if (r.is_begun)
		check_end(&r);
	smtp_dialog_free(&r.d);
	return r.trail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned flags = size > 0 ? data[0] : 0;

	in = slice_tail(in, 1);
	assert(run(flags, in, false) == run(flags, in, true));
	return 0;
}
