/*
 * A table of settings, made from a .def file, and values of its rows in
 * structs: set from text, written as text, filled with defaults. For this
 * folder, and for who goes through all settings; the rest use conf.h.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "base/arena.h"
#include "conf/check.h"

#include <stdint.h>

enum setting_type {
	SETTING_text,
	SETTING_list,
	SETTING_number,
	SETTING_octets,
	SETTING_seconds,
	SETTING_boolean,
};

struct setting {
	const char *name;
	size_t offset; /* in the table's struct */
	const char *value;
	uint64_t min, max;
	enum setting_type type;
	const char *doc;
};

struct settings {
	const struct setting *rows;
	size_t count;
};

/* keys.def, for struct conf; milter.def, for struct conf_milter; smarthost.def,
 * for struct conf_smarthost. */
extern const struct settings conf_settings;
extern const struct settings conf_milter_settings;
extern const struct settings conf_smarthost_settings;

/* The number of the row with that name, or the count. */
size_t settings_find(const struct settings *table, const char *name);
/* The known name nearest to a mistaken one, or NULL if none is near. */
const char *settings_nearest(const struct settings *table, const char *name);
/* Adds the error that at->setting is none of the table, and which may be meant. */
void settings_refuse_name(const struct settings *table,
			  const struct check_place *at);
/* Whether a mistaken name may have been meant to be this one. */
bool settings_is_near(const char *name, const char *known);

/* All of the table's defaults into the struct to; text lives in arena. */
void settings_default(const struct settings *table, void *to,
		      struct arena *arena);

/*
 * One row's member of the struct to, from text; count is 1 for all but lists.
 * What is not allowed is added to at->errors and false returned; the old value
 * stays. at->setting is the row's name.
 */
bool setting_set(const struct setting *s, void *to, struct arena *arena,
		 const char *const *values, size_t count,
		 const struct check_place *at);
/* The value as text that setting_set() takes, in arena. */
const char **setting_get(const struct setting *s, const void *from,
			 struct arena *arena, size_t *ret_count);

const char *setting_type_name(enum setting_type type);
/* A number as it is written for the row's type: 3, 50M, 5d. */
const char *setting_write_number(const struct setting *s, uint64_t value,
				 struct arena *arena);

#endif
