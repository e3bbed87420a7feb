#include "parent/notify.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct notify {
	int fd;
	struct event *on_watchdog;
};

static int connect_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(fd_close) int fd = -1;
	size_t n = strlen(path);
	int ret;

	if (n == 0 || n >= sizeof(a.sun_path))
		return -1;
	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = '\0'; /* an abstract socket */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&a,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) <
		    0)
		return -1;
	ret = fd;
	fd = -1;
	return ret;
}

static void on_watchdog(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	notify_send(arg, "WATCHDOG=1");
}

static void start_watchdog(struct notify *n, struct event_base *base)
{
	const char *text = getenv("WATCHDOG_USEC");
	uint64_t us;
	struct timeval half;

	if (text == NULL || !slice_to_u64(slice_of(text), 1ULL << 40, &us) ||
	    us < 1000)
		return;
	half.tv_sec = (time_t)(us / 2 / 1000000);
	half.tv_usec = (suseconds_t)(us / 2 % 1000000);
	n->on_watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, n);
	if (n->on_watchdog != NULL)
		(void)event_add(n->on_watchdog, &half);
}

struct notify *notify_new(struct event_base *base)
{
	struct notify *n = mem_new(sizeof(*n));
	const char *path = getenv("NOTIFY_SOCKET");

	n->fd = path != NULL ? connect_socket(path) : -1;
	if (n->fd >= 0)
		start_watchdog(n, base);
	return n;
}

void notify_free(struct notify **notify)
{
	if (*notify == NULL)
		return;
	if ((*notify)->on_watchdog != NULL)
		event_free((*notify)->on_watchdog);
	fd_close(&(*notify)->fd);
	mem_free(notify);
}

void notify_send(const struct notify *notify, const char *text)
{
	if (notify->fd >= 0)
		(void)!send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_reloading(const struct notify *notify)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)clock_monotonic_ms() * 1000);
	notify_send(notify, text);
}

size_t notify_listen_fds(const char *ret_names[NOTIFY_FDS_MAX])
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	char *names = getenv("LISTEN_FDNAMES");
	uint64_t n, for_pid;

	if (pid == NULL || fds == NULL ||
	    !slice_to_u64(slice_of(pid), 1ULL << 31, &for_pid) ||
	    for_pid != (uint64_t)getpid() ||
	    !slice_to_u64(slice_of(fds), NOTIFY_FDS_MAX, &n))
		return 0;
	for (uint64_t i = 0; i < n; i++)
		ret_names[i] = names != NULL ? strsep(&names, ":") : "";
	for (uint64_t i = 0; i < n; i++)
		if (ret_names[i] == NULL)
			ret_names[i] = "";
	return (size_t)n;
}
