#include "base/mem.h"
#include "milter/edits-private.h"
#include "milter/message-private.h"

#include <string.h>

/* --- fields ----------------------------------------------------------------------- */

static struct field *new_field(const struct edit *edit)
{
	const size_t name_n = edit->name.n, value_n = edit->value.n;
	struct field *f = mem_new(sizeof(*f) + name_n + value_n);

	memcpy(f->text, edit->name.p, name_n);
	if (value_n > 0)
		memcpy(f->text + name_n, edit->value.p, value_n);
	f->is.name = (struct slice){ f->text, name_n };
	f->is.value = (struct slice){ f->text + name_n, value_n };
	f->name_id = edit->name_id;
	return f;
}

static uint32_t id_of_same_name(const struct milter_edits *edits, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (slice_equal_nocase(edits->list[j].name,
				       edits->list[i].name))
			return edits->list[j].name_id;
	return 0;
}

/* Names are compared once: a client's 10,000 fields of one name and a filter's
 * 1,000 deletions of them would take half a second. */
static void number_names(struct milter_edits *edits, struct milter_message *m)
{
	for (size_t i = 0; i < m->field_count; i++)
		m->fields[i]->name_id = 0;
	for (size_t i = 0; i < edits->count; i++) {
		struct edit *edit = &edits->list[i];

		edit->name_id = id_of_same_name(edits, i);
		if (edit->name_id != 0 || edit->name.n == 0)
			continue;
		edit->name_id = (uint32_t)i + 1;
		for (size_t j = 0; j < m->field_count; j++)
			if (slice_equal_nocase(m->fields[j]->is.name,
					       edit->name))
				m->fields[j]->name_id = edit->name_id;
	}
}

/* Whether the header stays within its bounds when gone octets go and edit's
 * field comes. */
static bool has_room(const struct milter_message *m, const struct edit *edit,
		     size_t gone)
{
	return m->octets - gone + edit->name.n + edit->value.n + 3 <=
		       HEADER_OCTETS &&
	       m->field_count < HEADER_FIELDS;
}

static enum edit_outcome put_at(struct milter_message *m, size_t at,
				const struct edit *edit)
{
	if (!has_room(m, edit, 0))
		return EDIT_NO_ROOM;
	message_put_field(m, at, new_field(edit));
	m->is_changed = true;
	return EDIT_DONE;
}

static enum edit_outcome insert_field(struct milter_message *m,
				      const struct edit *edit)
{
	uint32_t before = 0;
	size_t at = 0;

	while (at < m->field_count && before < edit->index)
		before += !m->fields[at++]->is_deleted;
	return put_at(m, at, edit);
}

/* Where the field is that edit speaks of; field_count if there is none. */
static size_t find_field(const struct milter_message *m,
			 const struct edit *edit, bool counts_deleted)
{
	uint32_t left = edit->index > 0 ? edit->index : 1;
	size_t i;

	for (i = 0; i < m->field_count; i++) {
		const struct field *f = m->fields[i];

		if (f->name_id != edit->name_id || f->is.is_hidden ||
		    (f->is_deleted && !counts_deleted))
			continue;
		if (--left == 0)
			break;
	}
	return i;
}

static enum edit_outcome delete_field(struct milter_message *m, size_t i)
{
	struct field *f = m->fields[i];

	if (f->is_deleted)
		return EDIT_NO_FIELD;
	f->is_deleted = true;
	m->octets -= field_octets(f);
	m->is_changed = true;
	return EDIT_DONE;
}

static bool is_same(const struct field *f, const struct edit *edit)
{
	return slice_equal(f->is.name, edit->name) &&
	       slice_equal(f->is.value, edit->value);
}

static enum edit_outcome replace_field(struct milter_message *m, size_t i,
				       const struct edit *edit)
{
	struct field *old = m->fields[i];
	size_t gone = old->is_deleted ? 0 : field_octets(old);

	if (!old->is_deleted && is_same(old, edit))
		return EDIT_DONE; /* it stays as it was written */
	if (!has_room(m, edit, gone))
		return EDIT_NO_ROOM;
	m->octets -= gone;
	m->fields[i] = new_field(edit);
	m->octets += field_octets(m->fields[i]);
	mem_free(&old);
	m->is_changed = true;
	return EDIT_DONE;
}

static enum edit_outcome change_field(struct milter_message *m,
				      const struct edit *edit,
				      bool counts_deleted)
{
	size_t i = find_field(m, edit, counts_deleted);

	if (i == m->field_count)
		return edit->is_deletion ? EDIT_NO_FIELD : put_at(m, i, edit);
	return edit->is_deletion ? delete_field(m, i)
				 : replace_field(m, i, edit);
}

/* The filter is done: nobody counts these any more. */
static void forget_deleted(struct milter_message *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->field_count; i++) {
		if (m->fields[i]->is_deleted)
			mem_free(&m->fields[i]);
		else
			m->fields[kept++] = m->fields[i];
	}
	m->field_count = kept;
}

/* --- body and envelope --------------------------------------------------------------- */

static enum edit_outcome replace_body(struct milter_message *m,
				      struct edit_body *body)
{
	edit_body_finish(body);
	fd_close(&m->body_fd);
	m->body_fd = body->fd;
	body->fd = -1;
	m->body = (struct milter_body){ .fd = m->body_fd,
					.octets = body->octets };
	m->is_changed = true;
	return EDIT_DONE;
}

static enum edit_outcome note_envelope(struct milter_message *m,
				       const struct edit *edit)
{
	const enum milter_envelope_kind kind =
		edit->code == MILTER_CHGFROM   ? MILTER_SENDER_CHANGED
		: edit->code == MILTER_DELRCPT ? MILTER_RECIPIENT_DELETED
					       : MILTER_RECIPIENT_ADDED;

	if (m->envelope_count == ENVELOPE_EDITS ||
	    arena_used(m->arena) + edit->address.n + edit->params.n >
		    ENVELOPE_OCTETS)
		return EDIT_NO_ROOM;
	if (m->envelope_count == m->envelope_room) {
		m->envelope_room = m->envelope_room * 2 + 4;
		m->envelope = mem_resize(m->envelope, m->envelope_room,
					 sizeof(*m->envelope));
	}
	m->envelope[m->envelope_count++] = (struct milter_envelope_edit){
		.kind = kind,
		.address = arena_copy(m->arena, edit->address),
		.params = arena_copy(m->arena, edit->params),
	};
	return EDIT_DONE;
}

/* --- all ------------------------------------------------------------------------------ */

static enum edit_outcome apply_one(struct milter_edits *edits,
				   struct milter_message *m,
				   const struct edit *edit)
{
	if (edit->code == MILTER_ADDHEADER)
		return put_at(m, m->field_count, edit);
	if (edit->code == MILTER_INSHEADER)
		return insert_field(m, edit);
	if (edit->code == MILTER_CHGHEADER)
		return change_field(m, edit, edits->config.is_original_index);
	if (edit->code == MILTER_REPLBODY)
		return replace_body(m, &edits->body);
	return note_envelope(m, edit);
}

size_t milter_edits_apply(struct milter_edits *edits, struct milter_message *m)
{
	size_t left_out = 0;

	number_names(edits, m);
	for (size_t i = 0; i < edits->count; i++) {
		struct edit *edit = &edits->list[i];

		edit->outcome = apply_one(edits, m, edit);
		left_out += edit->outcome == EDIT_NO_ROOM;
	}
	forget_deleted(m);
	if (edits->reason.n > 0)
		milter_message_hold(m, edits->reason);
	return left_out;
}
