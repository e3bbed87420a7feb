/* conf_parse_override() of parse.h: settings of a command line. */
#include "base/mem.h"
#include "conf/parse.h"

#include <string.h>

enum { OVERRIDE_OCTETS = 256 << 10, VALUES_MAX = 256 };

static struct slice without(struct slice s, char open, char close)
{
	if (s.n >= 2 && s.p[0] == open && s.p[s.n - 1] == close)
		return slice_trim(slice_tail(slice_head(s, s.n - 1), 1));
	return s;
}

static struct slice unquote(struct slice s)
{
	s = slice_trim(s);
	return without(without(s, '"', '"'), '\'', '\'');
}

bool conf_parse_override(struct conf *conf, const char *override,
			 struct conf_errors *errors)
{
	AUTO(arena_free) struct arena *a = arena_new(8 << 20);
	const char *values[VALUES_MAX];
	struct slice key, item, rest;
	struct check_place at = { .file = "-o", .errors = errors };
	size_t i, count = 0;

	if (strlen(override) > OVERRIDE_OCTETS ||
	    !slice_cut(slice_of(override), '=', &key, &rest)) {
		conf_errors_add(errors, "-o", 0, NULL,
				"\"%.80s\" is not NAME=VALUE", override);
		return false;
	}
	at.setting = arena_string(a, slice_trim(key));
	i = settings_find(&conf_settings, at.setting);
	if (i == conf_settings.count) {
		settings_refuse_name(&conf_settings, &at);
		return false;
	}
	rest = without(slice_trim(rest), '{', '}');
	if (conf_settings.rows[i].type != SETTING_list) {
		values[0] = arena_string(a, unquote(rest));
		return conf_set(conf, i, values, 1, "-o", 0, errors);
	}
	while (rest.n > 0 && count < VALUES_MAX) {
		(void)slice_cut(rest, ',', &item, &rest);
		values[count++] = arena_string(a, unquote(item));
	}
	return conf_set(conf, i, values, count, "-o", 0, errors);
}
