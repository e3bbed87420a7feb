/* Users and capabilities: what the parent keeps, what a child becomes. */
#ifndef PARENT_PRIVILEGES_H
#define PARENT_PRIVILEGES_H

#include "proc/message.h"

#include <sys/types.h>

struct users {
	bool is_root; /* else all roles run as whoever started us */
	uid_t street_uid, vault_uid, hook_uid; /* culver, culverq, culverhook */
	gid_t street_gid, vault_gid, hook_gid;
};

/* Finds the users. Returns NULL, or what is wrong (a literal). */
const char *users_find(struct users *ret_users);

/* The owner of a role's process. */
uid_t users_uid(const struct users *u, enum role role);
gid_t users_gid(const struct users *u, enum role role);

/* In a new child, before exec: becomes the role's user for good. Returns 0 or
 * -errno. */
int privileges_drop(const struct users *u, enum role role);
/* In the parent: keeps the few capabilities its work takes. */
int privileges_limit(void);

#endif
