#include "conf/settings.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "conf/value.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define ROW(type_, name_, value_, min_, max_, doc_, of)                        \
	{ .name = #name_,                                                      \
	  .offset = offsetof(struct of, name_),                                \
	  .value = (value_),                                                   \
	  .min = (min_),                                                       \
	  .max = (max_),                                                       \
	  .type = SETTING_##type_,                                             \
	  .doc = (doc_) },

#define CONF(type, name, value, min, max, doc)                                 \
	ROW(type, name, value, min, max, doc, conf)
static const struct setting conf_rows[] = {
#include "conf/keys.def"
};
#undef CONF

#define CONF(type, name, value, min, max, doc)                                 \
	ROW(type, name, value, min, max, doc, conf_milter)
static const struct setting milter_rows[] = {
#include "conf/milter.def"
};
#undef CONF

#define CONF(type, name, value, min, max, doc)                                 \
	ROW(type, name, value, min, max, doc, conf_smarthost)
static const struct setting smarthost_rows[] = {
#include "conf/smarthost.def"
};
#undef CONF

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const struct settings conf_settings = { conf_rows, COUNT(conf_rows) };
const struct settings conf_milter_settings = { milter_rows,
					       COUNT(milter_rows) };
const struct settings conf_smarthost_settings = { smarthost_rows,
						  COUNT(smarthost_rows) };

/* --- names ------------------------------------------------------------------ */

size_t settings_find(const struct settings *table, const char *name)
{
	size_t i = 0;

	while (i < table->count && strcmp(table->rows[i].name, name) != 0)
		i++;
	return i;
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

/* Further away it is no typo. */
static size_t distance_limit(const char *name)
{
	size_t n = strlen(name);

	return n < 6 ? 2 : n / 3;
}

bool settings_is_near(const char *name, const char *known)
{
	return strlen(name) < NAME_OCTETS &&
	       distance(name, known) <= distance_limit(name);
}

const char *settings_nearest(const struct settings *table, const char *name)
{
	const char *nearest = NULL;
	size_t best = 0;

	for (size_t i = 0; i < table->count; i++) {
		const char *known = table->rows[i].name;
		size_t d;

		if (!settings_is_near(name, known))
			continue;
		d = distance(name, known);
		if (nearest == NULL || d < best) {
			best = d;
			nearest = known;
		}
	}
	return nearest;
}

void settings_refuse_name(const struct settings *table,
			  const struct check_place *at)
{
	const char *nearest = settings_nearest(table, at->setting);

	if (nearest != NULL)
		(void)CHECK_NO(at, "there is no such setting; did you mean %s?",
			       nearest);
	else
		(void)CHECK_NO(at, "there is no such setting; culver.conf(5) "
				   "lists all");
}

const char *setting_type_name(enum setting_type type)
{
	switch (type) {
	case SETTING_text:
		return "text";
	case SETTING_list:
		return "list";
	case SETTING_number:
		return "number";
	case SETTING_octets:
		return "octets";
	case SETTING_seconds:
		return "seconds";
	case SETTING_boolean:
		return "boolean";
	}
	return "?";
}

/* --- setting ------------------------------------------------------------------ */

static bool check_plain(const struct check_place *at, const char *value)
{
	struct slice text = slice_of(value);

	if (slice_has_control(text) || !slice_is_utf8(text))
		return CHECK_NO(at, "the value is not plain UTF-8 text");
	return true;
}

static bool set_text(const struct setting *s, void *member, struct arena *arena,
		     const char *value, const struct check_place *at)
{
	const char **slot = member;

	if (!check_plain(at, value))
		return false;
	if (strlen(value) > s->max)
		return CHECK_NO(at,
				"\"%.40s...\" is too long; at most %" PRIu64
				" octets",
				value, s->max);
	if (!check_value(at, value))
		return false;
	*slot = arena_string(arena, slice_of(value));
	return true;
}

static bool check_list(const struct setting *s, const char *const *values,
		       size_t count, const struct check_place *at)
{
	if (count < s->min || count > s->max)
		return CHECK_NO(at,
				"%zu values; %" PRIu64 " to %" PRIu64
				" are allowed",
				count, s->min, s->max);
	for (size_t i = 0; i < count; i++)
		if (!check_plain(at, values[i]) || !check_value(at, values[i]))
			return false;
	return true;
}

static struct conf_list copy_list(const char *const *values, size_t count,
				  struct arena *arena)
{
	const char **items = arena_array(arena, count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++)
		items[i] = arena_string(arena, slice_of(values[i]));
	return (struct conf_list){ .items = items, .count = count };
}

const char *setting_write_number(const struct setting *s, uint64_t value,
				 struct arena *arena)
{
	if (s->type == SETTING_octets)
		return value_write_octets(value, arena);
	if (s->type == SETTING_seconds)
		return value_write_seconds(value, arena);
	return arena_format(arena, "%" PRIu64, value).p;
}

static bool set_number(const struct setting *s, uint64_t *slot,
		       const char *value, const struct check_place *at)
{
	AUTO(arena_free) struct arena *a = arena_new(4096);
	struct slice text = slice_of(value);
	const char *min = setting_write_number(s, s->min, a);
	const char *max = setting_write_number(s, s->max, a);
	uint64_t number = 0;

	if (s->type == SETTING_octets && !value_octets(text, &number))
		return CHECK_NO(at,
				"\"%s\" is no size; %s to %s, like 64K or 50M",
				value, min, max);
	if (s->type == SETTING_seconds && !value_seconds(text, &number))
		return CHECK_NO(at,
				"\"%s\" is no time; %s to %s, like 20s or 5d",
				value, min, max);
	if (s->type == SETTING_number && !value_number(text, &number))
		return CHECK_NO(at, "\"%s\" is no number; %s to %s", value, min,
				max);
	if (number < s->min)
		return CHECK_NO(at, "%s is too little; %s to %s", value, min,
				max);
	if (number > s->max)
		return CHECK_NO(at, "%s is too much; %s to %s", value, min,
				max);
	if (!check_value(at, value))
		return false;
	*slot = number;
	return true;
}

static bool set_boolean(bool *slot, const char *value,
			const struct check_place *at)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return CHECK_NO(at, "\"%s\" is neither; yes or no", value);
	*slot = strcmp(value, "yes") == 0;
	return true;
}

/* NOLINTNEXTLINE(readability-function-size): a value and where it stands */
bool setting_set(const struct setting *s, void *to, struct arena *arena,
		 const char *const *values, size_t count,
		 const struct check_place *at)
{
	void *member = (char *)to + s->offset;
	struct conf_list *list = member;

	if (s->type == SETTING_list && count == 1 && values[0][0] == '\0')
		count = 0;
	if (s->type != SETTING_list && count != 1)
		return CHECK_NO(at, "%zu values; it takes one", count);
	switch (s->type) {
	case SETTING_text:
		return set_text(s, member, arena, values[0], at);
	case SETTING_list:
		if (!check_list(s, values, count, at))
			return false;
		*list = copy_list(values, count, arena);
		return true;
	case SETTING_number:
	case SETTING_octets:
	case SETTING_seconds:
		return set_number(s, member, values[0], at);
	case SETTING_boolean:
		return set_boolean(member, values[0], at);
	}
	return false;
}

/* --- getting ------------------------------------------------------------------ */

const char **setting_get(const struct setting *s, const void *from,
			 struct arena *arena, size_t *ret_count)
{
	const void *member = (const char *)from + s->offset;
	const struct conf_list *list = member;
	const char **values;

	*ret_count = s->type == SETTING_list ? list->count : 1;
	values = arena_array(arena, *ret_count + 1, sizeof(*values));
	switch (s->type) {
	case SETTING_text:
		values[0] = *(const char *const *)member;
		break;
	case SETTING_list:
		for (size_t j = 0; j < list->count; j++)
			values[j] = list->items[j];
		break;
	case SETTING_number:
	case SETTING_octets:
	case SETTING_seconds:
		values[0] = setting_write_number(s, *(const uint64_t *)member,
						 arena);
		break;
	case SETTING_boolean:
		values[0] = *(const bool *)member ? "yes" : "no";
		break;
	}
	return values;
}

/* --- defaults ------------------------------------------------------------------- */

static size_t split(struct slice text, const struct setting *s,
		    struct arena *arena, const char **ret_values)
{
	struct slice item;
	size_t count = 0;

	if (s->type != SETTING_list) {
		ret_values[0] = s->value;
		return 1;
	}
	while (text.n > 0 && count < s->max) {
		(void)slice_cut(text, ',', &item, &text);
		ret_values[count++] = arena_string(arena, item);
	}
	return count;
}

static void set_default(const struct setting *s, void *to, struct arena *arena,
			struct conf_errors *errors)
{
	AUTO(arena_free) struct arena *a = arena_new(65536);
	size_t room = s->type == SETTING_list ? s->max + 1 : 1;
	const char **values = arena_array(a, room, sizeof(*values));
	size_t count = split(slice_of(s->value), s, a, values);
	const struct check_place at = { .setting = s->name, .errors = errors };

	/* Empty, and it has to be given: the parser sees to that. */
	if (s->type == SETTING_text && s->value[0] == '\0')
		*(const char **)(void *)((char *)to + s->offset) = "";
	else
		(void)setting_set(s, to, arena, values, count, &at);
}

void settings_default(const struct settings *table, void *to,
		      struct arena *arena)
{
	struct conf_errors *errors = conf_errors_new();

	for (size_t i = 0; i < table->count; i++)
		set_default(&table->rows[i], to, arena, errors);
	assert(conf_errors_count(errors) == 0); /* the .def files are right */
	conf_errors_free(&errors);
}
