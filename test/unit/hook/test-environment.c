#include "hook/environment.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void assert_entries(const char **entries, const char *const *want,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i] == NULL || strcmp(entries[i], want[i]) != 0)
			fail_msg("%s, wanted %s",
				 entries[i] != NULL ? entries[i] : "none",
				 want[i]);
	assert_null(entries[count]);
}

static const char *user(char *text, size_t room)
{
	const struct passwd *pw = getpwuid(geteuid());

	(void)snprintf(text, room, "USER=%s", pw != NULL ? pw->pw_name : "?");
	return text;
}

/* Every name of chasquid's, and no other. */
static void test_post_data(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	const struct slice rcpt[] = { SLICE("a@example.com"),
				      SLICE("b@example.com") };
	const struct msg_post_data m = {
		.remote_addr = S("192.0.2.1:2525"),
		.ehlo_domain = S("[IPv6:::1] mx_1.$(id)"),
		.mail_from = S("me@example.net"),
		.rcpt_to = { rcpt, 2 },
		.auth_as = S("me@example.net"),
		.on_tls = true,
		.is_from_local_domain = false,
		.is_spf_pass = true,
	};
	char name[128];
	const char *want[] = {
		user(name, sizeof(name)),
		"SHELL=/bin/sh",
		"PATH=/usr/local/sbin:/usr/local/bin:"
		"/usr/sbin:/usr/bin:/sbin:/bin",
		"PWD=/etc/culver",
		"REMOTE_ADDR=192.0.2.1:2525",
		"EHLO_DOMAIN=[IPv6:::1]mx1.id",
		"EHLO_DOMAIN_RAW=[IPv6:::1] mx_1.$(id)",
		"MAIL_FROM=me@example.net",
		"RCPT_TO=a@example.com b@example.com",
		"AUTH_AS=me@example.net",
		"ON_TLS=1",
		"FROM_LOCAL_DOMAIN=0",
		"SPF_PASS=1",
	};

	(void)state;
	assert_int_equal(unsetenv("PATH"), 0);
	assert_entries(environment_post_data(S("/etc/culver"), &m, a), want,
		       sizeof(want) / sizeof(want[0]));
}

static const char *find(const char **entries, const char *name)
{
	size_t n = strlen(name);

	for (; *entries != NULL; entries++)
		if (strncmp(*entries, name, n) == 0 && (*entries)[n] == '=')
			return *entries + n + 1;
	return NULL;
}

static void test_hostile_values(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	char hello[5000];
	const struct msg_post_data m = { .ehlo_domain = { hello,
							  sizeof(hello) },
					 .auth_as = S("a\nPATH=/tmp\0b\x7f") };
	const char **entries;

	(void)state;
	memset(hello, '\r', sizeof(hello));
	entries = environment_post_data(S("/"), &m, a);
	assert_string_equal(find(entries, "AUTH_AS"), "a?PATH=/tmp?b?");
	assert_string_equal(find(entries, "EHLO_DOMAIN"), "");
	assert_int_equal(strlen(find(entries, "EHLO_DOMAIN_RAW")), 4096);
	assert_int_equal(find(entries, "EHLO_DOMAIN_RAW")[0], '?');
	assert_string_equal(find(entries, "MAIL_FROM"), "<>");
	assert_string_equal(find(entries, "RCPT_TO"), "");
	assert_null(find(entries, "HOME"));
}

/* The kernel takes 128 KiB in one entry: E2BIG would be no message at all. */
static void test_many_recipients(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(8 << 20);
	static struct slice rcpt[WIRE_LIST];
	struct msg_post_data m = { .rcpt_to = { rcpt, WIRE_LIST } };
	const char *value;

	(void)state;
	for (size_t i = 0; i < WIRE_LIST; i++)
		rcpt[i] = arena_format(a, "a-rather-long-name-%zu@example.com",
				       i);
	value = find(environment_post_data(S("/"), &m, a), "RCPT_TO");
	assert_in_range(strlen(value), 90000, 98304);
	assert_string_equal(value + strlen(value) - 12, "@example.com");
}

static void test_command(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 20);
	const struct msg_command m = { .alias = S("list@example.com") };
	const char **entries = environment_command(S("/etc"), &m, a);

	(void)state;
	assert_string_equal(find(entries, "MAIL_FROM"), "<>");
	assert_string_equal(find(entries, "RCPT_TO"), "list@example.com");
	assert_string_equal(find(entries, "PWD"), "/etc");
	assert_null(find(entries, "REMOTE_ADDR"));
	assert_int_equal(setenv("PATH", "/opt/bin:/bin", 1), 0);
	assert_string_equal(find(environment_command(S("/etc"), &m, a), "PATH"),
			    "/opt/bin:/bin");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post_data),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
