#include "auth/mech.h"

#include <string.h>

#include "base/mem.h"

enum { MECHS = 32, NAME_OCTETS = 20 }; /* RFC 4422 3.1 */

struct mech {
	char name[NAME_OCTETS];
	size_t length;
	bool needs_tls;
};

struct text {
	char octets[MECHS * (NAME_OCTETS + 1)];
	size_t length;
};

struct mech_list {
	struct mech mechs[MECHS];
	size_t count;
	struct text plain, tls;
};

struct mech_list *mech_list_new(void)
{
	return mem_new(sizeof(struct mech_list));
}

void mech_list_free(struct mech_list **list)
{
	mem_free(list);
}

void mech_list_clear(struct mech_list *list)
{
	memset(list, 0, sizeof(*list));
}

static bool is_mech_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '_')
			return false;
	}
	return name.n >= 1 && name.n <= NAME_OCTETS;
}

static struct slice name_of(const struct mech *mech)
{
	return (struct slice){ mech->name, mech->length };
}

static void append(struct text *text, struct slice name)
{
	if (text->length > 0)
		text->octets[text->length++] = ' ';
	memcpy(text->octets + text->length, name.p, name.n);
	text->length += name.n;
}

static void add(struct mech_list *list, struct slice name, bool needs_tls)
{
	struct mech *mech = &list->mechs[list->count];

	if (list->count == MECHS || !is_mech_name(name) ||
	    mech_list_find(list, name, true).n > 0)
		return;
	list->count++;
	memcpy(mech->name, name.p, name.n);
	mech->length = name.n;
	mech->needs_tls = needs_tls;
	append(&list->tls, name);
	if (!needs_tls)
		append(&list->plain, name);
}

void mech_list_add(struct mech_list *list, struct auth_reader *line)
{
	struct slice name, flag;
	bool is_hidden = false, needs_tls = false;

	if (!auth_reader_next(line, &name))
		return;
	while (auth_reader_next(line, &flag)) {
		if (slice_equal(flag, S("private")) ||
		    slice_equal(flag, S("anonymous")))
			is_hidden = true;
		if (slice_equal(flag, S("plaintext")) ||
		    slice_equal(flag, S("channel-binding")))
			needs_tls = true;
	}
	if (!is_hidden)
		add(list, name, needs_tls);
}

struct slice mech_list_find(const struct mech_list *list, struct slice name,
			    bool is_tls)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct mech *mech = &list->mechs[i];

		if (slice_equal_nocase(name_of(mech), name))
			return is_tls || !mech->needs_tls ? name_of(mech)
							  : S("");
	}
	return S("");
}

struct slice mech_list_text(const struct mech_list *list, bool is_tls)
{
	const struct text *text = is_tls ? &list->tls : &list->plain;

	return (struct slice){ text->octets, text->length };
}
