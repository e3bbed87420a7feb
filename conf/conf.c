#include "conf/conf.h"

#include "base/mem.h"
#include "smtp/name.h"

#include <assert.h>
#include <string.h>

/* Values are bounded by the .def files; this is for a setting given again and
 * again (on a command line). */
enum { CONF_OCTETS = 4 << 20 };

/* What goes onto the wire is the canonical form. */
static void canonicalise(struct conf *conf, const char **host)
{
	struct slice text = slice_of(*host), name;

	if (text.n > 0 && name_domain(text, conf->arena, &name) == 0)
		*host = arena_string(conf->arena, name);
}

/* NOLINTNEXTLINE(readability-function-size): a value and where it stands */
bool conf_set(struct conf *conf, size_t i, const char *const *values,
	      size_t count, const char *file, unsigned line,
	      struct conf_errors *errors)
{
	struct check_place at = { .file = file,
				  .line = line,
				  .errors = errors };
	const struct setting *s;

	if (i >= conf_settings.count)
		return CHECK_NO(&at, "there is no such setting");
	s = &conf_settings.rows[i];
	at.setting = s->name;
	if (!setting_set(s, conf, conf->arena, values, count, &at))
		return false;
	if (s->offset == offsetof(struct conf, hostname))
		canonicalise(conf, &conf->hostname);
	if (s->offset == offsetof(struct conf, mailname))
		canonicalise(conf, &conf->mailname);
	return true;
}

const char **conf_get(const struct conf *conf, size_t i, struct arena *arena,
		      size_t *ret_count)
{
	assert(i < conf_settings.count);
	return setting_get(&conf_settings.rows[i], conf, arena, ret_count);
}

/* --- blocks ------------------------------------------------------------------- */

bool conf_is_milter_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return name.n >= 1 && name.n <= CONF_MILTER_NAME_OCTETS;
}

struct conf_milter *conf_milter_named(const struct conf *conf,
				      struct slice name)
{
	for (size_t i = 0; i < conf->milter_count; i++)
		if (slice_equal_nocase(slice_of(conf->milters[i].name), name))
			return &conf->milters[i];
	return NULL;
}

struct conf_milter *conf_add_milter(struct conf *conf, struct slice name)
{
	struct conf_milter *m;

	if (conf->milter_count == CONF_MILTERS_MAX ||
	    !conf_is_milter_name(name) || conf_milter_named(conf, name) != NULL)
		return NULL;
	if (conf->milters == NULL)
		conf->milters = arena_array(conf->arena, CONF_MILTERS_MAX,
					    sizeof(*conf->milters));
	m = &conf->milters[conf->milter_count++];
	m->name = arena_string(conf->arena, name);
	settings_default(&conf_milter_settings, m, conf->arena);
	return m;
}

/* NOLINTNEXTLINE(readability-function-size): a value and where it stands */
bool conf_set_milter(struct conf *conf, struct conf_milter *m, size_t i,
		     const char *const *values, size_t count,
		     const struct check_place *place)
{
	struct check_place at = *place;

	if (i >= conf_milter_settings.count)
		return CHECK_NO(&at, "there is no such setting");
	at.setting = conf_milter_settings.rows[i].name;
	return setting_set(&conf_milter_settings.rows[i], m, conf->arena,
			   values, count, &at);
}

const char **conf_get_milter(const struct conf_milter *m, size_t i,
			     struct arena *arena, size_t *ret_count)
{
	assert(i < conf_milter_settings.count);
	return setting_get(&conf_milter_settings.rows[i], m, arena, ret_count);
}

/* --- life --------------------------------------------------------------------- */

struct conf *conf_new(void)
{
	struct conf *conf = mem_new(sizeof(*conf));

	conf->arena = arena_new(CONF_OCTETS);
	settings_default(&conf_settings, conf, conf->arena);
	return conf;
}

void conf_free(struct conf **conf)
{
	if (*conf == NULL)
		return;
	arena_free(&(*conf)->arena);
	mem_free(conf);
}
