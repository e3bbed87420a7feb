#include "conf/block.h"

#include "base/mem.h"
#include "smtp/name.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *word;
	const struct settings *settings;
	size_t max;
} kinds[] = {
	[BLOCK_MILTER] = { "milter", &conf_milter_settings, CONF_MILTERS_MAX },
	[BLOCK_SMARTHOST] = { "smarthost", &conf_smarthost_settings,
			      CONF_SMARTHOSTS_MAX },
};

const char *block_word(enum block_kind kind)
{
	return kinds[kind].word;
}

enum block_kind block_kind_named(const char *word)
{
	size_t kind = 0;

	while (kind < BLOCK_KINDS && strcmp(kinds[kind].word, word) != 0)
		kind++;
	return (enum block_kind)kind;
}

const struct settings *block_settings(enum block_kind kind)
{
	return kinds[kind].settings;
}

size_t block_max(enum block_kind kind)
{
	return kinds[kind].max;
}

/* --- finding and making ------------------------------------------------------- */

static struct block of_milter(struct conf_milter *m)
{
	return (struct block){ .kind = BLOCK_MILTER,
			       .name = m != NULL ? m->name : NULL,
			       .values = m };
}

static struct block of_smarthost(struct conf_smarthost *s)
{
	return (struct block){ .kind = BLOCK_SMARTHOST,
			       .name = s != NULL ? s->name : NULL,
			       .values = s };
}

size_t block_count(const struct conf *conf, enum block_kind kind)
{
	return kind == BLOCK_MILTER ? conf->milter_count
				    : conf->smarthost_count;
}

struct block block_at(const struct conf *conf, enum block_kind kind, size_t i)
{
	assert(i < block_count(conf, kind));
	return kind == BLOCK_MILTER ? of_milter(&conf->milters[i])
				    : of_smarthost(&conf->smarthosts[i]);
}

bool block_find(const struct conf *conf, enum block_kind kind,
		struct slice name, struct block *ret_block)
{
	struct block b =
		kind == BLOCK_MILTER
			? of_milter(conf_milter_named(conf, name))
			: of_smarthost(conf_smarthost_named(conf, name));

	if (b.values == NULL)
		return false;
	*ret_block = b;
	return true;
}

bool block_add(struct conf *conf, enum block_kind kind, struct slice name,
	       struct block *ret_block)
{
	struct block b = kind == BLOCK_MILTER
				 ? of_milter(conf_add_milter(conf, name))
				 : of_smarthost(conf_add_smarthost(conf, name));

	if (b.values == NULL)
		return false;
	*ret_block = b;
	return true;
}

/* --- names ---------------------------------------------------------------------- */

static bool check_milter_name(struct slice name, const struct check_place *at)
{
	if (name.n == 0)
		return CHECK_NO(at, "the block has no name; write milter NAME "
				    "{ ... }");
	return conf_is_milter_name(name) ||
	       CHECK_NO(at,
			"\"%.*s\" is no name; letters, digits, _ and -, at "
			"most %d of them",
			(int)slice_head(name, 80).n, name.p,
			CONF_MILTER_NAME_OCTETS);
}

static bool check_domain(struct slice name, const struct check_place *at)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	struct slice domain;

	return name.n == 0 ||
	       (!name_is_literal(name) && name_domain(name, a, &domain) == 0) ||
	       CHECK_NO(at,
			"\"%.*s\" is no domain; write smarthost { ... } for "
			"all senders, or smarthost example.com { ... } for "
			"those of a domain",
			(int)slice_head(name, 80).n, name.p);
}

bool block_check_name(enum block_kind kind, struct slice name,
		      const struct check_place *at)
{
	return kind == BLOCK_MILTER ? check_milter_name(name, at)
				    : check_domain(name, at);
}

/* --- settings -------------------------------------------------------------------- */

/* NOLINTNEXTLINE(readability-function-size): a value and where it stands */
bool block_set(struct conf *conf, const struct block *block, size_t i,
	       const char *const *values, size_t count,
	       const struct check_place *place)
{
	const struct settings *table = block_settings(block->kind);
	struct check_place at = *place;

	if (i >= table->count)
		return CHECK_NO(&at, "there is no such setting");
	at.setting = table->rows[i].name;
	return setting_set(&table->rows[i], block->values, conf->arena, values,
			   count, &at);
}

const char **block_get(const struct block *block, size_t i, struct arena *arena,
		       size_t *ret_count)
{
	const struct settings *table = block_settings(block->kind);

	assert(i < table->count);
	return setting_get(&table->rows[i], block->values, arena, ret_count);
}

/* --- what goes together ------------------------------------------------------------ */

static bool is_given(const struct block *b, const unsigned *given,
		     const char *name)
{
	return given[settings_find(block_settings(b->kind), name)] != 0;
}

static bool check_milter(const struct block *b, const unsigned *given,
			 const struct check_place *at)
{
	const struct conf_milter *m = b->values;
	bool is_good = true;

	if (!is_given(b, given, "socket"))
		is_good = CHECK_NO(at, "it has no socket; write socket = /PATH "
				       "or inet:HOST:PORT");
	if (m->only_unauthenticated && m->only_authenticated)
		is_good = CHECK_NO(
			at, "only_unauthenticated and only_authenticated "
			    "leave nothing together; one of them");
	return is_good;
}

static bool check_smarthost(const struct block *b, const unsigned *given,
			    const struct check_place *at)
{
	const struct conf_smarthost *s = b->values;

	if (s->direct && b->name[0] == '\0')
		return CHECK_NO(at, "direct stands in the block of a domain; "
				    "without a block for all, mail goes out "
				    "by MX anyway");
	if (s->direct &&
	    (is_given(b, given, "host") || is_given(b, given, "user") ||
	     is_given(b, given, "password_file")))
		return CHECK_NO(at, "direct means that there is no smarthost; "
				    "host, user and password_file say that "
				    "there is");
	if (s->direct)
		return true;
	if (!is_given(b, given, "host"))
		return CHECK_NO(at, "it has no host; write host = "
				    "mail.example.net");
	if (is_given(b, given, "user") != is_given(b, given, "password_file"))
		return CHECK_NO(at, "user and password_file go together; both, "
				    "or none for a server that knows us by "
				    "our address");
	return true;
}

bool block_check(const struct block *block, const unsigned *is_given,
		 const struct check_place *at)
{
	return block->kind == BLOCK_MILTER
		       ? check_milter(block, is_given, at)
		       : check_smarthost(block, is_given, at);
}

/* The cage of who connects to them has a list of so many. */
bool block_check_all(const struct conf *conf, const struct check_place *at)
{
	uint64_t ports[CONF_SMARTHOST_PORTS_MAX];
	size_t count = 0, k;

	for (size_t i = 0; i < conf->smarthost_count; i++) {
		const struct conf_smarthost *s = &conf->smarthosts[i];

		for (k = 0; k < count && ports[k] != s->port; k++)
			;
		if (s->direct || k < count)
			continue;
		if (count == CONF_SMARTHOST_PORTS_MAX)
			return CHECK_NO(at,
					"smarthosts have too many "
					"different ports; at most %d",
					CONF_SMARTHOST_PORTS_MAX);
		ports[count++] = s->port;
	}
	return true;
}
