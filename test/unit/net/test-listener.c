#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

enum { CLIENTS = 10 };

struct world {
	struct event_base *base;
	struct listener *listener;
	struct sockaddr_in6 address; /* ::ffff:127.0.0.1 */
	int clients[CLIENTS], accepted[CLIENTS];
	size_t client_count, count;
	struct sockaddr_storage peer; /* the last */
};

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
	struct world *w = arg;

	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	w->accepted[w->count++] = fd;
	w->peer = *peer;
}

static void open_world(struct world *w)
{
	const int no = 0;
	socklen_t size = sizeof(w->address);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*w = (struct world){ .base = event_base_new(),
			     .address = { .sin6_family = AF_INET6 } };
	assert_true(fd >= 0);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	assert_int_equal(
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &w->address.sin6_addr),
		1);
	assert_int_equal(bind(fd, (struct sockaddr *)&w->address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&w->address, &size),
			 0);
	assert_int_equal(listen(fd, CLIENTS), 0);
	w->listener = listener_new(w->base, fd, on_accept, w);
}

static int add_client(struct world *w)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		connect(fd, (struct sockaddr *)&w->address, sizeof(w->address)),
		0);
	w->clients[w->client_count++] = fd;
	return fd;
}

static void close_world(struct world *w)
{
	listener_free(&w->listener);
	for (size_t i = 0; i < w->client_count; i++)
		fd_close(&w->clients[i]);
	for (size_t i = 0; i < w->count; i++)
		fd_close(&w->accepted[i]);
	event_base_free(w->base);
}

/* A few a turn, all in the end, with the IPv4 address they have. */
static void test_accepts(void **state)
{
	struct sockaddr_in in;
	struct world w;

	(void)state;
	open_world(&w);
	for (int i = 0; i < CLIENTS; i++)
		(void)add_client(&w);
	(void)event_base_loop(w.base, EVLOOP_ONCE);
	assert_true(w.count > 0 && w.count < CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.count, CLIENTS);
	memcpy(&in, &w.peer, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_true(in.sin_port != 0);
	close_world(&w);
}

/* Out of descriptors one client is told, and it goes on when there are some. */
static void test_out_of_descriptors(void **state)
{
	uint64_t until = clock_monotonic_ms() + 5000;
	struct rlimit old, low;
	char text[100] = "";
	struct world w;
	int spare, refused;

	(void)state;
	open_world(&w);
	refused = add_client(&w);
	(void)add_client(&w);
	spare = dup(refused); /* the lowest that is free, after closing it */
	(void)close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)spare;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
	assert_int_equal(w.count, 0);
	assert_true(recv(refused, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	assert_memory_equal(text, "421 ", 4);
	assert_int_equal(recv(refused, text, sizeof(text), MSG_DONTWAIT), 0);
	(void)event_base_loop(w.base, EVLOOP_NONBLOCK); /* it rests */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	while (w.count == 0 && clock_monotonic_ms() < until)
		(void)event_base_loop(w.base, EVLOOP_ONCE);
	assert_int_equal(w.count, 1);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_out_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
