#include "proc/link.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"
#include "descriptors.h"

enum { NOT_ENDED = -1, BIG_OCTETS = 100000 };

/* The queue's end of a link, and what it heard; the other end is a link or a
 * bare socket. */
struct world {
	int open_before;
	struct event_base *base;
	struct link *queue, *receive;
	int raw;
	uint64_t heard;     /* messages */
	uint64_t unordered; /* of these */
	size_t trace_octets;
	int fd;  /* the last that came */
	int end; /* enum link_end or NOT_ENDED */
	bool frees_in_message;
};

static void on_message(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	if (m->type == MESSAGE_SPOOL_DROP && m->spool_drop.spool_id != w->heard)
		w->unordered++;
	if (m->type == MESSAGE_ENQUEUE)
		w->trace_octets = m->enqueue.trace.n;
	w->heard++;
	fd_close(&w->fd);
	w->fd = message_take_fd(m);
	if (w->frees_in_message) {
		assert_ptr_equal(link, w->queue);
		link_free(&w->queue);
	}
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(link, w->queue);
	assert_int_equal(w->end, NOT_ENDED);
	w->end = (int)end;
	link_free(&w->queue);
}

static void on_nothing(struct link *link, struct message *m, void *arg)
{
	(void)link;
	(void)m;
	(void)arg;
}

static void on_receive_closed(struct link *link, enum link_end end, void *arg)
{
	struct world *w = arg;

	(void)end;
	assert_ptr_equal(link, w->receive);
	link_free(&w->receive);
}

static void open_world(struct world *w, bool is_raw)
{
	int pair[2];

	*w = (struct world){ .open_before = count_descriptors(),
			     .base = event_base_new(),
			     .raw = -1,
			     .fd = -1,
			     .end = NOT_ENDED };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	w->queue = link_new(w->base, pair[0], ROLE_QUEUE, ROLE_RECEIVE, 3,
			    on_message, on_closed, w);
	if (is_raw)
		w->raw = pair[1];
	else
		w->receive =
			link_new(w->base, pair[1], ROLE_RECEIVE, ROLE_QUEUE, 0,
				 on_nothing, on_receive_closed, w);
}

static void close_world(struct world *w)
{
	link_free(&w->queue);
	link_free(&w->receive);
	fd_close(&w->raw);
	fd_close(&w->fd);
	event_base_free(w->base);
	assert_int_equal(count_descriptors(), w->open_before);
}

static void run(struct world *w)
{
	for (int i = 0; i < 1000; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void send_drop(struct link *link, uint64_t id)
{
	const struct message m = { .type = MESSAGE_SPOOL_DROP,
				   .spool_drop = { .spool_id = id } };

	link_send(link, &m, -1);
}

static void test_order(void **state)
{
	enum { COUNT = 20000 };
	struct world w;

	(void)state;
	open_world(&w, false);
	assert_int_equal(link_peer(w.queue), ROLE_RECEIVE);
	assert_int_equal(link_peer_index(w.queue), 3);
	for (uint64_t i = 0; i < COUNT; i++)
		send_drop(w.receive, i);
	assert_true(link_backlog(w.receive) > 0);
	run(&w);
	assert_int_equal(w.heard, COUNT);
	assert_int_equal(w.unordered, 0);
	assert_int_equal(link_backlog(w.receive), 0);
	close_world(&w);
}

static const struct {
	const char *name;
	size_t octets;
	bool has_fd;
} contents[] = {
	{ "small, alone", 10, false },
	{ "small, with a descriptor", 10, true },
	{ "just a packet", (32 << 10) - 100, true },
	{ "just no packet any more", (32 << 10) - 50, true },
	{ "as memfd", BIG_OCTETS, false },
	{ "as memfd, with a descriptor", BIG_OCTETS, true },
	{ "as big as it gets", (8 << 20) - 200, true },
};

static void send_enqueue(struct link *link, size_t octets, int fd)
{
	char *text = mem_new(octets);
	const struct message m = { .type = MESSAGE_ENQUEUE,
				   .enqueue = { .trace = { text, octets } } };

	link_send(link, &m, fd);
	mem_free(&text);
}

/* The descriptor that comes is the one that was sent: a pipe's end. */
static void expect_pipe(int read_end, int write_end)
{
	char octet = 0;

	assert_true(write_end >= 0);
	assert_int_equal(fcntl(write_end, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(write_end, "x", 1), 1);
	assert_int_equal(read(read_end, &octet, 1), 1);
	assert_int_equal(octet, 'x');
}

static void test_contents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		bool has_fd = contents[i].has_fd;
		struct world w;
		int pipe_fds[2];

		print_message("  %s\n", contents[i].name);
		open_world(&w, false);
		assert_int_equal(pipe(pipe_fds), 0);
		for (int wait = 0; wait < 2; wait++) {
			for (uint64_t k = 0; wait > 0 && k < 5000; k++)
				send_drop(w.receive, 0);
			assert_true((link_backlog(w.receive) > 0) == wait);
			send_enqueue(w.receive, contents[i].octets,
				     has_fd ? pipe_fds[1] : -1);
			run(&w);
			assert_int_equal(w.trace_octets, contents[i].octets);
			if (has_fd)
				expect_pipe(pipe_fds[0], w.fd);
			else
				assert_int_equal(w.fd, -1);
			w.trace_octets = 0;
		}
		assert_int_equal(w.heard, 2 + 5000);
		(void)close(pipe_fds[0]);
		(void)close(pipe_fds[1]);
		close_world(&w);
	}
}

/* A descriptor nobody takes is closed; so are the ones that wait in vain. */
static void test_descriptors_are_closed(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	for (int i = 0; i < 300; i++)
		send_enqueue(w.receive, BIG_OCTETS, STDERR_FILENO);
	link_free(&w.queue);
	run(&w);
	assert_null(w.receive);
	close_world(&w);
}

/* --- the end ---------------------------------------------------------------------- */

static void test_gone(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	send_drop(w.receive, 0);
	link_free(&w.receive);
	run(&w);
	assert_int_equal(w.heard, 1);
	assert_int_equal(w.end, LINK_GONE);
	close_world(&w);
}

/* A peer that left something unread has its last words heard all the same. */
static void test_last_words(void **state)
{
	const struct message room = { .type = MESSAGE_ROOM };
	struct world w;

	(void)state;
	open_world(&w, false);
	link_send(w.queue, &room, -1);
	for (uint64_t i = 0; i < 3; i++)
		send_drop(w.receive, i);
	link_free(&w.receive);
	run(&w);
	assert_int_equal(w.heard, 3);
	assert_int_equal(w.end, LINK_GONE);
	close_world(&w);
}

/* All at once, without the loop; the end follows only if nobody hung up. */
static void test_drain(void **state)
{
	enum { COUNT = 150 };

	(void)state;
	for (int ends = 0; ends < 2; ends++) {
		struct world w;

		open_world(&w, false);
		for (uint64_t i = 0; i < COUNT; i++)
			send_drop(w.receive, i);
		assert_int_equal(link_backlog(w.receive), 0);
		if (ends)
			link_free(&w.receive);
		link_drain(w.queue);
		assert_int_equal(w.heard, COUNT);
		assert_int_equal(w.unordered, 0);
		assert_int_equal(w.end, ends ? LINK_GONE : NOT_ENDED);
		close_world(&w);
	}
}

static void test_sending_to_nobody(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	link_free(&w.queue);
	for (uint64_t i = 0; i < 3; i++)
		send_drop(w.receive, i);
	assert_non_null(w.receive); /* not from within link_send() */
	run(&w);
	assert_null(w.receive);
	close_world(&w);
}

static void test_free_in_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct world w;

		open_world(&w, false);
		w.frees_in_message = true;
		send_enqueue(w.receive, contents[i].octets,
			     contents[i].has_fd ? STDERR_FILENO : -1);
		send_enqueue(w.receive, contents[i].octets, STDERR_FILENO);
		run(&w);
		assert_int_equal(w.heard, 1);
		assert_int_equal(w.end, NOT_ENDED);
		close_world(&w);
	}
}

/* --- flushing before the exit ------------------------------------------------------- */

static int start_reading = -1;

/* The reader begins only after the poll was interrupted three times. */
static void on_alarm(int number)
{
	static int count;

	(void)number;
	if (++count == 3)
		(void)!write(start_reading, "x", 1);
}

static void read_all(int fd, int start, uint64_t want)
{
	uint64_t count = 0;
	char octets[64];

	(void)!read(start, octets, 1);
	while (recv(fd, octets, sizeof(octets), 0) > 0)
		count++;
	_exit(count == want ? 0 : 1);
}

static void test_flush(void **state)
{
	enum { COUNT = 20000 };
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	const struct sigaction action = { .sa_handler = on_alarm };
	struct world w;
	int start[2], status = -1;
	pid_t child;

	(void)state;
	open_world(&w, true);
	assert_int_equal(pipe(start), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		link_free(&w.queue);
		(void)close(start[1]);
		read_all(w.raw, start[0], COUNT);
	}
	start_reading = start[1];
	for (int i = 0; i < COUNT; i++)
		link_send(w.queue, &(struct message){ .type = MESSAGE_ROOM },
			  -1);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	link_flush(w.queue);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	assert_int_equal(link_backlog(w.queue), 0);
	link_free(&w.queue);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(start[0]);
	(void)close(start[1]);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_descriptors_are_closed),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_sending_to_nobody),
		cmocka_unit_test(test_free_in_message),
		cmocka_unit_test(test_flush),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
