#include "queue/report.h"

#include "queue/enqueue.h"
#include "smtp/params.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct report {
	STAILQ_ENTRY(report) entry;
	const struct store_message *message;
	bool requires_tls;
	enum dsn_action action;
	struct dsn_recipient *recipients;
	size_t count, room;
	struct slice original;
	bool original_is_whole;
	bool is_utf8;
};

bool report_is_due(const struct store_entry *e, enum dsn_action action)
{
	uint32_t notify = e->recipient.notify;

	if (e->message.reverse_path.n == 0)
		return false;
	switch (action) {
	case DSN_FAILED:
		return notify == 0 || (notify & DSN_NOTIFY_FAILURE) != 0;
	case DSN_DELAYED:
		return notify == 0 || (notify & DSN_NOTIFY_DELAY) != 0;
	case DSN_DELIVERED:
	case DSN_RELAYED:
		return (notify & DSN_NOTIFY_SUCCESS) != 0;
	}
	return false;
}

/* The header section with its last line's CRLF; what does not end within text
 * ends at its last whole line. */
static struct slice header_of(struct slice text)
{
	size_t end = slice_find_slice(text, S("\r\n\r\n"));

	if (end < text.n)
		return slice_head(text, end + 2);
	end = slice_find_last(text, '\n');
	return end < text.n ? slice_head(text, end + 1) : slice_head(text, 0);
}

/* RFC 3461 4.3: RET concerns reports of failure; others never have the whole,
 * nor do those of a message that REQUIRETLS guards (RFC 8689 5). */
static int read_original(struct turn *t, struct report *r)
{
	const struct store_message *m = r->message;
	struct slice text;
	int error = store_read_content(t->store, m->queue_id,
				       REPORT_ORIGINAL_OCTETS, t->arena, &text);

	/* A report without the original is better than none. */
	if (error == -ENOENT || error == -EBADMSG)
		return 0;
	if (error < 0)
		return error;
	r->original_is_whole = r->action == DSN_FAILED &&
			       m->ret != DSN_RET_HDRS && !r->requires_tls &&
			       m->content_octets <= REPORT_ORIGINAL_OCTETS;
	r->original = r->original_is_whole ? text : header_of(text);
	return 0;
}

static int find_report(struct turn *t, const struct store_entry *e,
		       enum dsn_action action, struct report **ret_report)
{
	struct report *r;
	int error;

	STAILQ_FOREACH(r, &t->reports, entry) {
		if (r->message->queue_id == e->message.queue_id &&
		    r->action == action) {
			*ret_report = r;
			return 0;
		}
	}
	r = arena_alloc(t->arena, sizeof(*r));
	r->message = &e->message;
	r->action = action;
	r->is_utf8 = e->message.is_smtputf8;
	r->requires_tls = e->recipient.tls_demand == TLS_DEMAND_REQUIRED;
	error = read_original(t, r);
	if (error < 0)
		return error;
	STAILQ_INSERT_TAIL(&t->reports, r, entry);
	*ret_report = r;
	return 0;
}

static void append(struct turn *t, struct report *r,
		   const struct dsn_recipient *recipient)
{
	if (r->count == r->room) {
		struct dsn_recipient *old = r->recipients;

		r->room = r->room * 2 + 2;
		r->recipients =
			arena_array(t->arena, r->room, sizeof(*r->recipients));
		if (r->count > 0)
			memcpy(r->recipients, old,
			       r->count * sizeof(*r->recipients));
	}
	r->recipients[r->count++] = *recipient;
}

/* Two mailboxes behind one alias are one recipient to the sender. */
static bool is_named(const struct report *r, struct slice address)
{
	for (size_t i = 0; i < r->count; i++)
		if (slice_equal(r->recipients[i].address, address))
			return true;
	return false;
}

int report_add(struct turn *t, const struct store_entry *e,
	       enum dsn_action action, const struct outcome *o)
{
	const struct store_recipient *to = &e->recipient;
	bool has_answer = o->code != 0;
	struct dsn_recipient recipient = {
		.address =
			to->original.n > 0 ? to->original : to->target.address,
		.mailbox = to->target.address,
		.orcpt_type = to->orcpt_type,
		.orcpt = to->orcpt,
		.action = action,
		.reply = { .code = o->code, .text = o->text },
		.last_attempt = t->now,
	};
	struct report *r;
	int error = find_report(t, e, action, &r);

	if (error < 0)
		return error;
	memcpy(recipient.reply.status, o->status, sizeof(o->status));
	switch (to->target.kind) {
	case TARGET_MAILBOX:
	case TARGET_REMOTE:
		if (!has_answer)
			recipient.reason = o->text;
		else if (to->target.kind == TARGET_MAILBOX)
			recipient.remote = S("dovecot (lmtp)");
		else if (slice_equal(recipient.address, to->target.address))
			recipient.server = o->server;
		break;
	case TARGET_COMMAND: /* what it says is the operator's to know */
		recipient.reply.code = 0;
		recipient.reply.text = S("");
		if (action == DSN_FAILED)
			recipient.reason =
				S("it was not accepted for this recipient");
		break;
	}
	if (!is_named(r, recipient.address))
		append(t, r, &recipient);
	r->is_utf8 |= slice_has_high(recipient.address) ||
		      slice_has_high(recipient.orcpt);
	return 0;
}

static struct slice format(struct turn *t, const struct report *r,
			   uint64_t queue_id)
{
	const struct store_message *m = r->message;
	struct dsn dsn = {
		.hostname = t->settings->hostname,
		.sender = m->reverse_path,
		.envid = m->envid,
		.trace = m->trace,
		.message_id = arena_format(t->arena, "%016llx",
					   (unsigned long long)queue_id),
		.arrived = m->arrived,
		.now = t->now,
		.gives_up =
			m->since + (int64_t)t->settings->schedule.lifetime_s,
		.original = r->original,
		.original_is_whole = r->original_is_whole,
		.is_utf8 = r->is_utf8 || slice_has_high(m->reverse_path),
		.recipients = r->recipients,
		.recipient_count = r->count,
	};

	return dsn_format(&dsn, t->arena);
}

static int write_report(struct turn *t, const struct report *r)
{
	struct store_message m = { .trace = r->message->trace,
				   .is_smtputf8 = r->is_utf8,
				   .arrived = t->now };
	struct store_recipient to = {
		.target = { .address = r->message->reverse_path },
		.original = r->message->reverse_path,
		.notify = DSN_NOTIFY_NEVER, /* RFC 3461 5.2 */
		/* RFC 8689 5 */
		.tls_demand = r->requires_tls ? TLS_DEMAND_REQUIRED
					      : TLS_DEMAND_USUAL,
		.line = STORE_REPORT,
		.due = t->now,
	};
	struct store_content content = { .fd = -1 };
	uint64_t id;
	int error;

	error = enqueue_new_id(&id);
	if (error < 0)
		return error;
	content.octets = format(t, r, id);
	m.queue_id = to.queue_id = id;
	m.content_octets = content.octets.n;
	m.is_8bit = slice_has_high(content.octets);
	error = store_add_message(t->store, &m, &content);
	if (error == 0)
		error = store_add_recipient(t->store, &to);
	if (error < 0)
		return error;
	turn_note(t, &(struct note){ .level = LOG_INFO,
				     .message = "report queued",
				     .trace = m.trace,
				     .queue_id = id,
				     .recipient = to.target.address,
				     .count_of = "recipients",
				     .count = r->count });
	return 0;
}

int reports_write(struct turn *t)
{
	const struct report *r;

	STAILQ_FOREACH(r, &t->reports, entry) {
		int error = write_report(t, r);

		if (error < 0)
			return error;
	}
	return 0;
}
