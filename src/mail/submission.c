#include "mail/submission.h"

#include "mail/fields.h"
#include "mail/header.h"

#include <string.h>

enum { RECIPIENTS_ALL_MAX = 10000 };

/* What is done with a field, by its name. */
enum {
	FIELD_ADDRESSES = 1, /* a list of addresses, to be made complete */
	FIELD_REMOVED = 2,
	FIELD_TO = 4, /* recipients for -t */
	FIELD_RESENT_TO = 8,
};

static const struct {
	struct slice name;
	unsigned flags;
} known[] = {
	{ SLICE("bcc"), FIELD_REMOVED | FIELD_TO },
	{ SLICE("cc"), FIELD_ADDRESSES | FIELD_TO },
	{ SLICE("from"), FIELD_ADDRESSES },
	{ SLICE("reply-to"), FIELD_ADDRESSES },
	{ SLICE("resent-bcc"), FIELD_REMOVED | FIELD_RESENT_TO },
	{ SLICE("resent-cc"), FIELD_ADDRESSES | FIELD_RESENT_TO },
	{ SLICE("resent-from"), FIELD_ADDRESSES },
	{ SLICE("resent-reply-to"), FIELD_ADDRESSES },
	{ SLICE("resent-sender"), FIELD_ADDRESSES },
	{ SLICE("resent-to"), FIELD_ADDRESSES | FIELD_RESENT_TO },
	{ SLICE("return-path"), FIELD_REMOVED },
	{ SLICE("sender"), FIELD_ADDRESSES },
	{ SLICE("to"), FIELD_ADDRESSES | FIELD_TO },
};

struct reader {
	const struct submission_request *request;
	struct arena *arena;
	struct fields fields;
	struct slice *recipients;
	size_t recipient_count, recipient_room;
};

/* --- splitting --------------------------------------------------------------------- */

static unsigned flags_of(const struct field *f)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (field_is(f, known[i].name))
			return known[i].flags;
	return 0;
}

static struct slice without_mailbox_line(struct slice message)
{
	struct slice rest = message;
	struct field f;

	if ((!slice_starts(message, S("From ")) &&
	     !slice_starts(message, S(">From "))) ||
	    field_next(&rest, &f))
		return message;
	return slice_tail(message, slice_find(message, '\n') + 1);
}

/* Returns false when the header is too big. */
static bool split(struct reader *r)
{
	return fields_split(without_mailbox_line(r->request->message), r->arena,
			    &r->fields) &&
	       r->fields.section.n <= HEADER_OCTETS;
}

/* --- recipients ---------------------------------------------------------------------- */

struct slice submission_complete(const struct recipient *r, struct slice domain,
				 struct arena *arena)
{
	const struct slice parts[] = { r->text, S("@"), domain };

	return r->is_bare ? arena_join(arena, parts, 3) : r->text;
}

static void add_recipient(struct reader *r, const struct recipient *one)
{
	if (r->recipient_count == r->recipient_room) {
		struct slice *more;

		r->recipient_room = r->recipient_room * 2 + 32;
		more = arena_array(r->arena, r->recipient_room, sizeof(*more));
		if (r->recipient_count > 0)
			memcpy(more, r->recipients,
			       r->recipient_count * sizeof(*more));
		r->recipients = more;
	}
	r->recipients[r->recipient_count++] =
		submission_complete(one, r->request->domain, r->arena);
}

static int add_recipients(struct reader *r, const struct field *f)
{
	const struct recipient *items;
	size_t count;
	int error = recipients_parse(f->value, r->arena, &items, &count);

	if (error != 0)
		return error == RECIPIENTS_TOO_MANY ? SUBMISSION_TOO_BIG
						    : SUBMISSION_ADDRESS;
	if (r->recipient_count + count > RECIPIENTS_ALL_MAX)
		return SUBMISSION_TOO_BIG;
	for (size_t i = 0; i < count; i++)
		add_recipient(r, &items[i]);
	return 0;
}

static unsigned wanted_of(const struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		if ((flags_of(&fields->items[i]) & FIELD_RESENT_TO) != 0)
			return FIELD_RESENT_TO;
	return FIELD_TO;
}

static int find_recipients(struct reader *r, struct slice *ret_field)
{
	unsigned wanted = wanted_of(&r->fields);

	for (size_t i = 0; i < r->fields.count; i++) {
		const struct field *f = &r->fields.items[i];
		int error = 0;

		if ((flags_of(f) & wanted) != 0)
			error = add_recipients(r, f);
		if (error != 0) {
			*ret_field = f->name;
			return error;
		}
	}
	return 0;
}

/* --- writing --------------------------------------------------------------------------- */

struct parts {
	struct slice *items;
	size_t count;
};

static void add_part(struct parts *p, struct slice part)
{
	p->items[p->count++] = part;
}

/* What cannot be read as addresses stays as it is. */
static struct slice completed(struct reader *r, const struct field *f)
{
	struct slice body = f->value;
	const struct recipient *items;
	struct parts parts = { .count = 0 };
	size_t begin = (size_t)(f->value.p - f->whole.p);
	size_t count, at = 0;

	if (recipients_parse(body, r->arena, &items, &count) != 0)
		return f->whole;
	parts.items =
		arena_array(r->arena, 3 * count + 2, sizeof(*parts.items));
	add_part(&parts, slice_head(f->whole, begin));
	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_bare)
			continue;
		add_part(&parts,
			 slice_head(slice_tail(body, at), items[i].end - at));
		add_part(&parts, S("@"));
		add_part(&parts, r->request->domain);
		at = items[i].end;
	}
	add_part(&parts, slice_tail(f->whole, begin + at));
	return arena_join(r->arena, parts.items, parts.count);
}

static bool has_from(const struct reader *r)
{
	for (size_t i = 0; i < r->fields.count; i++)
		if (field_is(&r->fields.items[i], S("from")))
			return true;
	return false;
}

static struct slice write_header(struct reader *r)
{
	struct parts parts = { .count = 0 };

	parts.items = arena_array(r->arena, r->fields.count + 3,
				  sizeof(*parts.items));
	for (size_t i = 0; i < r->fields.count; i++) {
		const struct field *f = &r->fields.items[i];
		unsigned flags = flags_of(f);

		if ((flags & FIELD_ADDRESSES) != 0)
			add_part(&parts, completed(r, f));
		else if ((flags & FIELD_REMOVED) == 0)
			add_part(&parts, f->whole);
	}
	if (!has_from(r)) {
		add_part(&parts, S("From: "));
		add_part(&parts, r->request->from);
		add_part(&parts, S("\r\n"));
	}
	return arena_join(r->arena, parts.items, parts.count);
}

int submission_read(const struct submission_request *request,
		    struct arena *arena, struct submission *ret_submission,
		    struct slice *ret_field)
{
	struct reader r = { .request = request, .arena = arena };
	int error = 0;

	if (!split(&r))
		return SUBMISSION_TOO_BIG;
	if (request->takes_recipients)
		error = find_recipients(&r, ret_field);
	if (error != 0)
		return error;
	*ret_submission = (struct submission){
		.recipients = r.recipients,
		.recipient_count = r.recipient_count,
		.header = write_header(&r),
		.body = r.fields.body,
	};
	return 0;
}
