/* Dovecot's two sockets, for logins and for users: who asks through them, and
 * what the log says of them. */
#ifndef RECEIVE_DOVECOT_H
#define RECEIVE_DOVECOT_H

#include "auth/login.h"
#include "auth/userdb.h"
#include "proc/role.h"

struct dovecot;

struct dovecot *dovecot_new(struct role_self *self);
void dovecot_free(struct dovecot **dovecot);

/* Theirs, as long as it lives. */
struct login_client *dovecot_logins(const struct dovecot *dovecot);
struct userdb_client *dovecot_users(const struct dovecot *dovecot);

#endif
