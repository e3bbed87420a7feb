/* A file outside of the configuration that a setting names, or that is at a
 * usual place when the setting is empty. */
#ifndef CONF_NAMED_FILE_H
#define CONF_NAMED_FILE_H

#include "conf/conf.h"

struct named_file {
	const char *setting; /* its value */
	const char *usual_path;
	const char *if_missing; /* the warning if the usual file is not there */
	size_t limit_octets;
};

const char *named_file_path(const struct named_file *file);

/* True with the file's text in arena; false after saying what is wrong. */
bool named_file_read(const struct named_file *file, struct arena *arena,
		     struct conf_errors *errors, struct slice *ret_text);

#endif
