#include "milter/edits.h"

#include "base/mem.h"
#include "milter/edits-private.h"

enum {
	FIRST_EDITS = 8,
	ADDRESS_OCTETS = 1000, /* and parameters; no good one is that long */
	/* A tripwire: values grow to twice their octets at most. */
	ARENA_OCTETS = 8 * MILTER_EDIT_OCTETS,
	DESCRIBED_OCTETS = 200,
};

struct milter_edits *milter_edits_new(const struct milter_edits_config *config)
{
	struct milter_edits *e = mem_new(sizeof(*e));

	e->config = *config;
	e->arena = arena_new(ARENA_OCTETS);
	edit_body_init(&e->body);
	return e;
}

void milter_edits_free(struct milter_edits **edits)
{
	struct milter_edits *e = *edits;

	if (e == NULL)
		return;
	edit_body_done(&e->body);
	mem_free(&e->list);
	arena_free(&e->arena);
	mem_free(edits);
}

/* --- taking ---------------------------------------------------------------------- */

static enum milter_edit_result ignored(struct slice problem,
				       struct slice *ret_problem)
{
	*ret_problem = problem;
	return MILTER_EDIT_IGNORED;
}

static enum milter_edit_result append(struct milter_edits *e,
				      const struct edit *edit)
{
	if (e->count == e->room) {
		e->room = e->room > 0 ? e->room * 2 : FIRST_EDITS;
		e->list = mem_resize(e->list, e->room, sizeof(*e->list));
	}
	e->list[e->count++] = *edit;
	return MILTER_EDIT_TAKEN;
}

/* The longest field that milter_write_strings() takes, two NULs with it. */
static bool is_too_long(const struct edit *edit)
{
	return edit->name.n + edit->value.n + 2 > MILTER_DATA_OCTETS;
}

static enum milter_edit_result take_field(struct milter_edits *e,
					  const struct milter_reply *reply,
					  struct slice *ret_problem)
{
	struct edit edit = { .code = reply->code, .index = reply->index };

	if (!edit_name_is_good(reply->name, ret_problem))
		return MILTER_EDIT_IGNORED;
	edit.name = arena_copy(e->arena, reply->name);
	edit.is_deletion =
		reply->code == MILTER_CHGHEADER && reply->value.n == 0;
	if (!edit.is_deletion)
		edit.value = edit_clean_value(
			reply->value, e->config.has_leading_space, e->arena);
	if (is_too_long(&edit))
		return ignored(S("the header field is too long"), ret_problem);
	return append(e, &edit);
}

static enum milter_edit_result take_address(struct milter_edits *e,
					    const struct milter_reply *reply,
					    struct slice *ret_problem)
{
	struct edit edit = { .code = reply->code };

	if (reply->address.n == 0)
		return ignored(S("there is no address"), ret_problem);
	if (reply->address.n > ADDRESS_OCTETS ||
	    reply->params.n > ADDRESS_OCTETS)
		return ignored(S("the address is too long"), ret_problem);
	if (slice_has_control(reply->address) ||
	    slice_has_control(reply->params))
		return ignored(S("the address has control octets"),
			       ret_problem);
	edit.address = arena_copy(e->arena, reply->address);
	edit.params = arena_copy(e->arena, reply->params);
	return append(e, &edit);
}

static enum milter_edit_result take_body(struct milter_edits *e,
					 const struct milter_reply *reply)
{
	const struct edit edit = { .code = reply->code };

	if (!e->has_body) {
		if (e->count == MILTER_EDIT_COUNT)
			return MILTER_EDIT_TOO_MANY;
		(void)append(e, &edit);
	}
	e->has_body = true;
	return edit_body_add(&e->body, reply->body, e->config.body_limit);
}

static enum milter_edit_result take_reason(struct milter_edits *e,
					   const struct milter_reply *reply)
{
	if (e->reason.n == 0)
		e->reason = edit_clean_reason(reply->text, e->arena);
	if (e->reason.n == 0)
		e->reason = S("no reason given");
	return MILTER_EDIT_TAKEN;
}

/* Counts what is to be kept; also what will be ignored, it came after all. */
static bool is_within_limits(struct milter_edits *e,
			     const struct milter_reply *reply)
{
	e->octets += reply->name.n + reply->value.n + reply->address.n +
		     reply->params.n;
	return e->octets <= MILTER_EDIT_OCTETS && e->count < MILTER_EDIT_COUNT;
}

enum milter_edit_result milter_edits_take(struct milter_edits *edits,
					  const struct milter_reply *reply,
					  struct slice *ret_problem)
{
	if (reply->code == MILTER_QUARANTINE)
		return take_reason(edits, reply);
	if (reply->code == MILTER_REPLBODY)
		return take_body(edits, reply);
	if (!is_within_limits(edits, reply))
		return MILTER_EDIT_TOO_MANY;
	if (reply->code == MILTER_ADDHEADER ||
	    reply->code == MILTER_INSHEADER || reply->code == MILTER_CHGHEADER)
		return take_field(edits, reply, ret_problem);
	if (reply->code == MILTER_ADDRCPT ||
	    reply->code == MILTER_ADDRCPT_PAR ||
	    reply->code == MILTER_DELRCPT || reply->code == MILTER_CHGFROM)
		return take_address(edits, reply, ret_problem);
	return ignored(S("this is no edit"), ret_problem);
}

/* --- telling ---------------------------------------------------------------------- */

size_t milter_edits_count(const struct milter_edits *edits)
{
	return edits->count;
}

struct slice milter_edits_quarantine(const struct milter_edits *edits)
{
	return edits->reason;
}

/* One line of a field's value, clipped. */
static struct slice in_one_line(struct slice value, struct arena *arena)
{
	struct slice clipped = slice_head(slice_trim(value), DESCRIBED_OCTETS);
	char *p = arena_alloc(arena, clipped.n + 3);
	size_t n = 0;

	for (size_t i = 0; i < clipped.n; i++) {
		const char c = clipped.p[i];

		if (c == '\t')
			p[n++] = ' ';
		else if (c != '\r' && c != '\n')
			p[n++] = c;
	}
	for (size_t i = 0; i < 3 && clipped.n == DESCRIBED_OCTETS; i++)
		p[n++] = '.';
	return (struct slice){ .p = p, .n = n };
}

static struct slice describe_field(const struct edit *edit, struct slice verb,
				   struct arena *arena)
{
	const struct slice parts[] = {
		verb,
		edit->name,
		edit->is_deletion ? S("") : S(": "),
		in_one_line(edit->value, arena),
	};

	return arena_join(arena, parts, 4);
}

static struct slice describe_address(const struct edit *edit, struct slice verb,
				     struct arena *arena)
{
	const struct slice parts[] = {
		verb,
		edit->address,
		edit->params.n > 0 ? S(" ") : S(""),
		edit->params,
	};

	return arena_join(arena, parts, 4);
}

static struct slice describe(const struct milter_edits *edits,
			     const struct edit *edit, struct arena *arena)
{
	const unsigned index = edit->index;

	if (edit->code == MILTER_REPLBODY)
		return arena_format(arena, "replace body (%llu octets)",
				    (unsigned long long)edits->body.octets);
	if (edit->code == MILTER_ADDHEADER)
		return describe_field(edit, S("add header: "), arena);
	if (edit->code == MILTER_INSHEADER)
		return describe_field(
			edit, arena_format(arena, "insert header %u: ", index),
			arena);
	if (edit->code == MILTER_CHGHEADER)
		return describe_field(
			edit,
			arena_format(arena, "%s header %u: ",
				     edit->is_deletion ? "delete" : "change",
				     index),
			arena);
	if (edit->code == MILTER_DELRCPT)
		return describe_address(edit, S("delete recipient "), arena);
	if (edit->code == MILTER_CHGFROM)
		return describe_address(edit, S("change sender to "), arena);
	return describe_address(edit, S("add recipient "), arena);
}

struct slice milter_edits_describe(const struct milter_edits *edits, size_t i,
				   struct arena *arena)
{
	const struct edit *edit = &edits->list[i];
	struct slice parts[2] = { describe(edits, edit, arena) };

	switch (edit->outcome) {
	case EDIT_PENDING:
	case EDIT_DONE:
		return parts[0];
	case EDIT_NO_FIELD:
		parts[1] = S(" (not done: there is none)");
		break;
	case EDIT_NO_ROOM:
		parts[1] = S(" (not done: it would be too much)");
		break;
	}
	return arena_join(arena, parts, 2);
}
