#include "net/listener.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	ACCEPTS_A_TURN = 4, /* the rest is for the other processes */
	REST_MS = 200,      /* after running out of descriptors */
};

struct listener {
	int fd;
	int spare; /* given up to refuse a connection, then taken again */
	struct event *on_readable;
	struct event *on_rested;
	listener_on_accept *on_accept;
	void *arg;
};

/* Any descriptor serves as spare; a memfd can be made inside the cage too. */
static int open_spare(void)
{
	return memfd_create("spare", MFD_CLOEXEC);
}

/* Out of descriptors: accept one with the spare and close it, so that the
 * client hears of it, and rest. */
static void refuse_one(struct listener *l)
{
	static const char text[] = "421 4.3.2 Too busy, try again later\r\n";
	int fd;

	fd_close(&l->spare);
	fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		(void)!send(fd, text, sizeof(text) - 1,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	fd_close(&fd);
	l->spare = open_spare();
	(void)event_del(l->on_readable);
	(void)event_add(l->on_rested,
			&(struct timeval){ .tv_usec = REST_MS * 1000L });
}

static void on_rested(int fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (l->spare < 0)
		l->spare = open_spare();
	(void)event_add(l->on_readable, NULL);
}

/* ::ffff:192.0.2.1 is 192.0.2.1 to everyone behind us. */
static void unmap_ipv4(struct sockaddr_storage *a)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (a->ss_family != AF_INET6)
		return;
	memcpy(&in6, a, sizeof(in6));
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	in.sin_port = in6.sin6_port;
	memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + 12, sizeof(in.sin_addr));
	memset(a, 0, sizeof(*a));
	memcpy(a, &in, sizeof(in));
}

static void on_readable(int fd, short what, void *arg)
{
	struct listener *l = arg;
	const int one = 1;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t size = sizeof(peer);
		int client = accept4(fd, (struct sockaddr *)&peer, &size,
				     SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client < 0 && (errno == EMFILE || errno == ENFILE ||
				   errno == ENOBUFS || errno == ENOMEM)) {
			refuse_one(l);
			break;
		}
		if (client < 0)
			break;
		if (peer.ss_family != AF_UNIX)
			(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one,
					 sizeof(one));
		unmap_ipv4(&peer);
		l->on_accept(client, &peer, l->arg);
	}
}

struct listener *listener_new(struct event_base *base, int fd,
			      listener_on_accept *on_accept, void *arg)
{
	struct listener *l = mem_new(sizeof(*l));

	l->fd = fd;
	l->spare = open_spare();
	l->on_accept = on_accept;
	l->arg = arg;
	(void)evutil_make_socket_nonblocking(fd);
	l->on_readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->on_rested = evtimer_new(base, on_rested, l);
	assert(l->on_readable != NULL && l->on_rested != NULL);
	(void)event_add(l->on_readable, NULL);
	return l;
}

void listener_free(struct listener **listener)
{
	struct listener *l = *listener;

	if (l == NULL)
		return;
	event_free(l->on_readable);
	event_free(l->on_rested);
	fd_close(&l->fd);
	fd_close(&l->spare);
	mem_free(listener);
}
