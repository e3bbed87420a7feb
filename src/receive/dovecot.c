#include "receive/dovecot.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* One of the sockets, and whether we have said that it is away. */
struct dovecot_socket {
	struct dovecot *dovecot;
	const char *name;
	enum socket_kind kind;
	int error;
};

struct dovecot {
	struct role_self *self;
	struct login_client *logins;
	struct userdb_client *users;
	struct dovecot_socket logins_socket, users_socket;
};

static void log_socket(struct dovecot_socket *d, int error, struct slice where)
{
	if (error == d->error)
		return;
	d->error = error;
	if (error == 0)
		LOG(LOG_INFO, NULL, "Dovecot's socket is back",
		    log_string("kind", d->name), log_text("path", where));
	else
		LOG(LOG_WARNING, NULL, "Dovecot's socket cannot be reached",
		    log_string("kind", d->name), log_text("path", where),
		    log_string("error", strerrordesc_np(-error)));
}

static void on_socket(int fd, int error, bool has_more, struct slice where,
		      void *arg)
{
	struct dovecot_socket *d = arg;

	(void)has_more;
	log_socket(d, error, where);
	if (d->kind == SOCKET_AUTH_CLIENT)
		login_client_connected(d->dovecot->logins, fd, error);
	else
		userdb_client_connected(d->dovecot->users, fd, error);
}

/* What only the conversation can tell; log_socket() said the rest. */
static void on_event(enum auth_event event, const char *text, void *arg)
{
	const struct dovecot_socket *d = arg;

	switch (event) {
	case AUTH_WRONG_SOCKET:
	case AUTH_RESTRICTED:
		LOG(LOG_ERROR, NULL, "Dovecot's socket is of no use",
		    log_string("kind", d->name), log_string("reason", text));
		break;
	case AUTH_LOST:
		LOG(LOG_INFO, NULL, "Dovecot closed its socket",
		    log_string("kind", d->name), log_string("reason", text));
		break;
	case AUTH_CONNECTED:
	case AUTH_UNREACHABLE:
		break;
	}
}

static void want_socket(void *arg)
{
	struct dovecot_socket *d = arg;

	role_want_socket(d->dovecot->self, d->kind, S(""), 0, on_socket, d);
}

struct dovecot *dovecot_new(struct role_self *self)
{
	struct event_base *base = role_base(self);
	struct dovecot *d = mem_new(sizeof(*d));

	d->self = self;
	d->logins_socket = (struct dovecot_socket){
		.dovecot = d, .name = "logins", .kind = SOCKET_AUTH_CLIENT
	};
	d->users_socket = (struct dovecot_socket){ .dovecot = d,
						   .name = "users",
						   .kind = SOCKET_AUTH_USERDB };
	d->logins = login_client_new(base, want_socket, &d->logins_socket);
	d->users = userdb_client_new(base, want_socket, &d->users_socket);
	login_client_on_event(d->logins, on_event, &d->logins_socket);
	userdb_client_on_event(d->users, on_event, &d->users_socket);
	return d;
}

void dovecot_free(struct dovecot **dovecot)
{
	if (*dovecot == NULL)
		return;
	login_client_free(&(*dovecot)->logins);
	userdb_client_free(&(*dovecot)->users);
	mem_free(dovecot);
}

struct login_client *dovecot_logins(const struct dovecot *dovecot)
{
	return dovecot->logins;
}

struct userdb_client *dovecot_users(const struct dovecot *dovecot)
{
	return dovecot->users;
}
