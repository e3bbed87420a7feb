#include "proc/census.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"

enum { ROWS = 3, KEY = 12345 };

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };

	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) ==
	    1)
		return a;
	a.ss_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text,
				   &((struct sockaddr_in6 *)&a)->sin6_addr),
			 1);
	return a;
}

static void enter(struct census *c, const char *text)
{
	struct sockaddr_storage a = address(text);

	census_enter(c, (struct sockaddr *)&a);
}

static void leave(struct census *c, const char *text)
{
	struct sockaddr_storage a = address(text);

	census_leave(c, (struct sockaddr *)&a);
}

static unsigned from(const struct census *c, const char *text)
{
	struct sockaddr_storage a = address(text);

	return census_from(c, (struct sockaddr *)&a);
}

/* A user of this machine shares nothing with an address of the same octets. */
static void test_users(void **state)
{
	AUTO(fd_close) int fd = -1;
	AUTO(census_free) struct census *c = NULL;
	struct sockaddr_storage a = { 0 }, b = { 0 };
	const struct census_user root = { AF_UNIX, 0 };
	const struct census_user other = { AF_UNIX, 1000 };

	(void)state;
	memcpy(&a, &root, sizeof(root));
	memcpy(&b, &other, sizeof(other));
	assert_int_equal(census_create(ROWS, &fd), 0);
	assert_int_equal(census_open(fd, ROWS, 0, KEY, &c), 0);
	census_enter(c, (struct sockaddr *)&a);
	census_enter(c, (struct sockaddr *)&a);
	census_enter(c, (struct sockaddr *)&b);
	assert_int_equal(census_from(c, (struct sockaddr *)&a), 2);
	assert_int_equal(census_from(c, (struct sockaddr *)&b), 1);
	assert_int_equal(from(c, "0.0.0.0"), 0);
	census_leave(c, (struct sockaddr *)&a);
	assert_int_equal(census_from(c, (struct sockaddr *)&a), 1);
}

static void test_rows(void **state)
{
	AUTO(fd_close) int fd = -1;
	AUTO(census_free) struct census *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(census_create(ROWS, &fd), 0);
	assert_int_equal(census_open(fd, ROWS, 0, KEY, &a), 0);
	assert_int_equal(census_open(fd, ROWS, 2, KEY, &b), 0);
	enter(a, "192.0.2.1");
	enter(a, "192.0.2.1");
	enter(b, "192.0.2.1");
	enter(b, "192.0.2.2");
	assert_int_equal(from(a, "192.0.2.1"), 3);
	assert_int_equal(from(b, "192.0.2.2"), 1);
	assert_int_equal(from(b, "192.0.2.3"), 0);
	assert_int_equal(census_total(a), 4);
	leave(b, "192.0.2.1");
	assert_int_equal(from(a, "192.0.2.1"), 2);
	assert_int_equal(census_total(b), 3);

	census_clear_row(fd, ROWS, ROWS); /* there is none */
	assert_int_equal(census_total(b), 3);
	census_clear_row(fd, ROWS, 0); /* a's process died */
	assert_int_equal(from(b, "192.0.2.1"), 0);
	assert_int_equal(from(b, "192.0.2.2"), 1);
	assert_int_equal(census_total(b), 1);
	leave(b, "192.0.2.2");
	assert_int_equal(census_total(b), 0);
}

/* IPv6 counts by /64. */
static void test_prefix(void **state)
{
	AUTO(fd_close) int fd = -1;
	AUTO(census_free) struct census *c = NULL;

	(void)state;
	assert_int_equal(census_create(1, &fd), 0);
	assert_int_equal(census_open(fd, 1, 0, KEY, &c), 0);
	enter(c, "2001:db8:0:1::1");
	enter(c, "2001:db8:0:1:ffff:ffff:ffff:ffff");
	enter(c, "2001:db8:0:2::1");
	assert_int_equal(from(c, "2001:db8:0:1::2"), 2);
	assert_int_equal(from(c, "2001:db8:0:2::2"), 1);
	assert_int_equal(from(c, "2001:db8:0:3::1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
