#include "parent/listeners.h"

#include "base/mem.h"
#include "parent/notify.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/util.h>

enum {
	BACKLOG = 1024,
	/* Of each service 64 configured, and what was handed over. */
	SOCKETS_MAX = 3 * 64 + NOTIFY_FDS_MAX,
	WAIT_STEP_MS = 20, /* for an address that is still taken */
	WAIT_STEPS = 100,
};

struct set {
	struct listening items[SOCKETS_MAX];
	size_t count;
};

struct listeners {
	struct set set;
	const char *handed_names[NOTIFY_FDS_MAX];
	size_t handed_count;
};

struct listeners *listeners_new(void)
{
	struct listeners *l = mem_new(sizeof(*l));

	l->handed_count = notify_listen_fds(l->handed_names);
	for (size_t i = 0; i < l->handed_count; i++)
		(void)fcntl(NOTIFY_FDS_START + (int)i, F_SETFD, FD_CLOEXEC);
	return l;
}

static void close_item(struct listening *item)
{
	fd_close(&item->fd);
	mem_free_at((void *)&item->address);
}

void listeners_free(struct listeners **listeners)
{
	if (*listeners == NULL)
		return;
	for (size_t i = 0; i < (*listeners)->set.count; i++)
		close_item(&(*listeners)->set.items[i]);
	mem_free(listeners);
}

size_t listeners_count(const struct listeners *listeners)
{
	return listeners->set.count;
}

const struct listening *listeners_get(const struct listeners *listeners,
				      size_t i)
{
	assert(i < listeners->set.count);
	return &listeners->set.items[i];
}

/* Returns a listening socket or -errno. */
static int try_tcp(const char *address)
{
	struct sockaddr_storage a = { 0 };
	int size = sizeof(a);
	AUTO(fd_close) int fd = -1;
	const int one = 1;
	int ret;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&a, &size) <
	    0)
		return -EINVAL;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (a.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) <
		     0) ||
	    bind(fd, (struct sockaddr *)&a, (socklen_t)size) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	ret = fd;
	fd = -1;
	return ret;
}

/* The processes of a server that was killed may just be ending. */
static int open_tcp(const char *address, bool waits)
{
	const struct timespec moment = { .tv_nsec = WAIT_STEP_MS * 1000000L };
	int fd = try_tcp(address);

	for (int i = 0; i < WAIT_STEPS && fd == -EADDRINUSE && waits; i++) {
		(void)nanosleep(&moment, NULL);
		fd = try_tcp(address);
	}
	return fd;
}

int listeners_open_unix(const char *path, mode_t mode)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(fd_close) int fd = -1;
	int ret;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	(void)strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	ret = fd;
	fd = -1;
	return ret;
}

/* --- making a new set out of the old one ----------------------------------------- */

/* Whatever service had it: an address may move from one to another. */
static int find(const struct set *set, const char *address)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->items[i].address, address) == 0)
			return set->items[i].fd;
	return -1;
}

static void add(struct set *set, enum listener_service service,
		const char *address, int fd)
{
	assert(set->count < SOCKETS_MAX);
	set->items[set->count++] = (struct listening){
		.service = service, .address = mem_string(address), .fd = fd
	};
}

/* Returns a descriptor or -errno. */
static int copy_of(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

/* Another descriptor of a socket that stays, or a new socket. */
static bool add_address(struct listeners *l, struct set *next,
			enum listener_service service, const char *address,
			struct conf_errors *errors)
{
	static const char *const settings[] = {
		[LISTENER_SMTP] = "listen_smtp",
		[LISTENER_SUBMISSION] = "listen_submission",
		[LISTENER_SUBMISSIONS] = "listen_submissions",
		[LISTENER_CONTROL] = "run_dir",
	};
	int old = find(&l->set, address);
	int fd = -EADDRINUSE;

	/* At a start nobody else is kept waiting. */
	if (find(next, address) < 0)
		fd = old >= 0 ? copy_of(old)
			      : open_tcp(address, l->set.count == 0);
	if (fd < 0) {
		conf_errors_add(errors, NULL, 0, settings[service],
				"cannot listen on %s: %s", address,
				strerror(-fd));
		return false;
	}
	add(next, service, address, fd);
	return true;
}

static bool add_service(struct listeners *l, struct set *next,
			enum listener_service service, struct conf_list list,
			struct conf_errors *errors)
{
	static const char *const names[] = {
		[LISTENER_SMTP] = "smtp",
		[LISTENER_SUBMISSION] = "submission",
		[LISTENER_SUBMISSIONS] = "submissions",
		[LISTENER_CONTROL] = "",
	};
	bool ok = true, is_handed = false;

	for (size_t i = 0; i < l->handed_count; i++) {
		if (strcmp(l->handed_names[i], names[service]) != 0)
			continue;
		add(next, service, "systemd",
		    fcntl(NOTIFY_FDS_START + (int)i, F_DUPFD_CLOEXEC, 0));
		is_handed = true;
	}
	for (size_t i = 0; i < list.count && !is_handed && ok; i++)
		ok = add_address(l, next, service, list.items[i], errors);
	return ok;
}

bool listeners_update(struct listeners *listeners, const struct conf *conf,
		      bool with_submission, struct conf_errors *errors)
{
	struct set next = { .count = 0 }, old = listeners->set;
	bool ok = add_service(listeners, &next, LISTENER_SMTP,
			      conf->listen_smtp, errors);

	if (ok && with_submission)
		ok = add_service(listeners, &next, LISTENER_SUBMISSION,
				 conf->listen_submission, errors) &&
		     add_service(listeners, &next, LISTENER_SUBMISSIONS,
				 conf->listen_submissions, errors);
	if (ok)
		listeners->set = next;
	else
		old = next;
	for (size_t i = 0; i < old.count; i++)
		close_item(&old.items[i]);
	return ok;
}
