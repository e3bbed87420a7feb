#include "proc/packet.h"

#include "base/mem.h"
#include "proc/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- sending ---------------------------------------------------------------- */

int packet_send(int fd, struct slice bytes, const int *fds, size_t fd_count)
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

int packet_make_memfd(struct slice octets)
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

/* --- receiving -------------------------------------------------------------- */

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

/* An empty packet reads as the end does; the end alone is hung up. */
static bool is_at_end(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)) != 0;
}

int packet_receive(int fd, struct received *in)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_A_PACKET)];
	struct iovec iov = { .iov_base = in->bytes,
			     .iov_len = sizeof(in->bytes) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	/* The peer closed and left octets of ours unread. It is told once, and
	 * before what the peer said last. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	in->fd_count = 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	take_fds(&h, in);
	if (n == 0 && in->fd_count == 0 && is_at_end(fd))
		return -EPIPE;
	in->n = (size_t)n;
	/* Descriptors are cut off where there were too many, or where we may
	 * open no more. */
	in->has_lost_fds =
		(h.msg_flags & MSG_CTRUNC) != 0 && in->fd_count < FDS_A_PACKET;
	in->is_cut = (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 &&
		     !in->has_lost_fds;
	return 1;
}

bool packet_map_memfd(int fd, struct slice *ret_octets)
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
