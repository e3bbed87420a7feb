#include "mail/from.h"

#include "mail/field.h"
#include "mail/recipients.h"
#include "smtp/name.h"

static struct slice domain_of(struct slice address)
{
	return slice_tail(address, slice_find_last(address, '@') + 1);
}

static bool has_domain(const struct from *f, struct slice domain)
{
	for (size_t i = 0; i < f->domain_count; i++)
		if (slice_equal(f->domains[i], domain))
			return true;
	return false;
}

static enum from_state add_domain(struct from *f, struct slice *room,
				  struct slice text, struct arena *arena)
{
	struct slice domain;

	if (text.n > 1 && text.p[text.n - 1] == '.')
		text.n--;
	domain = text;
	if (!name_is_literal(text) && name_domain(text, arena, &domain) != 0)
		return FROM_UNREADABLE;
	if (has_domain(f, domain))
		return FROM_OK;
	if (f->domain_count == FROM_DOMAINS_MAX)
		return FROM_TOO_MANY;
	room[f->domain_count++] = domain;
	return FROM_OK;
}

static void add_addresses(struct from *f, const struct recipient *items,
			  size_t count, struct arena *arena)
{
	struct slice *addresses =
		arena_array(arena, count + 1, sizeof(*addresses));
	struct slice *domains =
		arena_array(arena, FROM_DOMAINS_MAX, sizeof(*domains));

	f->addresses = addresses;
	f->domains = domains;
	for (size_t i = 0; i < count && f->state == FROM_OK; i++) {
		if (items[i].is_bare)
			continue;
		addresses[f->address_count++] = items[i].text;
		f->state =
			add_domain(f, domains, domain_of(items[i].text), arena);
	}
	if (f->state == FROM_OK && f->domain_count == 0)
		f->state = FROM_WITHOUT_DOMAIN;
}

/* "<>" is nobody, and not only in envelopes: some reports say that. */
static bool is_null(struct slice value)
{
	return value.n >= 2 && slice_ends_nocase(value, S("<>")) &&
	       slice_find(value, '@') == value.n &&
	       slice_find(value, ',') == value.n;
}

static enum from_state parse(struct slice value, struct arena *arena,
			     struct from *f)
{
	const struct recipient *items;
	size_t count;
	int error;

	if (value.n > FROM_OCTETS)
		return FROM_TOO_MANY;
	if (is_null(slice_trim(value)))
		return FROM_WITHOUT_DOMAIN;
	error = recipients_parse(value, arena, &items, &count);
	if (error == RECIPIENTS_TOO_MANY ||
	    (error == 0 && count > FROM_ADDRESSES_MAX))
		return FROM_TOO_MANY;
	if (error != 0)
		return FROM_UNREADABLE;
	add_addresses(f, items, count, arena);
	return f->state;
}

void from_parse(struct slice value, struct arena *arena, struct from *ret_from)
{
	struct from f = { .state = FROM_OK };

	f.state = parse(value, arena, &f);
	*ret_from = (struct from){ .state = f.state };
	if (f.state == FROM_OK)
		*ret_from = f;
}

void from_read(struct slice section, struct slice name, struct arena *arena,
	       struct from *ret_from)
{
	struct slice value = { .n = 0 };
	struct field field;
	size_t count = 0;

	while (field_next(&section, &field))
		if (slice_equal_nocase(field.name, name)) {
			value = field.value;
			count++;
		}
	if (count == 1)
		from_parse(value, arena, ret_from);
	else
		*ret_from =
			(struct from){ .state = count == 0 ? FROM_MISSING
							   : FROM_REPEATED };
}

const char *from_words(enum from_state state)
{
	switch (state) {
	case FROM_OK:
		return "";
	case FROM_MISSING:
		return "no From field";
	case FROM_REPEATED:
		return "more than one From field";
	case FROM_UNREADABLE:
		return "a From field that cannot be read";
	case FROM_WITHOUT_DOMAIN:
		return "a From field without domain";
	case FROM_TOO_MANY:
		return "a From field with too many addresses";
	}
	return "?";
}
