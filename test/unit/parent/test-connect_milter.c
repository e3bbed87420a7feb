#include "base/mem.h"
#include "conf/block.h"
#include "parent/parent-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct parent parent;
	struct tree tree;
	struct child child;
	struct link *receive;
	struct conf_errors *errors;
	unsigned started;
	pid_t pid;
	/* The last answer. */
	unsigned answers;
	uint64_t id;
	int fd;
	uint32_t error;
	bool has_more;
	char where[128];
};

/* What is looked up has two addresses of documentation, which nobody connects
 * to, and one of our own. */
static pid_t start(const char *name, int pipe_fd, void *arg)
{
	static const struct host_address found[] = {
		{ .family = AF_INET, .octets = { 127, 0, 0, 1 } },
		{ .family = AF_INET6, .octets = { [15] = 1 } },
	};
	struct world *w = arg;

	assert_string_equal(name, "filter.example.com");
	w->started++;
	w->pid = fork();
	if (w->pid == 0)
		_exit(write(pipe_fd, found, sizeof(found)) < 0);
	return w->pid;
}

static void on_receive(struct link *link, struct message *m, void *arg)
{
	struct world *w = arg;

	(void)link;
	assert_int_equal(m->type, MESSAGE_SOCKET);
	w->answers++;
	w->id = m->socket.id;
	fd_close(&w->fd);
	w->fd = message_take_fd(m);
	w->error = m->socket.error;
	w->has_more = m->socket.has_more;
	(void)snprintf(w->where, sizeof(w->where), "%.*s",
		       (int)m->socket.where.n, m->socket.where.p);
}

static void on_parent(struct link *link, struct message *m, void *arg)
{
	(void)link;
	connect_for(arg, &m->socket_wanted);
}

static void on_closed(struct link *link, enum link_end end, void *arg)
{
	(void)link;
	(void)end;
	(void)arg;
}

static void add(struct world *w, const char *name, const char *socket)
{
	const struct check_place at = { .errors = w->errors };
	struct block b;

	assert_true(block_add(w->tree.conf, BLOCK_MILTER, slice_of(name), &b));
	assert_true(block_set(w->tree.conf, &b,
			      settings_find(&conf_milter_settings, "socket"),
			      &socket, 1, &at));
}

static int set_up(void **state)
{
	struct world *w = mem_new(sizeof(*w));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, fds) < 0)
		return -1;
	w->fd = -1;
	w->errors = conf_errors_new();
	w->tree.conf = conf_new();
	w->parent.tree = &w->tree;
	w->parent.base = event_base_new();
	w->parent.hosts = hosts_new(w->parent.base, 5000, start, w);
	w->child = (struct child){ .parent = &w->parent,
				   .role = ROLE_RECEIVE,
				   .pid = 77 };
	w->child.link =
		link_new(w->parent.base, fds[0], ROLE_PARENT, ROLE_RECEIVE, 0,
			 on_parent, on_closed, &w->child);
	w->receive = link_new(w->parent.base, fds[1], ROLE_RECEIVE, ROLE_PARENT,
			      0, on_receive, on_closed, w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	fd_close(&w->fd);
	link_free(&w->receive);
	link_free(&w->child.link);
	hosts_free(&w->parent.hosts);
	event_base_free(w->parent.base);
	conf_errors_free(&w->errors);
	conf_free(&w->tree.conf);
	mem_free(&w);
	return 0;
}

static void ask(struct world *w, const char *name, unsigned attempt)
{
	static uint64_t last_id;
	const uint64_t id = ++last_id;
	const struct message m = {
		.type = MESSAGE_SOCKET_WANTED,
		.fd = -1,
		.socket_wanted = { .id = id,
				   .kind = SOCKET_MILTER,
				   .name = slice_of(name),
				   .attempt = attempt },
	};
	unsigned before = w->answers;

	link_send(w->receive, &m, -1);
	while (w->answers == before)
		(void)event_base_loop(w->parent.base, EVLOOP_ONCE);
	assert_int_equal(w->id, id);
	assert_true((w->fd >= 0) == (w->error == 0));
}

static void test_unix(void **state)
{
	struct world *w = *state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/culver-milter-%d",
		       getpid());
	add(w, "one", a.sun_path);
	ask(w, "one", 0);
	assert_int_equal(w->error, ENOENT);
	assert_string_equal(w->where, a.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 0), 0);
	ask(w, "ONE", 0);
	assert_int_equal(w->error, 0);
	assert_false(w->has_more);
	ask(w, "one", 0);
	assert_int_equal(w->error, EAGAIN);
	(void)close(fd);
	(void)unlink(a.sun_path);
}

static void test_addresses(void **state)
{
	struct world *w = *state;

	add(w, "four", "inet:127.0.0.1:1");
	add(w, "six", "inet:1@[::1]");
	add(w, "localhost", "inet:LOCALHOST:1");
	add(w, "only-six", "inet6:localhost:1");
	ask(w, "four", 0);
	assert_string_equal(w->where, "inet:127.0.0.1:1");
	assert_false(w->has_more);
	ask(w, "six", 0);
	assert_string_equal(w->where, "inet:[::1]:1");
	ask(w, "localhost", 0);
	assert_string_equal(w->where, "inet:127.0.0.1:1");
	assert_true(w->has_more);
	ask(w, "localhost", 1);
	assert_string_equal(w->where, "inet:[::1]:1");
	assert_false(w->has_more);
	ask(w, "localhost", 2);
	assert_int_equal(w->error, ENXIO);
	ask(w, "only-six", 0);
	assert_string_equal(w->where, "inet:[::1]:1");
	assert_false(w->has_more);
	assert_int_equal(w->started, 0);
}

static void test_names(void **state)
{
	struct world *w = *state;
	int status;

	add(w, "any", "inet:filter.example.com:1");
	add(w, "six", "inet6:filter.example.com:2");
	ask(w, "any", 0);
	assert_string_equal(w->where, "inet:127.0.0.1:1");
	assert_true(w->has_more);
	ask(w, "any", 1);
	assert_string_equal(w->where, "inet:[::1]:1");
	assert_false(w->has_more);
	ask(w, "six", 0);
	assert_string_equal(w->where, "inet:[::1]:2");
	assert_false(w->has_more);
	assert_int_equal(w->started, 1);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_true(hosts_reap(w->parent.hosts, w->pid));
}

static void test_unknown(void **state)
{
	struct world *w = *state;

	add(w, "a", "/a");
	ask(w, "b", 0);
	assert_int_equal(w->error, ENOENT);
	ask(w, "", 0);
	assert_int_equal(w->error, ENOENT);
	ask(w, "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd", 0);
	assert_int_equal(w->error, ENOENT);
}

/* Its successor has never asked. */
static void test_asker_gone(void **state)
{
	struct world *w = *state;
	const struct msg_socket_wanted m = { .id = 1,
					     .kind = SOCKET_MILTER,
					     .name = SLICE("any") };
	int status;

	add(w, "any", "inet:filter.example.com:1");
	connect_for(&w->child, &m);
	w->child.pid = 78;
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_true(hosts_reap(w->parent.hosts, w->pid));
	while (hosts_find(w->parent.hosts, "filter.example.com") == NULL)
		(void)event_base_loop(w->parent.base, EVLOOP_ONCE);
	(void)event_base_loop(w->parent.base, EVLOOP_NONBLOCK);
	assert_int_equal(w->answers, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unix),    TEST(test_addresses),  TEST(test_names),
		TEST(test_unknown), TEST(test_asker_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
