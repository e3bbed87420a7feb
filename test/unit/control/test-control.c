/* The whole role in a process of its own; this test is its parent, its queue,
 * its receive and its clients. */
#include "control/control.h"

#include "base/mem.h"
#include "milter/filter.h"
#include "proc/link.h"
#include "proc/role.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUEUE_PAGE = 256, ROWS = 1203, ANSWER_OCTETS = 1 << 20 };

static struct event_base *base;
static struct link *parent, *queue, *receive, *receive2;
static pid_t pid;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static bool is_ready, is_silent, is_hushed;
static unsigned pages;

/* --- the other side of the links ------------------------------------------------------ */

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

static void send_entry(struct link *link, uint64_t id, uint64_t row)
{
	struct message m = { .type = MESSAGE_QUEUE_ENTRY, .fd = -1 };

	m.queue_entry =
		(struct msg_queue_entry){ .id = id,
					  .queue_id = row + 0xa0,
					  .trace = S("t1"),
					  .reverse_path = S("a@x.org"),
					  .target = { .kind = TARGET_COMMAND,
						      .address =
							      S("b@\xFF.org") },
					  .content_octets = 1234,
					  .original = S("b@x.org"),
					  .arrived = 1000,
					  .state = QUEUE_STATE_HELD,
					  .next_try = 2000,
					  .attempts = 3,
					  .hold = S("spam?"),
					  .reason = S("two\nlines") };
	link_send(link, &m, -1);
}

static void send_header(struct link *link, uint64_t id)
{
	struct message m = { .type = MESSAGE_QUEUE_HEADER, .fd = -1 };

	m.queue_header = (struct msg_queue_header){
		.id = id, .queue_id = 0xa1, .header = S("A: b\r\nC: \xFF\r\n")
	};
	link_send(link, &m, -1);
}

static void send_page(struct link *link, const struct msg_queue_list *q)
{
	struct message end = { .type = MESSAGE_QUEUE_LIST_END, .fd = -1 };
	uint64_t row = q->after;

	pages++;
	/* The queue may give less than it was asked for. */
	assert_true(q->limit > QUEUE_PAGE);
	while (row < ROWS && row < q->after + QUEUE_PAGE)
		send_entry(link, q->id, ++row);
	if (q->with_header)
		send_header(link, q->id);
	end.queue_list_end = (struct msg_queue_list_end){
		.id = q->id, .after = row, .is_last = row == ROWS, .total = ROWS
	};
	link_send(link, &end, -1);
}

static void on_queue(struct link *link, struct message *m, void *arg)
{
	struct message answer = { .type = MESSAGE_QUEUE_CHANGED, .fd = -1 };

	(void)arg;
	if (is_silent)
		return;
	if (m->type == MESSAGE_QUEUE_LIST) {
		send_page(link, &m->queue_list);
		return;
	}
	answer.queue_changed = (struct msg_queue_changed){
		.id = m->queue_change.id,
		.count = m->queue_change.is_all ? ROWS : 1,
	};
	link_send(link, &answer, -1);
}

static void send_milters(struct link *link, uint64_t id)
{
	struct message m = { .type = MESSAGE_MILTER_STATE, .fd = -1 };

	m.milter_state = (struct msg_milter_state){ .id = id,
						    .name = S("one"),
						    .state = MILTER_WORKS,
						    .version = 6,
						    .actions = 0x41,
						    .steps = 0x81,
						    .messages = 3,
						    .edited = 1 };
	link_send(link, &m, -1);
	if (link == receive2 && is_hushed)
		return;
	m.type = MESSAGE_MILTER_LIST_END;
	m.milter_list_end = (struct msg_milter_list_end){ .id = id };
	link_send(link, &m, -1);
}

static void on_receive(struct link *link, struct message *m, void *arg)
{
	struct message answer = { .type = MESSAGE_EXPLAINED, .fd = -1 };
	struct slice steps[] = { S("first"), S("") };

	(void)arg;
	if (m->type == MESSAGE_MILTER_LIST) {
		send_milters(link, m->milter_list.id);
		return;
	}
	steps[1] = m->explain.address;
	answer.explained = (struct msg_explained){
		.id = m->explain.id,
		.result = RESOLVE_NO_USER,
		.steps = { .items = steps, .count = 2 },
	};
	link_send(link, &answer, -1);
}

static void on_parent(struct link *link, struct message *m, void *arg)
{
	struct message answer = { .type = MESSAGE_RELOADED, .fd = -1 };
	struct slice lines[] = { S("culver.conf:1: no") };

	(void)arg;
	if (m->type == MESSAGE_READY)
		is_ready = true;
	if (m->type != MESSAGE_RELOAD)
		return;
	answer.reloaded = (struct msg_reloaded){
		.id = m->reload.id, .lines = { .items = lines, .count = 1 }
	};
	link_send(link, &answer, -1);
}

/* --- birth ----------------------------------------------------------------------------- */

static void send_peer(struct link **slot, enum role role, unsigned index,
		      link_on_message *on_message)
{
	struct message m = { .type = MESSAGE_PEER,
			     .fd = -1,
			     .peer = { .role = role, .index = index } };
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*slot = link_new(base, pair[0], role, ROLE_CONTROL, 0, on_message,
			 on_closed, NULL);
	link_send(parent, &m, pair[1]);
	(void)close(pair[1]);
}

static void send_listener(void)
{
	struct message m = { .type = MESSAGE_LISTENER,
			     .fd = -1,
			     .listener = { .service = LISTENER_CONTROL,
					   .is_first = true } };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/tmp/culver-control-%d", (int)getpid());
	(void)unlink(address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 64), 0);
	link_send(parent, &m, fd);
	(void)close(fd);
}

static void send_plain(enum message_type type)
{
	struct message m = { .type = type, .fd = -1 };

	link_send(parent, &m, -1);
}

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	is_ready = false;
	is_silent = false;
	is_hushed = false;
	pages = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (pair[1] != ROLE_PARENT_FD)
			(void)dup2(pair[1], ROLE_PARENT_FD);
		_exit(control_main(0));
	}
	(void)close(pair[1]);
	base = event_base_new();
	parent = link_new(base, pair[0], ROLE_PARENT, ROLE_CONTROL, 0,
			  on_parent, on_closed, NULL);
	send_plain(MESSAGE_CONF_BEGIN);
	send_plain(MESSAGE_CONF_COMMIT);
	send_peer(&queue, ROLE_QUEUE, 0, on_queue);
	send_peer(&receive, ROLE_RECEIVE, 0, on_receive);
	send_peer(&receive2, ROLE_RECEIVE, 1, on_receive);
	send_listener();
	send_plain(MESSAGE_START);
	while (!is_ready)
		(void)event_base_loop(base, EVLOOP_ONCE);
	return 0;
}

static int tear_down(void **state)
{
	int status = -1;

	(void)state;
	send_plain(MESSAGE_DRAIN);
	link_flush(parent);
	(void)waitpid(pid, &status, 0);
	link_free(&queue);
	link_free(&receive);
	link_free(&receive2);
	link_free(&parent);
	event_base_free(base);
	(void)unlink(address.sun_path);
	return status;
}

/* --- clients ---------------------------------------------------------------------------- */

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* Reads until lines line ends have come, or the end (*ret_is_end). */
static char *hear(int fd, size_t lines, bool *ret_is_end)
{
	char *text = mem_new(ANSWER_OCTETS);
	size_t n = 0;

	*ret_is_end = false;
	while (lines > 0) {
		ssize_t r;

		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		r = recv(fd, text + n, ANSWER_OCTETS - 1 - n, MSG_DONTWAIT);
		if (r == 0 || (r < 0 && errno == ECONNRESET))
			break;
		for (ssize_t i = 0; i < r; i++)
			lines -= text[n + (size_t)i] == '\n' && lines > 0;
		n += r > 0 ? (size_t)r : 0;
	}
	*ret_is_end = lines > 0;
	return text;
}

static void expect(int fd, const char *want)
{
	bool is_end;
	char *got = hear(fd, 1, &is_end);

	assert_string_equal(got, want);
	mem_free(&got);
}

static void expect_end(int fd)
{
	bool is_end;
	char *got = hear(fd, 1, &is_end);

	assert_string_equal(got, "");
	assert_true(is_end);
	mem_free(&got);
}

static void test_answers(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"command\":\"queue_retry\"}\n");
	expect(fd, "{\"retried\":1203}\n");
	say(fd, "{\"command\":\"queue_retry\",\"id\":\"a1\"}\n");
	expect(fd, "{\"retried\":1}\n");
	say(fd, "{\"command\":\"resolve\",\"address\":\"x@y\"}\n");
	expect(fd, "{\"result\":\"no user\",\"steps\":[\"first\",\"x@y\"]}\n");
	say(fd, "{\"command\":\"reload\"}\n");
	expect(fd, "{\"taken\":false,\"lines\":[\"culver.conf:1: no\"]}\n");
	(void)close(fd);
}

static void test_list(void **state)
{
	int fd = dial();
	bool is_end;
	char *got;

	(void)state;
	say(fd, "{\"command\":\"queue_list\"}\n");
	got = hear(fd, ROWS + 1, &is_end);
	assert_false(is_end);
	assert_int_equal(pages, ROWS / QUEUE_PAGE + 1);
	assert_true(slice_starts(
		slice_of(got),
		S("{\"entry\":{\"id\":\"00000000000000a1\",\"trace\":\"t1\","
		  "\"sender\":\"a@x.org\",\"login\":\"\",\"envid\":\"\","
		  "\"recipient\":\"b@\\\\xFF.org\",\"original\":\"b@x.org\","
		  "\"kind\":\"command\","
		  "\"octets\":1234,\"arrived\":1000,\"state\":\"held\","
		  "\"next_try\":2000,\"last_try\":0,"
		  "\"attempts\":3,\"hold\":\"spam?\",\"code\":0,\"reason\":\"two\\nlines\","
		  "\"tls\":\"usual\"}}\n")));
	assert_non_null(strstr(got, "}}\n{\"total\":1203}\n"));
	mem_free(&got);
	(void)close(fd);
}

#define MILTER(messages, edited)                                               \
	"{\"milter\":{\"name\":\"one\",\"state\":\"works\",\"version\":6,"     \
	"\"connections\":0,\"messages\":" messages                             \
	",\"rejected\":0,\"deferred\":0,\"discarded\":0,\"quarantined\":0,"    \
	"\"edited\":" edited ",\"failed\":0,\"unfiltered\":0,\"failed_at\":0," \
	"\"problem\":\"\",\"actions\":[\"add headers\",\"change sender\"],"    \
	"\"skipped\":[\"connect\"]}}\n{\"milters\":1}\n"

/* All receive processes are asked. */
static void test_milters(void **state)
{
	int fd = dial();
	bool is_end;
	char *got;

	(void)state;
	say(fd, "{\"command\":\"milter_list\"}\n");
	got = hear(fd, 2, &is_end);
	assert_string_equal(got, MILTER("6", "2"));
	mem_free(&got);
	(void)close(fd);
}

/* One that ends in the middle of its answer is not waited for. */
static void test_milters_without_one(void **state)
{
	int fd = dial();
	bool is_end;
	char *got;

	(void)state;
	is_hushed = true;
	say(fd, "{\"command\":\"milter_list\"}\n");
	for (int i = 0; i < 20; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	link_free(&receive2);
	got = hear(fd, 2, &is_end);
	assert_string_equal(got, MILTER("6", "2"));
	mem_free(&got);
	say(fd, "{\"command\":\"milter_list\"}\n");
	got = hear(fd, 2, &is_end);
	assert_string_equal(got, MILTER("3", "1"));
	mem_free(&got);
	link_free(&receive);
	for (int i = 0; i < 20; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
	say(fd, "{\"command\":\"milter_list\"}\n");
	expect(fd, "{\"error\":\"nobody is there to ask; try again\"}\n");
	(void)close(fd);
}

static void test_nonsense(void **state)
{
	int fd = dial();
	char *big = mem_new(20001);
	bool is_end;
	char *got;

	(void)state;
	say(fd, "GET / HTTP/1.1\n{\"command\":\"queue_retry\"}\n");
	got = hear(fd, 2, &is_end);
	assert_string_equal(got,
			    "{\"error\":\"a request is one JSON object in one "
			    "line\"}\n{\"retried\":1203}\n");
	mem_free(&got);
	memset(big, 'x', 20000);
	say(fd, big);
	mem_free(&big);
	expect(fd, "{\"error\":\"the request is too long\"}\n");
	expect_end(fd);
	(void)close(fd);
}

static void test_half_closed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"command\":\"queue_retry\"}\n{\"command");
	(void)shutdown(fd, SHUT_WR);
	expect(fd, "{\"retried\":1203}\n");
	expect_end(fd);
	(void)close(fd);
}

/* Clients that vanish with a question open disturb nobody, and free their
 * place. */
static void test_vanishing(void **state)
{
	int fd;

	(void)state;
	for (int round = 0; round < 100; round++) {
		fd = dial();
		say(fd, "{\"command\":\"queue_list\"}\n");
		(void)close(fd);
		fd = dial();
		say(fd, "{\"command\":\"queue_retry\"}\n");
		expect(fd, "{\"retried\":1203}\n");
		(void)close(fd);
	}
}

static void test_too_many(void **state)
{
	int fds[32], one_more;

	(void)state;
	for (size_t i = 0; i < 32; i++)
		fds[i] = dial();
	say(fds[31], "{\"command\":\"queue_retry\"}\n");
	expect(fds[31], "{\"retried\":1203}\n");
	one_more = dial();
	expect_end(one_more);
	for (size_t i = 0; i < 32; i++)
		(void)close(fds[i]);
	(void)close(one_more);
}

static void test_peer_gone(void **state)
{
	int fd = dial();
	bool is_end;
	char *got;

	(void)state;
	is_silent = true;
	say(fd, "{\"command\":\"queue_list\"}\n");
	for (int i = 0; i < 3; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	link_free(&queue);
	/* Whether asked before or after the end, it is said. */
	got = hear(fd, 1, &is_end);
	assert_non_null(strstr(got, "{\"error\":\""));
	mem_free(&got);
	say(fd, "{\"command\":\"queue_retry\"}\n");
	expect(fd, "{\"error\":\"the queue is away; try again\"}\n");
	say(fd, "{\"command\":\"resolve\",\"address\":\"x@y\"}\n");
	expect(fd, "{\"result\":\"no user\",\"steps\":[\"first\",\"x@y\"]}\n");
	(void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_list),
		TEST(test_nonsense),
		TEST(test_half_closed),
		TEST(test_vanishing),
		TEST(test_too_many),
		TEST(test_peer_gone),
		TEST(test_milters),
		TEST(test_milters_without_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
