/* The sockets of Dovecot: the parent connects, the others use. Those of
 * filters: connect_milter.c. */
#include "base/log.h"
#include "base/mem.h"
#include "parent/parent-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/util.h>

struct way {
	enum role asker;
	const char *tries[3]; /* where the setting is empty */
};

static const struct way ways[] = {
	[SOCKET_AUTH_CLIENT] = { ROLE_RECEIVE,
				 { "/run/dovecot/auth-culver-client",
				   "/run/dovecot/auth-client" } },
	[SOCKET_AUTH_USERDB] = { ROLE_RECEIVE,
				 { "/run/dovecot/auth-culver-userdb",
				   "/run/dovecot/auth-userdb" } },
	[SOCKET_LMTP] = { ROLE_DELIVER, { "/run/dovecot/lmtp" } },
};

static const char *setting(const struct conf *conf, enum socket_kind kind)
{
	switch (kind) {
	case SOCKET_AUTH_CLIENT:
		return conf->dovecot_auth_client;
	case SOCKET_AUTH_USERDB:
		return conf->dovecot_auth_userdb;
	case SOCKET_LMTP:
		return conf->dovecot_lmtp;
	case SOCKET_MILTER:
		break;
	}
	return "";
}

int connect_address(const struct sockaddr *a, socklen_t size)
{
	int fd = socket(a->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, a, size) < 0 && errno != EINPROGRESS) {
		int r = -errno;

		fd_close(&fd);
		return r;
	}
	return fd;
}

int connect_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	(void)strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return connect_address((struct sockaddr *)&a, sizeof(a));
}

static int connect_where(const char *where)
{
	struct sockaddr_storage inet = { 0 };
	int size = sizeof(inet);

	if (strncmp(where, "inet:", 5) == 0) {
		if (evutil_parse_sockaddr_port(
			    where + 5, (struct sockaddr *)&inet, &size) < 0)
			return -EINVAL;
		return connect_address((struct sockaddr *)&inet,
				       (socklen_t)size);
	}
	return connect_unix(where);
}

/*
 * Dovecot answers look-ups on a userdb socket of mode 0666 to its owner and
 * root alone; to us everyone would seem to be in trouble.
 */
static void warn_if_restricted(enum socket_kind kind, const char *where)
{
	struct stat st;

	if (kind != SOCKET_AUTH_USERDB || geteuid() == 0 ||
	    stat(where, &st) < 0 || (st.st_mode & 0777) != 0666 ||
	    st.st_uid == geteuid() || st.st_gid == getegid())
		return;
	LOG(LOG_WARNING, NULL,
	    "Dovecot restricts this userdb socket: give it another mode than "
	    "0666, or start culverd as root",
	    log_string("socket", where));
}

static int connect_first(enum socket_kind kind, const char *configured,
			 const char **ret_where)
{
	const char *const *tries = ways[kind].tries;
	int fd;

	if (configured[0] != '\0') {
		*ret_where = configured;
		return connect_where(configured);
	}
	*ret_where = tries[0];
	fd = connect_where(tries[0]);
	for (size_t i = 1; fd < 0 && tries[i] != NULL; i++) {
		*ret_where = tries[i];
		fd = connect_where(tries[i]);
	}
	return fd;
}

void connect_for(struct child *c, const struct msg_socket_wanted *m)
{
	struct message answer = { .type = MESSAGE_SOCKET,
				  .socket = { .id = m->id } };
	const struct conf *conf = c->parent->tree->conf;
	AUTO(fd_close) int fd = -EPERM;
	const char *where = "";

	if (m->kind == SOCKET_MILTER && c->role == ROLE_RECEIVE) {
		connect_milter_for(c, m);
		return;
	}
	if (m->kind < sizeof(ways) / sizeof(ways[0]) &&
	    ways[m->kind].asker == c->role)
		fd = connect_first((enum socket_kind)m->kind,
				   setting(conf, (enum socket_kind)m->kind),
				   &where);
	if (fd >= 0)
		warn_if_restricted((enum socket_kind)m->kind, where);
	answer.socket.error = fd < 0 ? (uint32_t)-fd : 0;
	answer.socket.where = slice_of(where);
	link_send(c->link, &answer, fd);
}
