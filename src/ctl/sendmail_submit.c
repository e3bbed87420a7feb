/* sendmail -bm: a message from standard input to culverd. */
#include "base/mem.h"
#include "ctl/dialog.h"
#include "ctl/sendmail.h"
#include "mail/submission.h"
#include "smtp/xtext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct job {
	const struct sendmail *m;
	struct arena *arena;
	struct dialog *dialog;
	struct slice message;
	struct slice domain; /* of addresses without */
	struct slice sender; /* empty: the null sender */
	struct submission sub;
	struct slice *recipients; /* of the command line and of the header */
	size_t recipient_count;
};

#define SHOW(s) (int)((s).n < 200 ? (s).n : 200), (s).p != NULL ? (s).p : ""

/* --- what culverd says ---------------------------------------------------------------- */

/* Says what was refused. Returns the exit status, permanent for a 5xx. */
static int refused(struct slice what, const struct reply *r, int permanent)
{
	struct slice text = r->text, line;

	(void)slice_cut(text, '\n', &line, &text);
	ctl_complain("%.*s: %u %u.%u.%u %.*s", SHOW(what), r->code,
		     r->status[0], r->status[1], r->status[2], SHOW(line));
	return reply_is_permanent(r) ? permanent : EX_TEMPFAIL;
}

/* "XMAILNAME example.com" in the answer to EHLO. */
static struct slice find_mailname(struct job *j, struct slice text)
{
	struct slice keyword = S("XMAILNAME "), line;

	while (text.n > 0) {
		(void)slice_cut(text, '\n', &line, &text);
		if (slice_starts(line, keyword))
			return arena_copy(j->arena,
					  slice_tail(line, keyword.n));
	}
	return S("localhost");
}

static int greet(struct job *j)
{
	const struct reply *r = dialog_read(j->dialog);

	if (reply_is_positive(r))
		r = dialog_say(j->dialog, S("EHLO localhost"));
	if (!reply_is_positive(r))
		return refused(S("culverd"), r, EX_UNAVAILABLE);
	j->domain = find_mailname(j, r->text);
	return EX_OK;
}

/* --- the envelope ------------------------------------------------------------------------ */

static struct slice own_address(struct job *j)
{
	const struct slice parts[] = { sendmail_user(j->arena), S("@"),
				       j->domain };

	return arena_join(j->arena, parts, 3);
}

static int find_sender(struct job *j)
{
	struct slice given = slice_trim(slice_of(j->m->sender));
	const struct recipient *items;
	size_t count;

	if (j->m->sender == NULL) {
		j->sender = own_address(j);
		return EX_OK;
	}
	if (given.n == 0 || slice_equal(given, S("<>")))
		return EX_OK;
	if (recipients_parse(given, j->arena, &items, &count) != 0 ||
	    count != 1) {
		ctl_complain("the sender \"%.*s\" is no address", SHOW(given));
		return EX_DATAERR;
	}
	j->sender = submission_complete(&items[0], j->domain, j->arena);
	return EX_OK;
}

static int read_header(struct job *j)
{
	struct slice address = j->sender.n > 0 ? j->sender : own_address(j);
	const struct submission_request request = {
		.message = j->message,
		.takes_recipients = j->m->takes_recipients,
		.domain = j->domain,
		.from = sendmail_from(j->m, address, j->arena),
	};
	struct slice field;

	switch (submission_read(&request, j->arena, &j->sub, &field)) {
	case SUBMISSION_ADDRESS:
		ctl_complain("the field %.*s of the header holds no addresses",
			     SHOW(field));
		return EX_DATAERR;
	case SUBMISSION_TOO_BIG:
		ctl_complain("the header is too big");
		return EX_DATAERR;
	default:
		return EX_OK;
	}
}

static const struct reply *say_mail(struct job *j, bool is_smtputf8)
{
	struct arena *a = j->arena;
	const struct sendmail *m = j->m;
	const struct slice envid = slice_of(m->envid);
	const struct slice parts[] = {
		S("MAIL FROM:<"),
		j->sender,
		arena_format(a, "> SIZE=%zu",
			     j->sub.header.n + j->sub.body.n + 2),
		slice_has_high(j->message) ? S(" BODY=8BITMIME") : S(""),
		is_smtputf8 ? S(" SMTPUTF8") : S(""),
		m->ret != NULL ? S(" RET=") : S(""),
		slice_of(m->ret),
		envid.n > 0 ? S(" ENVID=") : S(""),
		xtext_encode(envid, a),
	};

	return dialog_say(
		j->dialog,
		arena_join(a, parts, sizeof(parts) / sizeof(parts[0])));
}

static const struct reply *say_rcpt(struct job *j, struct slice recipient)
{
	const struct slice parts[] = {
		S("RCPT TO:<"),
		recipient,
		S(">"),
		j->m->notify != NULL ? S(" NOTIFY=") : S(""),
		slice_of(j->m->notify),
	};

	return dialog_say(j->dialog, arena_join(j->arena, parts, 5));
}

/* 5.1.x: there is no such user. */
static int rcpt_status(const struct reply *r)
{
	return r->status[1] == 1 ? EX_NOUSER : EX_UNAVAILABLE;
}

/* One of the command line's words may hold several. */
static int add_word(struct job *j, const char *word)
{
	const struct recipient *items;
	struct slice *all;
	size_t count;

	if (recipients_parse(slice_of(word), j->arena, &items, &count) != 0 ||
	    count == 0) {
		ctl_complain("\"%.*s\" is no address", SHOW(slice_of(word)));
		return EX_DATAERR;
	}
	all = mem_resize(j->recipients, j->recipient_count + count,
			 sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[j->recipient_count++] =
			submission_complete(&items[i], j->domain, j->arena);
	j->recipients = all;
	return EX_OK;
}

static int find_recipients(struct job *j)
{
	int status = EX_OK;

	for (size_t i = 0; i < j->m->recipient_count && status == EX_OK; i++)
		status = add_word(j, j->m->recipients[i]);
	if (status != EX_OK)
		return status;
	j->recipients = mem_resize(
		j->recipients, j->recipient_count + j->sub.recipient_count + 1,
		sizeof(*j->recipients));
	for (size_t i = 0; i < j->sub.recipient_count; i++)
		j->recipients[j->recipient_count++] = j->sub.recipients[i];
	if (j->recipient_count > 0)
		return EX_OK;
	ctl_complain("the header names no recipient");
	return EX_DATAERR;
}

/* 452 4.5.3: the rest could come later, and all of them never will. */
static bool is_too_many(const struct reply *r)
{
	return r->code == 452 && r->status[1] == 5 && r->status[2] == 3;
}

static bool is_smtputf8(const struct job *j)
{
	bool has_high = slice_has_high(j->sender);

	for (size_t i = 0; i < j->recipient_count; i++)
		has_high = has_high || slice_has_high(j->recipients[i]);
	return has_high;
}

/* All or none: whoever called has the message still, and repeats it for all. */
static int send_envelope(struct job *j)
{
	const struct reply *r = say_mail(j, is_smtputf8(j));
	int status = EX_OK;

	if (!reply_is_positive(r))
		return refused(j->sender, r, EX_DATAERR);
	for (size_t i = 0; i < j->recipient_count; i++) {
		int now;

		r = say_rcpt(j, j->recipients[i]);
		if (reply_is_positive(r))
			continue;
		now = refused(j->recipients[i], r, rcpt_status(r));
		if (is_too_many(r))
			now = EX_UNAVAILABLE;
		/* What will not get better counts. */
		if (status == EX_OK || status == EX_TEMPFAIL)
			status = now;
		if (r->code == 421)
			break;
	}
	return status;
}

/* --- the content --------------------------------------------------------------------------- */

/* RFC 5321 4.5.2. octets begin a line. */
static void send_stuffed(struct dialog *d, struct slice octets)
{
	bool is_dot = octets.n > 0 && octets.p[0] == '.';

	while (octets.n > 0) {
		size_t at = slice_find_slice(octets, S("\n."));
		struct slice part = slice_head(octets, at + 1);

		if (is_dot)
			dialog_send(d, S("."));
		dialog_send(d, part);
		is_dot = at < octets.n;
		octets = slice_tail(octets, part.n);
	}
}

static int send_content(struct job *j)
{
	const struct reply *r = dialog_say(j->dialog, S("DATA"));

	if (r->code != 354)
		return refused(S("the message"), r, EX_UNAVAILABLE);
	send_stuffed(j->dialog, j->sub.header);
	dialog_send(j->dialog, S("\r\n"));
	send_stuffed(j->dialog, j->sub.body);
	r = dialog_say(j->dialog, S("."));
	if (!reply_is_positive(r))
		return refused(S("the message"), r, EX_UNAVAILABLE);
	(void)dialog_say(j->dialog, S("QUIT"));
	return EX_OK;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int submit(struct job *j)
{
	int status = greet(j);

	if (status == EX_OK)
		status = find_sender(j);
	if (status == EX_OK)
		status = read_header(j);
	if (status == EX_OK)
		status = find_recipients(j);
	if (status == EX_OK)
		status = send_envelope(j);
	if (status == EX_OK)
		status = send_content(j);
	return status;
}

static int read_input(struct job *j)
{
	int error = sendmail_read_input(STDIN_FILENO, j->m->ignores_dots,
					&j->message);

	if (error == 0)
		return EX_OK;
	if (error == -EFBIG)
		ctl_complain("the message is too big");
	else
		ctl_complain("cannot read the message: %s", strerror(-error));
	return error == -EFBIG ? EX_DATAERR : EX_IOERR;
}

int sendmail_submit(const struct sendmail *m)
{
	struct job j = { .m = m };
	int status = read_input(&j), fd;

	if (status != EX_OK)
		return status;
	fd = dialog_connect(&m->ctl);
	if (fd < 0) {
		ctl_complain("culverd is away: %s; the message was not taken",
			     strerror(-fd));
		mem_free(&j.message.p);
		return EX_TEMPFAIL;
	}
	j.arena = arena_new(SUBMISSION_ARENA_OCTETS);
	j.dialog = dialog_new(fd, m->is_verbose);
	status = submit(&j);
	dialog_free(&j.dialog);
	mem_free(&j.recipients);
	mem_free(&j.message.p);
	arena_free(&j.arena);
	return status;
}
