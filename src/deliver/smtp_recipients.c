#include "deliver/smtp_recipients.h"

#include "base/mem.h"

#include <assert.h>

enum {
	/* A few texts of transactions that may be its own. */
	RECIPIENT_OCTETS = 4 * WIRE_TEXT_OCTETS,
	MESSAGE_OCTETS = 64 << 10,
};

struct entry {
	enum smtp_place place;
	struct smtp_result result;
};

struct smtp_recipients {
	struct arena *arena;
	size_t count;
	size_t in[SMTP_PLACES];
	size_t from[SMTP_PLACES]; /* none stands there before this one */
	struct entry entries[];
};

struct smtp_recipients *smtp_recipients_new(size_t count)
{
	struct smtp_recipients *r =
		mem_new(sizeof(*r) + count * sizeof(r->entries[0]));

	r->arena = arena_new(MESSAGE_OCTETS + count * RECIPIENT_OCTETS);
	r->count = count;
	r->in[SMTP_OPEN] = count;
	return r;
}

void smtp_recipients_free(struct smtp_recipients **recipients)
{
	if (*recipients == NULL)
		return;
	arena_free(&(*recipients)->arena);
	mem_free(recipients);
}

bool smtp_recipients_are_decided(const struct smtp_recipients *r)
{
	return r->in[SMTP_DECIDED] == r->count;
}

size_t smtp_recipients_count(const struct smtp_recipients *r,
			     enum smtp_place place)
{
	return r->in[place];
}

size_t smtp_recipients_first(const struct smtp_recipients *r,
			     enum smtp_place place)
{
	size_t i = r->from[place];

	while (i < r->count && r->entries[i].place != place)
		i++;
	assert(i < r->count);
	return i;
}

void smtp_recipients_move(struct smtp_recipients *r, size_t index,
			  enum smtp_place place)
{
	struct entry *e = &r->entries[index];

	r->in[e->place]--;
	r->in[place]++;
	/* Whoever leaves is mostly the first. */
	if (r->from[e->place] == index)
		r->from[e->place]++;
	if (r->from[place] > index || r->in[place] == 1)
		r->from[place] = index;
	e->place = place;
}

void smtp_recipients_choose(struct smtp_recipients *r, size_t max)
{
	for (; max > 0 && r->in[SMTP_OPEN] > 0; max--)
		smtp_recipients_move(r, smtp_recipients_first(r, SMTP_OPEN),
				     SMTP_CHOSEN);
}

static struct smtp_result copy(struct smtp_recipients *r,
			       const struct smtp_result *result)
{
	struct smtp_result c = *result;

	c.outcome.text = arena_copy(
		r->arena, slice_head(c.outcome.text, WIRE_TEXT_OCTETS));
	return c;
}

void smtp_recipients_decide_all(struct smtp_recipients *r,
				enum smtp_place first, enum smtp_place last,
				const struct smtp_result *result)
{
	struct smtp_result c = copy(r, result);

	for (size_t i = 0; i < r->count; i++) {
		if (r->entries[i].place < first || r->entries[i].place > last)
			continue;
		r->entries[i].result = c;
		smtp_recipients_move(r, i, SMTP_DECIDED);
	}
}

void smtp_recipients_decide(struct smtp_recipients *r, size_t index,
			    const struct smtp_result *result)
{
	r->entries[index].result = copy(r, result);
	smtp_recipients_move(r, index, SMTP_DECIDED);
}

const struct smtp_result *smtp_recipients_result(
	const struct smtp_recipients *r, size_t index)
{
	assert(index < r->count && r->entries[index].place == SMTP_DECIDED);
	return &r->entries[index].result;
}
