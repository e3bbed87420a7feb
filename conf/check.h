/* What a setting may hold, beyond type and range in its .def file. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/errors.h"

/* Where a value stands. */
struct check_place {
	const char *file; /* or NULL */
	unsigned line;    /* or 0 */
	const char *setting;
	struct conf_errors *errors;
};

/* Adds an error in that place; false. */
#define CHECK_NO(place, ...)                                                   \
	(conf_errors_add((place)->errors, (place)->file, (place)->line,        \
			 (place)->setting, __VA_ARGS__),                       \
	 false)

/* Whether the setting, or one element of its list, may have that value; adds
 * an error when not. Names are unique over all .def files. */
bool check_value(const struct check_place *at, const char *value);

#endif
