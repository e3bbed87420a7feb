/*
 * /etc/aliases, aliases(5) as sendmail, Postfix and Exim read it: "name: addr,
 * addr", continued on lines that begin with a blank, quoted where need be. Only
 * addresses are followed: what would run a program, write a file or include
 * one is left out. The file belongs to the system, so that nothing in it is an
 * error.
 */
#ifndef CONF_SYSTEM_ALIASES_H
#define CONF_SYSTEM_ALIASES_H

#include "base/arena.h"
#include "base/slice.h"
#include "conf/errors.h"

/*
 * Returns what can be used, in the grammar of aliases.h, in arena; it parses
 * with any domain. What was left out is a warning with file and line.
 */
struct slice system_aliases_read(struct slice text, const char *file,
				 struct arena *arena,
				 struct conf_errors *errors);

#endif
