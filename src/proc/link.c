#include "proc/link.h"

#include "base/list.h"
#include "base/mem.h"
#include "proc/packet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	PACKETS_A_TURN = 64,      /* so that one peer cannot hold the loop */
	SECRET_OCTETS = 64 << 10, /* more than a secret has */
	DRAIN_TURNS = 1024,       /* more than a socket holds */
	FLUSH_MS = 1000, /* a peer that reads nothing for so long is gone */
};

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
	l->backlog -= sizeof(*p) + p->n;
	explicit_bzero(p->bytes, p->n); /* it may be a secret */
	mem_free(&p);
}

/* --- sending ---------------------------------------------------------------- */

static void wait_in_line(struct link *l, struct slice bytes, const int *fds,
			 size_t fd_count)
{
	struct packet *p = mem_new(sizeof(*p) + bytes.n);

	memcpy(p->bytes, bytes.p, bytes.n);
	p->n = bytes.n;
	for (size_t i = 0; i < fd_count; i++)
		p->fds[p->fd_count++] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
	TAILQ_INSERT_TAIL(&l->waiting, p, entry);
	l->backlog += sizeof(*p) + p->n;
	(void)event_add(l->on_writable, NULL);
}

static void send_or_wait(struct link *l, struct slice bytes, const int *fds,
			 size_t fd_count)
{
	int r = -EAGAIN;

	if (TAILQ_EMPTY(&l->waiting))
		r = packet_send(l->fd, bytes, fds, fd_count);
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
		r = packet_send(fd, (struct slice){ p->bytes, p->n }, p->fds,
				p->fd_count);
		if (r == -EAGAIN)
			break;
		packet_free(l, p);
	}
	if (p != NULL)
		(void)event_add(l->on_writable, NULL);
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
	if (message_is_secret(m->type)) {
		/* Room at once: growing would leave copies behind. */
		w.room = SECRET_OCTETS;
		w.bytes = mem_new(w.room);
	}
	wire_put_bool(&w, false); /* the flags' place */
	r = message_encode(m, &w);
	assert(r == 0);
	if (w.n > PACKET_OCTETS) {
		memfd = packet_make_memfd(
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
	if (message_is_secret(m->type))
		explicit_bzero(w.bytes, w.room);
	mem_free(&w.bytes);
}

/* Whether there is room again; a signal is no answer. */
static bool wait_for_room(const struct link *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };
	int r;

	do
		r = poll(&p, 1, FLUSH_MS);
	while (r < 0 && errno == EINTR);
	return r > 0 && (p.revents & (POLLERR | POLLHUP)) == 0;
}

void link_flush(struct link *link)
{
	while (!TAILQ_EMPTY(&link->waiting) && wait_for_room(link))
		on_writable(link->fd, EV_WRITE, link);
}

/* --- receiving ---------------------------------------------------------------- */

/* Decodes one packet's message and hands it on. Returns 0 or -EBADMSG. */
static int handle(struct link *l, struct slice octets, int *fd,
		  bool *ret_is_secret)
{
	struct message m;

	arena_clear(l->arena);
	if (message_decode(octets, l->arena, &m) < 0 ||
	    !message_is_allowed(m.type, l->peer, l->self) ||
	    (*fd >= 0 && !message_has_fd(m.type)))
		return -EBADMSG;
	m.fd = *fd;
	*fd = -1;
	*ret_is_secret = message_is_secret(m.type);
	l->on_message(l, &m, l->arg);
	fd_close(&m.fd);
	return 0;
}

static int handle_packet(struct link *l, struct received *in)
{
	uint8_t flags = in->n > 0 ? (uint8_t)in->bytes[0] : 0xff;
	size_t want = ((flags & PACKET_FD) != 0) + ((flags & PACKET_BIG) != 0);
	int *fd, none = -1, r = -EBADMSG;
	bool is_secret = false;
	struct slice big;

	if (in->is_cut || flags > 3 ||
	    (in->fd_count != want && !in->has_lost_fds))
		return -EBADMSG;
	/* Our fault, not the peer's: it comes without its descriptor, or, if
	 * the message was in one, not at all. */
	if (in->has_lost_fds && (flags & PACKET_BIG) != 0)
		return 0;
	if (in->has_lost_fds)
		want = 0;
	fd = (flags & PACKET_FD) != 0 && want > 0 ? &in->fds[want - 1] : &none;
	if ((flags & PACKET_BIG) == 0) {
		r = handle(l, (struct slice){ in->bytes + 1, in->n - 1 }, fd,
			   &is_secret);
		if (is_secret)
			explicit_bzero(in->bytes, in->n);
		return r;
	}
	if (in->n == 1 && packet_map_memfd(in->fds[0], &big)) {
		r = handle(l, big, fd, &is_secret);
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

/* Returns whether the link is still there and more may have come. */
static bool read_turn(struct link *l)
{
	/* Not zeroed: 32 KiB a wake-up would show. */
	struct received in __attribute__((uninitialized));
	bool freed = false, *outer = l->freed; /* drained in a callback */
	int r = 1;

	/* Taken back below, or the link is gone. */
	/* cppcheck-suppress autoVariables */
	l->freed = &freed;
	for (int i = 0; i < PACKETS_A_TURN && r > 0; i++) {
		r = packet_receive(l->fd, &in);
		if (r <= 0)
			break;
		if (handle_packet(l, &in) < 0)
			r = -EBADMSG;
		for (size_t k = 0; k < in.fd_count; k++)
			fd_close(&in.fds[k]);
		if (freed && outer != NULL)
			*outer = true;
		if (freed)
			return false;
	}
	l->freed = outer;
	if (r < 0)
		close_link(l, r == -EBADMSG ? LINK_MISBEHAVED : LINK_GONE);
	return r > 0;
}

static void on_readable(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)read_turn(arg);
}

void link_drain(struct link *link)
{
	int turns = 0;

	while (turns++ < DRAIN_TURNS && read_turn(link))
		;
}

/* NOLINTNEXTLINE(readability-function-size): what a link is, all at once */
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
