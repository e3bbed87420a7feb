#include "mail/dmarc_walk.h"

#include "base/mem.h"

#include <libpsl.h>

enum {
	NAME_OCTETS = 253,
	KEPT = 64, /* answers for one message; more fail */
};

struct answer {
	struct slice domain;
	enum dmarc_txt state;
	struct dmarc_found found;
};

struct dmarc_lookups {
	dmarc_ask *ask;
	void *ask_arg;
	struct arena *arena;
	struct answer answers[KEPT];
	size_t count;
};

struct dmarc_lookups *dmarc_lookups_new(dmarc_ask *ask, void *ask_arg,
					struct arena *arena)
{
	struct dmarc_lookups *l = arena_alloc(arena, sizeof(*l));

	l->ask = ask;
	l->ask_arg = ask_arg;
	l->arena = arena;
	return l;
}

/* --- one name -------------------------------------------------------------------- */

static enum dmarc_txt ask(struct dmarc_lookups *l, struct slice name,
			  const struct slice **ret_texts, size_t *ret_count)
{
	/* What is too long for DNS is not there. */
	if (name.n > NAME_OCTETS)
		return DMARC_TXT_NO_NAME;
	return l->ask(l->ask_arg, name, ret_texts, ret_count);
}

/* A record where the list has a public suffix of registries is the registry's,
 * though it may not say so: else all below it were one organization. */
static bool is_registry(struct slice domain, struct arena *arena)
{
	return psl_is_public_suffix2(psl_builtin(), arena_string(arena, domain),
				     PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) ==
	       1;
}

/* The only DMARC record among texts. */
static bool pick(struct dmarc_lookups *l, const struct slice *texts,
		 size_t count, struct dmarc_found *f)
{
	size_t records = 0;

	for (size_t i = 0; i < count; i++) {
		struct dmarc_record record;
		int error = dmarc_parse(texts[i], &record);

		if (error == DMARC_OTHER)
			continue;
		f->text = arena_copy(l->arena, texts[i]);
		f->is_unusable = error == DMARC_UNUSABLE;
		records++;
	}
	if (records != 1)
		return false;
	(void)dmarc_parse(f->text, &f->record); /* now of the copy */
	if (f->record.psd == DMARC_PSD_UNKNOWN &&
	    is_registry(f->domain, l->arena))
		f->record.psd = DMARC_PSD_YES;
	return true;
}

static struct answer *look_up(struct dmarc_lookups *l, struct slice domain)
{
	struct answer *a = &l->answers[l->count++];
	const struct slice parts[] = { S("_dmarc."), domain };
	const struct slice *texts;
	size_t count;

	a->domain = a->found.domain = domain;
	a->state = ask(l, arena_join(l->arena, parts, 2), &texts, &count);
	if (a->state == DMARC_TXT_NO_NAME)
		a->state = DMARC_TXT_NO_DATA;
	if (a->state == DMARC_TXT_DATA && !pick(l, texts, count, &a->found))
		a->state = DMARC_TXT_NO_DATA;
	return a;
}

enum dmarc_txt dmarc_record_of(struct dmarc_lookups *l, struct slice domain,
			       struct dmarc_found *ret_found)
{
	const struct answer *a = NULL;

	for (size_t i = 0; i < l->count && a == NULL; i++)
		if (slice_equal(l->answers[i].domain, domain))
			a = &l->answers[i];
	if (a == NULL && l->count == KEPT)
		return DMARC_TXT_FAILED;
	if (a == NULL)
		a = look_up(l, domain);
	if (a->state == DMARC_TXT_DATA)
		*ret_found = a->found;
	return a->state;
}

bool dmarc_domain_exists(struct dmarc_lookups *l, struct slice domain)
{
	const struct slice *texts;
	size_t count;

	return ask(l, domain, &texts, &count) != DMARC_TXT_NO_NAME;
}

/* --- the walk ---------------------------------------------------------------------- */

static size_t label_count(struct slice domain)
{
	size_t n = 1;

	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

static struct slice parent(struct slice domain)
{
	return slice_tail(domain, slice_find(domain, '.') + 1);
}

/* 4.10, steps 4 and 7; empty when no label is left. */
static struct slice next_target(struct slice target)
{
	struct slice next = parent(target);

	while (label_count(next) >= DMARC_QUERIES)
		next = parent(next);
	return next;
}

/* The domain one label below ancestor, on the way to domain. */
static struct slice one_below(struct slice domain, struct slice ancestor)
{
	while (!slice_equal(parent(domain), ancestor))
		domain = parent(domain);
	return domain;
}

/* 4.10.2 */
static struct slice organization(const struct dmarc_walk *w,
				 struct slice domain)
{
	const struct dmarc_found *last;

	if (w->count == 0)
		return domain;
	last = &w->found[w->count - 1];
	if (last->record.psd == DMARC_PSD_YES &&
	    !slice_equal(last->domain, domain))
		return one_below(domain, last->domain);
	return last->domain;
}

bool dmarc_walk(struct dmarc_lookups *l, struct slice domain,
		struct dmarc_walk *ret_walk)
{
	struct dmarc_walk w = { .count = 0 };

	for (struct slice at = domain; at.n > 0; at = next_target(at)) {
		struct dmarc_found *f = &w.found[w.count];

		switch (dmarc_record_of(l, at, f)) {
		case DMARC_TXT_DATA:
			w.count++;
			break;
		case DMARC_TXT_NO_DATA:
		case DMARC_TXT_NO_NAME:
			continue;
		case DMARC_TXT_FAILED:
			return false;
		}
		if (f->record.psd != DMARC_PSD_UNKNOWN)
			break;
	}
	w.organization = organization(&w, domain);
	*ret_walk = w;
	return true;
}

const struct dmarc_found *dmarc_walk_policy(const struct dmarc_walk *walk,
					    struct slice domain)
{
	const struct dmarc_found *last;

	for (size_t i = 0; i < walk->count; i++)
		if (slice_equal(walk->found[i].domain, domain) ||
		    slice_equal(walk->found[i].domain, walk->organization))
			return &walk->found[i];
	if (walk->count == 0)
		return NULL;
	last = &walk->found[walk->count - 1];
	return last->record.psd == DMARC_PSD_YES ? last : NULL;
}

struct slice dmarc_listed_organization(struct slice domain, struct arena *arena)
{
	const char *name = arena_string(arena, domain);
	const char *registrable = psl_registrable_domain(psl_builtin(), name);

	if (registrable == NULL)
		return domain;
	return slice_tail(domain, domain.n - slice_of(registrable).n);
}
