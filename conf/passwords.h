/*
 * The passwords for smarthosts, from the files that their blocks name. A file
 * is plain, has one line, and nobody but its owner may read or write it.
 */
#ifndef CONF_PASSWORDS_H
#define CONF_PASSWORDS_H

#include "conf/conf.h"

enum { PASSWORD_OCTETS = 255 };

/* One for each smarthost of conf; empty where it has none, or where an error
 * was added, which never quotes the file. To be freed with passwords_free(). */
struct slice *passwords_read(const struct conf *conf,
			     struct conf_errors *errors);
/* conf: the same, with as many smarthosts. */
void passwords_free(struct slice **passwords, const struct conf *conf);

#endif
