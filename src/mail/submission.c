#include "mail/submission.h"

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
} fields[] = {
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

struct field {
	struct slice name;
	struct slice whole; /* with its line ends */
	size_t body;        /* where it begins in whole */
	unsigned flags;
};

struct reader {
	const struct submission_request *request;
	struct arena *arena;
	struct field *fields;
	size_t count, room;
	struct slice rest; /* of the message */
	struct slice *recipients;
	size_t recipient_count, recipient_room;
};

/* --- splitting --------------------------------------------------------------------- */

static struct slice first_line(struct slice text)
{
	size_t lf = slice_find(text, '\n');

	return slice_head(text, lf + 1);
}

static bool is_name_octet(char c)
{
	return c > ' ' && c < 127 && c != ':';
}

/* Whether line begins a field: RFC 5322 2.2, and the blanks of 4.5. */
static bool read_name(struct slice line, struct field *ret_field)
{
	size_t n = 0, colon;

	while (n < line.n && is_name_octet(line.p[n]))
		n++;
	colon = n;
	while (colon < line.n &&
	       (line.p[colon] == ' ' || line.p[colon] == '\t'))
		colon++;
	if (n == 0 || colon == line.n || line.p[colon] != ':')
		return false;
	ret_field->name = slice_head(line, n);
	ret_field->body = colon + 1;
	return true;
}

static unsigned flags_of(struct slice name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (slice_equal_nocase(name, fields[i].name))
			return fields[i].flags;
	return 0;
}

static bool is_folded(struct slice rest)
{
	return rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t');
}

/* Takes the next field off r->rest. Returns false at the header's end. */
static bool take_field(struct reader *r, struct field *ret_field)
{
	struct slice line = first_line(r->rest);
	size_t n = line.n;

	if (!read_name(line, ret_field))
		return false;
	while (is_folded(slice_tail(r->rest, n)))
		n += first_line(slice_tail(r->rest, n)).n;
	ret_field->whole = slice_head(r->rest, n);
	ret_field->flags = flags_of(ret_field->name);
	r->rest = slice_tail(r->rest, n);
	return true;
}

static void add_field(struct reader *r, const struct field *f)
{
	if (r->count == r->room) {
		struct field *more;

		r->room = r->room * 2 + 32;
		more = arena_array(r->arena, r->room, sizeof(*more));
		if (r->count > 0)
			memcpy(more, r->fields, r->count * sizeof(*more));
		r->fields = more;
	}
	r->fields[r->count++] = *f;
}

static bool is_mailbox_line(struct slice line)
{
	struct field f;

	return (slice_starts(line, S("From ")) ||
		slice_starts(line, S(">From "))) &&
	       !read_name(line, &f);
}

/* Returns false when the header is too big. */
static bool split(struct reader *r)
{
	struct field f;
	size_t octets = 0;

	r->rest = r->request->message;
	if (is_mailbox_line(first_line(r->rest)))
		r->rest = slice_tail(r->rest, first_line(r->rest).n);
	while (take_field(r, &f)) {
		octets += f.whole.n;
		if (octets > HEADER_OCTETS || r->count == HEADER_FIELDS)
			return false;
		add_field(r, &f);
	}
	if (slice_starts(r->rest, S("\r\n")))
		r->rest = slice_tail(r->rest, 2);
	return true;
}

/* --- recipients ---------------------------------------------------------------------- */

struct slice submission_complete(const struct recipient *r, struct slice domain,
				 struct arena *arena)
{
	const struct slice parts[] = { r->text, S("@"), domain };

	return r->is_bare ? arena_join(arena, parts, 3) : r->text;
}

static struct slice body_of(const struct field *f)
{
	return slice_tail(f->whole, f->body);
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
	int error = recipients_parse(body_of(f), r->arena, &items, &count);

	if (error != 0)
		return error == RECIPIENTS_TOO_MANY ? SUBMISSION_TOO_BIG
						    : SUBMISSION_ADDRESS;
	if (r->recipient_count + count > RECIPIENTS_ALL_MAX)
		return SUBMISSION_TOO_BIG;
	for (size_t i = 0; i < count; i++)
		add_recipient(r, &items[i]);
	return 0;
}

static int find_recipients(struct reader *r, struct slice *ret_field)
{
	unsigned wanted = FIELD_TO;

	for (size_t i = 0; i < r->count; i++)
		if ((r->fields[i].flags & FIELD_RESENT_TO) != 0)
			wanted = FIELD_RESENT_TO;
	for (size_t i = 0; i < r->count; i++) {
		int error = 0;

		if ((r->fields[i].flags & wanted) != 0)
			error = add_recipients(r, &r->fields[i]);
		if (error != 0) {
			*ret_field = r->fields[i].name;
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
	struct slice body = body_of(f);
	const struct recipient *items;
	struct parts parts = { .count = 0 };
	size_t count, at = 0;

	if (recipients_parse(body, r->arena, &items, &count) != 0)
		return f->whole;
	parts.items =
		arena_array(r->arena, 3 * count + 2, sizeof(*parts.items));
	add_part(&parts, slice_head(f->whole, f->body));
	for (size_t i = 0; i < count; i++) {
		if (!items[i].is_bare)
			continue;
		add_part(&parts,
			 slice_head(slice_tail(body, at), items[i].end - at));
		add_part(&parts, S("@"));
		add_part(&parts, r->request->domain);
		at = items[i].end;
	}
	add_part(&parts, slice_tail(body, at));
	return arena_join(r->arena, parts.items, parts.count);
}

static bool has_from(const struct reader *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (slice_equal_nocase(r->fields[i].name, S("from")))
			return true;
	return false;
}

static struct slice write_header(struct reader *r)
{
	struct parts parts = { .count = 0 };

	parts.items = arena_array(r->arena, r->count + 3, sizeof(*parts.items));
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];

		if ((f->flags & FIELD_ADDRESSES) != 0)
			add_part(&parts, completed(r, f));
		else if ((f->flags & FIELD_REMOVED) == 0)
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
		.body = r.rest,
	};
	return 0;
}
