#include "hook/catalog.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/aliases.h"

/* A tripwire: a message is bounded by WIRE_OCTETS, their number by the
 * parent. */
enum { CATALOG_OCTETS = 1 << 30 };

struct domain {
	STAILQ_ENTRY(domain) entry;
	struct slice name, text;
	struct aliases *aliases;
};

struct catalog {
	struct arena *arena;
	STAILQ_HEAD(, domain) domains; /* those that have commands */
	const char *directory, *post_data, *alias_resolve;
	bool has_alias_resolve;
};

struct catalog *catalog_new(void)
{
	struct catalog *c = mem_new(sizeof(*c));

	c->arena = arena_new(CATALOG_OCTETS);
	c->directory = c->post_data = c->alias_resolve = "";
	STAILQ_INIT(&c->domains);
	return c;
}

void catalog_free(struct catalog **catalog)
{
	struct domain *d;

	if (*catalog == NULL)
		return;
	STAILQ_FOREACH(d, &(*catalog)->domains, entry)
		aliases_free(&d->aliases);
	arena_free(&(*catalog)->arena);
	mem_free(catalog);
}

static const char *join(struct catalog *c, struct slice directory,
			struct slice name)
{
	const struct slice parts[] = { directory, name };

	return arena_join(c->arena, parts, 2).p;
}

void catalog_add_hooks(struct catalog *catalog, const struct msg_conf_hooks *m)
{
	catalog->directory = join(catalog, m->directory, S(""));
	catalog->post_data = join(catalog, m->directory, S("/hooks/post-data"));
	catalog->alias_resolve =
		join(catalog, m->directory, S("/hooks/alias-resolve"));
	catalog->has_alias_resolve = m->has_alias_resolve;
}

void catalog_add_domain(struct catalog *catalog,
			const struct msg_conf_domain *m)
{
	struct domain *d;

	if (slice_find(m->aliases, '|') == m->aliases.n)
		return;
	d = arena_alloc(catalog->arena, sizeof(*d));
	d->name = arena_copy(catalog->arena, m->domain);
	d->text = arena_copy(catalog->arena, m->aliases);
	STAILQ_INSERT_TAIL(&catalog->domains, d, entry);
}

static void log_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < conf_errors_lines(errors); i++)
		if (!conf_errors_is_warning(errors, i))
			LOG(LOG_ERROR, NULL, "configuration",
			    log_string("problem", conf_errors_line(errors, i)));
}

bool catalog_read(struct catalog *catalog, const char *drop_characters)
{
	AUTO(conf_errors_free) struct conf_errors *errors = conf_errors_new();
	struct domain *d;
	bool ok = true;

	STAILQ_FOREACH(d, &catalog->domains, entry) {
		d->aliases = aliases_parse(d->text, "aliases", d->name,
					   drop_characters, errors);
		ok = ok && d->aliases != NULL;
	}
	log_errors(errors);
	return ok;
}

const char *catalog_directory(const struct catalog *catalog)
{
	return catalog->directory;
}

const char *catalog_post_data(const struct catalog *catalog)
{
	return catalog->post_data;
}

const char *catalog_alias_resolve(const struct catalog *catalog)
{
	return catalog->alias_resolve;
}

bool catalog_has_alias_resolve(const struct catalog *catalog)
{
	return catalog->has_alias_resolve;
}

struct slice catalog_command(const struct catalog *catalog, struct slice alias)
{
	size_t at = slice_find_last(alias, '@');
	struct slice user = slice_head(alias, at);
	const struct domain *d;
	const struct alias *found;

	STAILQ_FOREACH(d, &catalog->domains, entry) {
		if (!slice_equal(d->name, slice_tail(alias, at + 1)))
			continue;
		found = d->aliases != NULL ? aliases_find(d->aliases, user)
					   : NULL;
		return found != NULL ? found->command : S("");
	}
	return S("");
}
