#include "conf/conf.h"

#include "base/mem.h"
#include "conf/check.h"
#include "conf/value.h"
#include "smtp/name.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Values are bounded by keys.def; this is for a setting given again and again
 * (on a command line). */
enum { CONF_OCTETS = 4 << 20 };

enum type {
	TYPE_text,
	TYPE_list,
	TYPE_number,
	TYPE_octets,
	TYPE_seconds,
	TYPE_boolean,
};

enum key {
#define CONF(type, name, value, min, max, doc) KEY_##name,
#include "conf/keys.def"
#undef CONF
	KEY_COUNT
};

struct setting {
	const char *name;
	size_t offset; /* in struct conf */
	const char *value;
	uint64_t min, max;
	enum type type;
};

static const struct setting settings[] = {
#define CONF(t, n, v, lo, hi, doc)                                             \
	{ .name = #n,                                                          \
	  .offset = offsetof(struct conf, n),                                  \
	  .value = (v),                                                        \
	  .min = (lo),                                                         \
	  .max = (hi),                                                         \
	  .type = TYPE_##t },
#include "conf/keys.def"
#undef CONF
};

/* --- names ------------------------------------------------------------------ */

size_t conf_count(void)
{
	return KEY_COUNT;
}

const char *conf_name(size_t i)
{
	assert(i < KEY_COUNT);
	return settings[i].name;
}

size_t conf_find(const char *name)
{
	size_t i = 0;

	while (i < KEY_COUNT && strcmp(settings[i].name, name) != 0)
		i++;
	return i;
}

bool conf_is_list(size_t i)
{
	assert(i < KEY_COUNT);
	return settings[i].type == TYPE_list;
}

enum { NAME_OCTETS = 64 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance; both are shorter than NAME_OCTETS. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_OCTETS + 1];
	size_t bn = strlen(b);

	for (size_t j = 0; j <= bn; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= bn; j++) {
			size_t above = row[j];
			size_t change = a[i - 1] != b[j - 1];

			row[j] = least(diagonal + change,
				       least(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[bn];
}

const char *conf_nearest(const char *name)
{
	size_t n = strlen(name);
	size_t best = n < 6 ? 2 : n / 3; /* further away it is no typo */
	const char *nearest = NULL;

	if (n >= NAME_OCTETS)
		return NULL;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		size_t d = distance(name, settings[i].name);

		if (d < best || (d == best && nearest == NULL)) {
			best = d;
			nearest = settings[i].name;
		}
	}
	return nearest;
}

/* --- setting ------------------------------------------------------------------ */

static bool set_text(struct conf *conf, enum key key,
		     const struct check_place *at, const char *value)
{
	const struct setting *s = &settings[key];
	struct slice text = slice_of(value);
	void *member = (char *)conf + s->offset;
	const char **slot = member;
	struct slice name;

	if (slice_has_control(text) || !slice_is_utf8(text))
		return CHECK_NO(at, "the value is not plain UTF-8 text");
	if (text.n > s->max)
		return CHECK_NO(at,
				"\"%.40s...\" is too long; at most %" PRIu64
				" octets",
				value, s->max);
	if (!check_text(at, value))
		return false;
	/* What goes onto the wire is the canonical form. */
	if (key == KEY_hostname && text.n > 0 &&
	    name_domain(text, conf->arena, &name) == 0)
		text = name;
	*slot = arena_string(conf->arena, text);
	return true;
}

/* Every list there is holds addresses to listen on. */
static bool set_list(struct conf *conf, const struct setting *s,
		     const struct check_place *at, const char *const *values,
		     size_t count)
{
	void *member = (char *)conf + s->offset;
	struct conf_list *list = member;
	const char **items;

	if (count == 1 && values[0][0] == '\0')
		count = 0;
	if (count < s->min || count > s->max)
		return CHECK_NO(at,
				"%zu values; %" PRIu64 " to %" PRIu64
				" are allowed",
				count, s->min, s->max);
	for (size_t i = 0; i < count; i++)
		if (!value_is_address_port(slice_of(values[i])))
			return CHECK_NO(
				at,
				"\"%s\" is no ADDRESS:PORT; write it like "
				"192.0.2.1:25 or [2001:db8::1]:25",
				values[i]);
	items = arena_array(conf->arena, count + 1, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = arena_string(conf->arena, slice_of(values[i]));
	*list = (struct conf_list){ .items = items, .count = count };
	return true;
}

static const char *write_number(const struct setting *s, uint64_t value,
				struct arena *arena)
{
	if (s->type == TYPE_octets)
		return value_write_octets(value, arena);
	if (s->type == TYPE_seconds)
		return value_write_seconds(value, arena);
	return arena_format(arena, "%" PRIu64, value).p;
}

static bool set_number(struct conf *conf, const struct setting *s,
		       const struct check_place *at, const char *value)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	void *member = (char *)conf + s->offset;
	uint64_t *slot = member;
	struct slice text = slice_of(value);
	const char *min = write_number(s, s->min, a);
	const char *max = write_number(s, s->max, a);
	uint64_t number = 0;

	if (s->type == TYPE_octets && !value_octets(text, &number))
		return CHECK_NO(at,
				"\"%s\" is no size; %s to %s, like 64K or 50M",
				value, min, max);
	if (s->type == TYPE_seconds && !value_seconds(text, &number))
		return CHECK_NO(at,
				"\"%s\" is no time; %s to %s, like 20s or 5d",
				value, min, max);
	if (s->type == TYPE_number && !value_number(text, &number))
		return CHECK_NO(at, "\"%s\" is no number; %s to %s", value, min,
				max);
	if (number < s->min)
		return CHECK_NO(at, "%s is too little; %s to %s", value, min,
				max);
	if (number > s->max)
		return CHECK_NO(at, "%s is too much; %s to %s", value, min,
				max);
	*slot = number;
	return true;
}

static bool set_boolean(struct conf *conf, const struct setting *s,
			const struct check_place *at, const char *value)
{
	void *member = (char *)conf + s->offset;
	bool *slot = member;

	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return CHECK_NO(at, "\"%s\" is neither; yes or no", value);
	*slot = strcmp(value, "yes") == 0;
	return true;
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

	if (i >= KEY_COUNT)
		return CHECK_NO(&at, "there is no such setting");
	s = &settings[i];
	at.setting = s->name;
	if (s->type != TYPE_list && count != 1)
		return CHECK_NO(&at, "%zu values; it takes one", count);
	switch (s->type) {
	case TYPE_text:
		return set_text(conf, (enum key)i, &at, values[0]);
	case TYPE_list:
		return set_list(conf, s, &at, values, count);
	case TYPE_number:
	case TYPE_octets:
	case TYPE_seconds:
		return set_number(conf, s, &at, values[0]);
	case TYPE_boolean:
		return set_boolean(conf, s, &at, values[0]);
	}
	return false;
}

/* --- getting ------------------------------------------------------------------ */

const char **conf_get(const struct conf *conf, size_t i, struct arena *arena,
		      size_t *ret_count)
{
	const struct setting *s = &settings[i];
	const void *member = (const char *)conf + s->offset;
	const struct conf_list *list = member;
	const char **values;

	assert(i < KEY_COUNT);
	*ret_count = s->type == TYPE_list ? list->count : 1;
	values = arena_array(arena, *ret_count + 1, sizeof(*values));
	switch (s->type) {
	case TYPE_text:
		values[0] = *(const char *const *)member;
		break;
	case TYPE_list:
		for (size_t j = 0; j < list->count; j++)
			values[j] = list->items[j];
		break;
	case TYPE_number:
	case TYPE_octets:
	case TYPE_seconds:
		values[0] = write_number(s, *(const uint64_t *)member, arena);
		break;
	case TYPE_boolean:
		values[0] = *(const bool *)member ? "yes" : "no";
		break;
	}
	return values;
}

/* --- life --------------------------------------------------------------------- */

static void set_default_list(struct conf *conf, size_t i,
			     struct conf_errors *errors)
{
	const struct setting *s = &settings[i];
	struct slice item, rest = slice_of(s->value);
	AUTO(arena_free) struct arena *a = arena_new(65536);
	const char **values = arena_array(a, s->max + 1, sizeof(*values));
	size_t count = 0;

	while (rest.n > 0 && count < s->max) {
		(void)slice_cut(rest, ',', &item, &rest);
		values[count++] = arena_string(a, item);
	}
	(void)conf_set(conf, i, values, count, NULL, 0, errors);
}

struct conf *conf_new(void)
{
	struct conf *conf = mem_new(sizeof(*conf));
	struct conf_errors *errors = conf_errors_new();

	conf->arena = arena_new(CONF_OCTETS);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *const value = settings[i].value;

		if (settings[i].type == TYPE_list)
			set_default_list(conf, i, errors);
		else
			(void)conf_set(conf, i, &value, 1, NULL, 0, errors);
	}
	assert(conf_errors_count(errors) == 0); /* keys.def is right */
	conf_errors_free(&errors);
	return conf;
}

void conf_free(struct conf **conf)
{
	if (*conf == NULL)
		return;
	arena_free(&(*conf)->arena);
	mem_free(conf);
}
