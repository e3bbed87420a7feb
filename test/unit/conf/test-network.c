#include "conf/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *network;
	const char *address;
	bool has;
} cases[] = {
	{ "127.0.0.0/8", "127.255.0.1", true },
	{ "127.0.0.0/8", "128.0.0.1", false },
	{ "127.0.0.0/8", "::ffff:127.0.0.1", true },
	{ "127.0.0.0/8", "::1", false },
	{ "::1", "::1", true },
	{ "::1", "::2", false },
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.77/25", "192.0.2.1", true },
	{ "192.0.2.77/25", "192.0.2.128", false },
	{ "192.0.2.0/31", "192.0.2.1", true },
	{ "192.0.2.0/31", "192.0.2.2", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "203.0.113.9", true },
	{ "::/0", "2001:db8::1", true },
	{ "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "::ffff:192.0.2.0/120", "192.0.2.9", true },
};

static void check(const char *text, const char *address, bool has)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct network network;

	assert_true(network_parse(slice_of(text), &network));
	if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
		assert_int_equal(network_has(&network, (void *)&four), has);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr),
				 1);
		assert_int_equal(network_has(&network, (void *)&six), has);
	}
}

static void test_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s in %s\n", cases[i].address, cases[i].network);
		check(cases[i].network, cases[i].address, cases[i].has);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"/8",
		"127.0.0.1/33",
		"::1/129",
		"127.0.0.1/",
		"127.0.0.1/x",
		"127.0.0.1/+8",
		"localhost",
		"127.1/8",
		"[::1]",
		"127.0.0.1 ",
		"::1/64/64",
		"127.0.0.1/-1",
	};
	struct network network;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(network_parse(slice_of(bad[i]), &network));
}

/* A user of this machine is in no network. */
static void test_unix(void **state)
{
	const struct sockaddr address = { .sa_family = AF_UNIX };
	struct network network;

	(void)state;
	assert_true(network_parse(S("::/0"), &network));
	assert_false(network_has(&network, &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
