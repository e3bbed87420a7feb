/*
 * Where a queue that several servers share is: the URI of a PostgreSQL, as
 * libpq takes it, but only what works from within the queue's cage. Names of
 * hosts are not looked up there, and files are those in state_dir.
 */
#ifndef CONF_DATABASE_H
#define CONF_DATABASE_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

struct database {
	bool is_unix;     /* a socket's directory; else TCP */
	bool is_loopback; /* TCP that stays on this machine */
	bool has_password;
	uint16_t port;
};

/*
 * "postgresql://USER[:PASSWORD]@[HOST][:PORT]/NAME[?KEY=VALUE&...]". Returns
 * NULL, or what is wrong: a literal, to be read after the setting's name. It
 * never quotes text, which has a password.
 */
const char *database_parse(struct slice text, struct database *ret_database);

/* Warns when a password is in a file that everybody may read. */
void database_warn_readable(const struct conf *conf, const char *file,
			    struct conf_errors *errors);

#endif
