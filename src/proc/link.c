#include "proc/link.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PACKET_OCTETS = 32 << 10, /* a bigger message becomes a memfd */
	PACKETS_A_TURN = 64,      /* so that one peer cannot hold the loop */
	FDS_A_PACKET = 2, /* the message's own, and a big message's memfd */
};

/* A packet is one octet of these flags, then the message, or, if PACKET_BIG,
 * nothing: then the first descriptor holds the message. */
enum { PACKET_FD = 1, PACKET_BIG = 2 };

struct packet {
	TAILQ_ENTRY(packet) entry;
	int fds[FDS_A_PACKET];
	size_t fd_count;
	size_t n;
	char bytes[];
};

struct link {
	int fd;
	enum role self, peer;
	unsigned index;
	struct event *on_readable, *on_writable;
	TAILQ_HEAD(, packet) waiting;
	size_t backlog;
	struct arena *arena; /* of the message being handled */
	bool is_gone;
	bool *freed; /* set when the link is freed inside a callback */
	link_on_message *on_message;
	link_on_closed *on_closed;
	void *arg;
};

static void packet_free(struct link *l, struct packet *p)
{
	TAILQ_REMOVE(&l->waiting, p, entry);
	for (size_t i = 0; i < p->fd_count; i++)
		fd_close(&p->fds[i]);
	l->backlog -= p->n;
	mem_free(&p);
}

/* --- sending ---------------------------------------------------------------- */

/* Returns 0, or a negative errno: -EAGAIN when the socket is full. */
static int send_packet(int fd, struct slice bytes, const int *fds,
		       size_t fd_count)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_A_PACKET)] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes.p,
			     .iov_len = bytes.n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > 0) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&h);
		assert(c != NULL);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	while (sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == ENOBUFS || errno == ETOOMANYREFS)
			return -EAGAIN; /* full, of octets or descriptors */
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static void wait_in_line(struct link *l, struct slice bytes, const int *fds,
			 size_t fd_count)
{
	struct packet *p = mem_new(sizeof(*p) + bytes.n);

	memcpy(p->bytes, bytes.p, bytes.n);
	p->n = bytes.n;
	for (size_t i = 0; i < fd_count; i++)
		p->fds[p->fd_count++] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	TAILQ_INSERT_TAIL(&l->waiting, p, entry);
	l->backlog += p->n;
	(void)event_add(l->on_writable, NULL);
}

static void send_or_wait(struct link *l, struct slice bytes, const int *fds,
			 size_t fd_count)
{
	int r = -EAGAIN;

	if (TAILQ_EMPTY(&l->waiting))
		r = send_packet(l->fd, bytes, fds, fd_count);
	/* Any other failure means that the peer is gone, which the reading
	 * side learns by itself. */
	if (r == -EAGAIN)
		wait_in_line(l, bytes, fds, fd_count);
}

static void on_writable(int fd, short what, void *arg)
{
	struct link *l = arg;
	struct packet *p;
	int r = 0;

	(void)what;
	while ((p = TAILQ_FIRST(&l->waiting)) != NULL) {
		r = send_packet(fd, (struct slice){ p->bytes, p->n }, p->fds,
				p->fd_count);
		if (r == -EAGAIN)
			break;
		packet_free(l, p);
	}
	if (p != NULL)
		(void)event_add(l->on_writable, NULL);
}

/* A sealed memfd with the octets; -1 when there can be none. */
static int make_memfd(struct slice octets)
{
	AUTO(fd_close) int fd = -1;
	int ret;

	fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	while (octets.n > 0) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n <= 0)
			return -1;
		octets = slice_tail(octets, (size_t)n);
	}
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -1;
	ret = fd;
	fd = -1;
	return ret;
}

void link_send(struct link *link, const struct message *m, int fd)
{
	struct wire_writer w = { .bytes = NULL };
	uint8_t flags = fd >= 0 ? PACKET_FD : 0;
	int fds[FDS_A_PACKET];
	size_t fd_count = 0;
	AUTO(fd_close) int memfd = -1;
	int r;

	assert(message_is_allowed(m->type, link->self, link->peer));
	assert(fd < 0 || message_has_fd(m->type));
	wire_put_bool(&w, false); /* the flags' place */
	r = message_encode(m, &w);
	assert(r == 0);
	if (w.n > PACKET_OCTETS) {
		memfd = make_memfd(
			slice_tail((struct slice){ w.bytes, w.n }, 1));
		flags |= PACKET_BIG;
		w.n = 1;
		fds[fd_count++] = memfd;
	}
	if (fd >= 0)
		fds[fd_count++] = fd;
	w.bytes[0] = (char)flags;
	/* Without memfd the message is lost: the asker's time-out says so. */
	if (!link->is_gone && (memfd >= 0 || (flags & PACKET_BIG) == 0))
		send_or_wait(link, (struct slice){ w.bytes, w.n }, fds,
			     fd_count);
	mem_free(&w.bytes);
}

void link_flush(struct link *link)
{
	struct pollfd p = { .fd = link->fd, .events = POLLOUT };

	while (!TAILQ_EMPTY(&link->waiting) && poll(&p, 1, 1000) > 0 &&
	       (p.revents & (POLLERR | POLLHUP)) == 0)
		on_writable(link->fd, EV_WRITE, link);
}

/* --- receiving ---------------------------------------------------------------- */

struct received {
	char bytes[PACKET_OCTETS + 64];
	size_t n;
	int fds[FDS_A_PACKET];
	size_t fd_count;
	bool is_cut;
};

static void take_fds(struct msghdr *h, struct received *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
	     c = CMSG_NXTHDR(h, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (in->fd_count < FDS_A_PACKET)
				in->fds[in->fd_count++] = fd;
			else
				(void)close(fd);
		}
	}
}

/* Returns 1 with a packet, 0 when there is none now, -EPIPE at the end. */
static int receive_packet(int fd, struct received *in)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_A_PACKET)];
	struct iovec iov = { .iov_base = in->bytes,
			     .iov_len = sizeof(in->bytes) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	in->fd_count = 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (n == 0)
		return -EPIPE;
	take_fds(&h, in);
	in->n = (size_t)n;
	in->is_cut = (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	return 1;
}

/* The sealed content of a big message; false if it is not what it should be. */
static bool map_big(int fd, struct slice *ret_octets)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_WRITE;
	off_t size = lseek(fd, 0, SEEK_END);
	void *p;

	if ((fcntl(fd, F_GET_SEALS) & seals) != seals ||
	    fcntl(fd, F_GET_SEALS) < 0 || size <= 0 || size > WIRE_OCTETS)
		return false;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	*ret_octets = (struct slice){ p, (size_t)size };
	return true;
}

/* Decodes one packet's message and hands it on. Returns 0 or -EBADMSG. */
static int handle(struct link *l, struct slice octets, int *fd)
{
	struct message m;

	arena_clear(l->arena);
	if (message_decode(octets, l->arena, &m) < 0 ||
	    !message_is_allowed(m.type, l->peer, l->self) ||
	    (*fd >= 0 && !message_has_fd(m.type)))
		return -EBADMSG;
	m.fd = *fd;
	*fd = -1;
	l->on_message(l, &m, l->arg);
	fd_close(&m.fd);
	return 0;
}

static int handle_packet(struct link *l, struct received *in)
{
	uint8_t flags = in->n > 0 ? (uint8_t)in->bytes[0] : 0xff;
	size_t want = ((flags & PACKET_FD) != 0) + ((flags & PACKET_BIG) != 0);
	int *fd, none = -1, r = -EBADMSG;
	struct slice big;

	if (in->is_cut || flags > 3 || in->fd_count != want)
		return -EBADMSG;
	fd = (flags & PACKET_FD) != 0 ? &in->fds[want - 1] : &none;
	if ((flags & PACKET_BIG) == 0)
		return handle(l, (struct slice){ in->bytes + 1, in->n - 1 },
			      fd);
	if (in->n == 1 && map_big(in->fds[0], &big)) {
		r = handle(l, big, fd);
		(void)munmap((void *)(uintptr_t)big.p, big.n);
	}
	return r;
}

static void close_link(struct link *l, enum link_end end)
{
	(void)event_del(l->on_readable);
	(void)event_del(l->on_writable);
	l->is_gone = true;
	l->on_closed(l, end, l->arg);
}

static void on_readable(int fd, short what, void *arg)
{
	struct link *l = arg;
	/* Not zeroed: 32 KiB a wake-up would show. */
	struct received in __attribute__((uninitialized));
	bool freed = false;
	int r = 1;

	(void)what;
	l->freed = &freed;
	for (int i = 0; i < PACKETS_A_TURN && r > 0; i++) {
		r = receive_packet(fd, &in);
		if (r <= 0)
			break;
		if (handle_packet(l, &in) < 0)
			r = -EBADMSG;
		for (size_t k = 0; k < in.fd_count; k++)
			fd_close(&in.fds[k]);
		if (freed)
			return;
	}
	l->freed = NULL;
	if (r < 0)
		close_link(l, r == -EBADMSG ? LINK_MISBEHAVED : LINK_GONE);
}

struct link *link_new(struct event_base *base, int fd, enum role self,
		      enum role peer, unsigned index,
		      link_on_message *on_message, link_on_closed *on_closed,
		      void *arg)
{
	struct link *l = mem_new(sizeof(*l));

	l->fd = fd;
	l->self = self;
	l->peer = peer;
	l->index = index;
	l->on_message = on_message;
	l->on_closed = on_closed;
	l->arg = arg;
	l->arena = arena_new(16 << 20);
	TAILQ_INIT(&l->waiting);
	(void)evutil_make_socket_nonblocking(fd);
	l->on_readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, l);
	l->on_writable = event_new(base, fd, EV_WRITE, on_writable, l);
	assert(l->on_readable != NULL && l->on_writable != NULL);
	(void)event_add(l->on_readable, NULL);
	return l;
}

void link_free(struct link **link)
{
	struct link *l = *link;

	if (l == NULL)
		return;
	if (l->freed != NULL)
		*l->freed = true;
	while (!TAILQ_EMPTY(&l->waiting))
		packet_free(l, TAILQ_FIRST(&l->waiting));
	event_free(l->on_readable);
	event_free(l->on_writable);
	arena_free(&l->arena);
	fd_close(&l->fd);
	mem_free(link);
}

size_t link_backlog(const struct link *link)
{
	return link->backlog;
}

enum role link_peer(const struct link *link)
{
	return link->peer;
}

unsigned link_peer_index(const struct link *link)
{
	return link->index;
}
