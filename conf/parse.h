/* culver.conf, by libconfuse, and what libconfuse lets pass but we refuse: a
 * block never closed, a setting given twice, an unknown name. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/conf.h"

/*
 * Reads the file into conf. A file that is not there is an empty file.
 * Returns false when an error was added; conf is then not to be used.
 */
bool conf_parse_file(struct conf *conf, const char *path,
		     struct conf_errors *errors);
/* "key=value" of -o: the value in culver.conf's grammar, quotes optional;
 * a list's elements are separated by commas. */
bool conf_parse_override(struct conf *conf, const char *override,
			 struct conf_errors *errors);

#endif
