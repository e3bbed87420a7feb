/* The certificates of the authorities whose word we take for who other servers
 * are: the file that `ca_file` names. */
#ifndef CONF_ROOTS_H
#define CONF_ROOTS_H

#include "conf/conf.h"

enum { ROOTS_OCTETS = 4 << 20 };

/* Its path; lives as long as conf. */
const char *roots_path(const struct conf *conf);

/* The file's text, PEM, in arena. When the setting is empty and the usual file
 * is not there, a warning and empty text; other troubles are errors. */
struct slice roots_read(const struct conf *conf, struct arena *arena,
			struct conf_errors *errors);

#endif
