#include "conf/conf.h"

#include "base/mem.h"
#include "conf/value.h"
#include "smtp/name.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

/* Values are bounded by the .def files; this is for a setting given again and
 * again (on a command line). */
enum { CONF_OCTETS = 4 << 20, SUBMISSIONS_PORT = 465 };

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

/* The canonical form of a domain; false if it is none. Empty stays empty. */
static bool canonical(struct slice name, struct arena *arena,
		      struct slice *ret_name)
{
	*ret_name = name;
	return name.n == 0 || (!name_is_literal(name) &&
			       name_domain(name, arena, ret_name) == 0);
}

static struct conf_smarthost *find_smarthost(const struct conf *conf,
					     struct slice name)
{
	for (size_t i = 0; i < conf->smarthost_count; i++)
		if (slice_equal(slice_of(conf->smarthosts[i].name), name))
			return &conf->smarthosts[i];
	return NULL;
}

struct conf_smarthost *conf_smarthost_named(const struct conf *conf,
					    struct slice name)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);

	return canonical(name, a, &name) ? find_smarthost(conf, name) : NULL;
}

struct conf_smarthost *conf_add_smarthost(struct conf *conf, struct slice name)
{
	struct conf_smarthost *s;

	if (conf->smarthost_count == CONF_SMARTHOSTS_MAX ||
	    !canonical(name, conf->arena, &name) ||
	    find_smarthost(conf, name) != NULL)
		return NULL;
	if (conf->smarthosts == NULL)
		conf->smarthosts = arena_array(conf->arena, CONF_SMARTHOSTS_MAX,
					       sizeof(*conf->smarthosts));
	s = &conf->smarthosts[conf->smarthost_count++];
	s->name = arena_string(conf->arena, name);
	settings_default(&conf_smarthost_settings, s, conf->arena);
	return s;
}

const struct conf_smarthost *conf_smarthost_for(const struct conf *conf,
						struct slice reverse_path)
{
	size_t at = slice_find_last(reverse_path, '@');
	const struct conf_smarthost *s = NULL;

	if (conf->smarthost_count == 0)
		return NULL;
	if (at < reverse_path.n)
		s = conf_smarthost_named(conf,
					 slice_tail(reverse_path, at + 1));
	if (s == NULL)
		s = find_smarthost(conf, S(""));
	return s != NULL && !s->direct ? s : NULL;
}

struct slice conf_smarthost_host(const struct conf_smarthost *s,
				 struct arena *arena, bool *ret_is_address)
{
	struct slice host = slice_of(s->host), name;

	*ret_is_address = true;
	if (slice_starts(host, S("[")))
		return arena_copy(arena,
				  slice_tail(slice_head(host, host.n - 1), 1));
	if (value_is_address(AF_INET, host))
		return arena_copy(arena, host);
	*ret_is_address = false;
	return name_domain(host, arena, &name) == 0 ? name
						    : arena_copy(arena, host);
}

bool conf_smarthost_is_tls_first(const struct conf_smarthost *s)
{
	if (strcmp(s->tls, "auto") == 0)
		return s->port == SUBMISSIONS_PORT;
	return strcmp(s->tls, "immediate") == 0;
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
