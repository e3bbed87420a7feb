#include "conf/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	const char *text;
	struct endpoint want;
} good[] = {
	{ "/run/a", { .kind = ENDPOINT_UNIX, .path = "/run/a" } },
	{ "unix:/run/a", { .kind = ENDPOINT_UNIX, .path = "/run/a" } },
	{ "local:/a:b@c", { .kind = ENDPOINT_UNIX, .path = "/a:b@c" } },
	{ "inet:127.0.0.1:1",
	  { .kind = ENDPOINT_INET, .host = "127.0.0.1", .port = 1 } },
	{ "inet:65535@127.0.0.1",
	  { .kind = ENDPOINT_INET, .host = "127.0.0.1", .port = 65535 } },
	{ "inet:[::1]:11332",
	  { .kind = ENDPOINT_INET, .host = "::1", .port = 11332 } },
	{ "inet:11332@[::1]",
	  { .kind = ENDPOINT_INET, .host = "::1", .port = 11332 } },
	{ "inet6:11332@::1",
	  { .kind = ENDPOINT_INET6, .host = "::1", .port = 11332 } },
	{ "inet6:[::1]:11332",
	  { .kind = ENDPOINT_INET6, .host = "::1", .port = 11332 } },
	{ "inet:localhost:8891",
	  { .kind = ENDPOINT_INET,
	    .host = "localhost",
	    .is_name = true,
	    .port = 8891 } },
	{ "inet6:8891@my_filter-1.example.com",
	  { .kind = ENDPOINT_INET6,
	    .host = "my_filter-1.example.com",
	    .is_name = true,
	    .port = 8891 } },
};

static void check_text(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct arena *a = arena_new(4096);
		struct endpoint e = { .port = 7 };

		print_message("%s\n", good[i].text);
		assert_null(endpoint_parse(slice_of(good[i].text), a, &e));
		assert_int_equal(e.kind, good[i].want.kind);
		assert_int_equal(e.port, good[i].want.port);
		assert_int_equal(e.is_name, good[i].want.is_name);
		check_text(e.path, good[i].want.path);
		check_text(e.host, good[i].want.host);
		arena_free(&a);
	}
}

#define NO_PORT   "has no port; 1 to 65535"
#define NO_KIND   "is neither a path from the root nor inet:HOST:PORT"
#define NO_HOST   "has no address and no host name"
#define LONG_PATH "/0123456789012345678901234567890123456789012345678901"

static const struct {
	const char *text;
	const char *problem;
} bad[] = {
	{ "", NO_KIND },
	{ "run/a", NO_KIND },
	{ "tcp:127.0.0.1:1", NO_KIND },
	{ "127.0.0.1:1", NO_KIND },
	{ "unix:run/a", "has no path from the root; it begins with a /" },
	{ "unix:", "has no path from the root; it begins with a /" },
	{ LONG_PATH LONG_PATH "01", "has too long a path; at most 107 octets" },
	{ "inet:", NO_PORT },
	{ "inet:localhost", NO_PORT },
	{ "inet:localhost:", NO_PORT },
	{ "inet:localhost:0", NO_PORT },
	{ "inet:localhost:65536", NO_PORT },
	{ "inet:localhost:smtp", NO_PORT },
	{ "inet:@localhost", NO_PORT },
	{ "inet::1", NO_HOST },
	{ "inet:1@", NO_HOST },
	{ "inet:1@a@b", NO_HOST },
	{ "inet:-a:1", NO_HOST },
	{ "inet:a..b:1", NO_HOST },
	{ "inet:a.:1", NO_HOST },
	{ "inet:a b:1", NO_HOST },
	{ "inet:127.0.0.300:1", NO_HOST },
	{ "inet:::1:1", "has an IPv6 address without brackets" },
	{ "inet:[localhost]:1", "has no IPv6 address in its brackets" },
	{ "inet:[127.0.0.1]:1", "has no IPv6 address in its brackets" },
	{ "inet6:127.0.0.1:1", "has an IPv4 address; write inet: before it" },
	{ "inet:b\303\274ro:1", "is not plain text" },
	{ "/run/\na", "is not plain text" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct arena *a = arena_new(4096);
		struct endpoint e = { .port = 7 };

		print_message("%s\n", bad[i].text);
		check_text(endpoint_parse(slice_of(bad[i].text), a, &e),
			   bad[i].problem);
		assert_int_equal(e.port, 7);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
