/* What a link makes of a peer that breaks its rules. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "descriptors.h"
#include "proc/link.h"

enum { NOT_ENDED = -1, FDS_MAX = 8 };

struct world {
	struct event_base *base;
	struct link *link;
	int raw, end;
	unsigned heard;
	unsigned with_fd;
};

static void on_message(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	w->heard++;
	w->with_fd += m->fd >= 0;
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	struct world *w = arg;

	(void)link;
	w->end = (int)end;
	link_free(&w->link);
}

/* The link is the queue's; what the other end sends is up to the test. */
static void open_world(struct world *w)
{
	int pair[2];

	*w = (struct world){ .base = event_base_new(), .end = NOT_ENDED };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	w->raw = pair[1];
	w->link = link_new(w->base, pair[0], ROLE_QUEUE, ROLE_RECEIVE, 0,
			   on_message, on_closed, w);
}

static void close_world(struct world *w)
{
	link_free(&w->link);
	fd_close(&w->raw);
	event_base_free(w->base);
}

static void run(struct world *w)
{
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void send_raw(int to, struct slice octets, const int *fds, size_t count)
{
	char control[CMSG_SPACE(sizeof(int) * FDS_MAX)] = { 0 };
	struct iovec v = { (void *)(uintptr_t)octets.p, octets.n };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (count > 0) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&h);
		assert(c != NULL);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	assert_int_equal(sendmsg(to, &h, 0), octets.n);
}

/* --- packets ---------------------------------------------------------------------- */

enum content { NOTHING, DROP, ENQUEUE, ROOM_OF_QUEUE, GARBAGE, HUGE_GARBAGE };
enum kind { NO_MEMFD, UNSEALED, HALF_SEALED, SEALED, SEALED_EMPTY, A_PIPE };

static const struct {
	const char *name;
	int flags; /* -1: not even these */
	enum content content;
	unsigned fds; /* beside the memfd */
	enum kind memfd;
	enum content in_memfd;
	int end;
} cases[] = {
	{ "a message", 0, DROP, .end = NOT_ENDED },
	{ "a message and its descriptor", 1, ENQUEUE, 1, .end = NOT_ENDED },
	{ "one in a memfd", 2, NOTHING, 0, SEALED, DROP, NOT_ENDED },
	{ "one in a memfd, and a descriptor", 3, NOTHING, 1, SEALED, ENQUEUE,
	  NOT_ENDED },
	{ "nothing", -1, .end = LINK_MISBEHAVED },
	{ "nothing but a descriptor", -1, NOTHING, 1, .end = LINK_MISBEHAVED },
	{ "no message", 0, NOTHING, .end = LINK_MISBEHAVED },
	{ "garbage", 0, GARBAGE, .end = LINK_MISBEHAVED },
	{ "more than a packet holds", 0, HUGE_GARBAGE, .end = LINK_MISBEHAVED },
	{ "an unknown flag", 4, DROP, .end = LINK_MISBEHAVED },
	{ "what only the queue sends", 0, ROOM_OF_QUEUE,
	  .end = LINK_MISBEHAVED },
	{ "a descriptor where none belongs", 1, DROP, 1,
	  .end = LINK_MISBEHAVED },
	{ "a descriptor not announced", 0, ENQUEUE, 1, .end = LINK_MISBEHAVED },
	{ "a descriptor announced only", 1, ENQUEUE, .end = LINK_MISBEHAVED },
	{ "two descriptors", 1, ENQUEUE, 2, .end = LINK_MISBEHAVED },
	{ "three descriptors", 1, ENQUEUE, 3, .end = LINK_MISBEHAVED },
	{ "many descriptors", 1, ENQUEUE, FDS_MAX, .end = LINK_MISBEHAVED },
	{ "big without memfd", 2, NOTHING, .end = LINK_MISBEHAVED },
	{ "big and small at once", 2, DROP, 0, SEALED, DROP, LINK_MISBEHAVED },
	{ "an unsealed memfd", 2, NOTHING, 0, UNSEALED, DROP, LINK_MISBEHAVED },
	{ "a memfd that may shrink", 2, NOTHING, 0, HALF_SEALED, DROP,
	  LINK_MISBEHAVED },
	{ "an empty memfd", 2, NOTHING, 0, SEALED_EMPTY, DROP,
	  LINK_MISBEHAVED },
	{ "a pipe for a memfd", 2, NOTHING, 0, A_PIPE, DROP, LINK_MISBEHAVED },
	{ "garbage in a memfd", 2, NOTHING, 0, SEALED, GARBAGE,
	  LINK_MISBEHAVED },
	{ "garbage in a memfd, and a descriptor", 3, NOTHING, 1, SEALED,
	  GARBAGE, LINK_MISBEHAVED },
	{ "a memfd with the queue's message", 2, NOTHING, 0, SEALED,
	  ROOM_OF_QUEUE, LINK_MISBEHAVED },
	{ "a descriptor more than the memfd", 2, NOTHING, 1, SEALED, ENQUEUE,
	  LINK_MISBEHAVED },
};

static void put(struct wire_writer *w, enum content content)
{
	static char garbage[40000];
	struct message m = { .type = MESSAGE_NONE };

	memset(garbage, 0x7f, sizeof(garbage));
	switch (content) {
	case NOTHING:
		return;
	case DROP:
		m.type = MESSAGE_SPOOL_DROP;
		break;
	case ENQUEUE:
		m.type = MESSAGE_ENQUEUE;
		break;
	case ROOM_OF_QUEUE:
		m.type = MESSAGE_ROOM;
		break;
	case GARBAGE:
		wire_put_slice(w, (struct slice){ garbage, 100 });
		return;
	case HUGE_GARBAGE:
		wire_put_slice(w, (struct slice){ garbage, sizeof(garbage) });
		return;
	}
	assert_int_equal(message_encode(&m, w), 0);
}

static int make_memfd(enum kind kind, enum content content)
{
	const int size = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = kind == UNSEALED      ? 0
		    : kind == HALF_SEALED ? F_SEAL_GROW | F_SEAL_WRITE
					  : size | F_SEAL_WRITE;
	struct wire_writer w = { .bytes = NULL };
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (kind == A_PIPE) {
		int ends[2];

		(void)close(fd);
		assert_int_equal(pipe(ends), 0);
		(void)close(ends[1]);
		return ends[0];
	}
	put(&w, content);
	if (kind != SEALED_EMPTY)
		assert_int_equal(write(fd, w.bytes, w.n), w.n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	mem_free(&w.bytes);
	return fd;
}

static void send_case(int to, size_t i)
{
	struct wire_writer w = { .bytes = NULL };
	int fds[FDS_MAX + 1], memfd = -1;
	size_t count = 0;

	if (cases[i].memfd != NO_MEMFD)
		memfd = make_memfd(cases[i].memfd, cases[i].in_memfd);
	if (memfd >= 0)
		fds[count++] = memfd;
	for (unsigned k = 0; k < cases[i].fds; k++)
		fds[count++] = STDERR_FILENO;
	wire_put_bool(&w, false);
	w.bytes[0] = (char)cases[i].flags;
	put(&w, cases[i].content);
	send_raw(to, (struct slice){ w.bytes, cases[i].flags < 0 ? 0 : w.n },
		 fds, count);
	fd_close(&memfd);
	mem_free(&w.bytes);
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int before = count_descriptors();
		bool is_good = cases[i].end == NOT_ENDED;
		struct world w;

		print_message("  %s\n", cases[i].name);
		open_world(&w);
		send_case(w.raw, i);
		run(&w);
		assert_int_equal(w.end, cases[i].end);
		assert_int_equal(w.heard, is_good ? 1 : 0);
		assert_int_equal(w.with_fd, is_good ? cases[i].fds : 0);
		close_world(&w);
		assert_int_equal(count_descriptors(), before);
	}
}

/* Descriptors that we have no room for are not the peer's fault: the message
 * comes without, and the link stays. */
static void test_out_of_descriptors(void **state)
{
	struct rlimit old, low;
	struct world w;
	int before = count_descriptors();

	(void)state;
	open_world(&w);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cases[i].end == NOT_ENDED)
			send_case(w.raw, i);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	run(&w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(w.end, NOT_ENDED);
	assert_int_equal(w.heard, 2); /* the small ones */
	assert_int_equal(w.with_fd, 0);
	close_world(&w);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_out_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
