#include "parent/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "base/mem.h"

static void set(const char *name, const char *value)
{
	if (value != NULL)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

static const struct {
	const char *name;
	const char *pid; /* "%d": ours */
	const char *fds, *names;
	size_t count;
	const char *want[3];
} handovers[] = {
	{ "nothing", NULL, NULL, NULL, 0, { 0 } },
	{ "two with names",
	  "%d",
	  "2",
	  "smtp:submission",
	  2,
	  { "smtp", "submission" } },
	{ "no names", "%d", "2", NULL, 2, { "", "" } },
	{ "too few names", "%d", "3", "smtp", 3, { "smtp", "", "" } },
	{ "too many names", "%d", "1", "smtp:submission", 1, { "smtp" } },
	{ "an empty name", "%d", "2", ":smtp", 2, { "", "smtp" } },
	{ "for another process", "1", "2", "smtp", 0, { 0 } },
	{ "no number", "%d", "two", "smtp", 0, { 0 } },
	{ "a negative number", "%d", "-1", "smtp", 0, { 0 } },
	{ "too many", "%d", "65", "smtp", 0, { 0 } },
	{ "no process", "", "1", "smtp", 0, { 0 } },
};

static void test_handovers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(handovers) / sizeof(handovers[0]); i++) {
		const char *names[NOTIFY_FDS_MAX];
		const char *pid = handovers[i].pid;
		char text[16];

		print_message("  %s\n", handovers[i].name);
		(void)snprintf(text, sizeof(text), "%d", (int)getpid());
		set("LISTEN_PID",
		    pid != NULL && strcmp(pid, "%d") == 0 ? text : pid);
		set("LISTEN_FDS", handovers[i].fds);
		set("LISTEN_FDNAMES", handovers[i].names);
		assert_int_equal(notify_listen_fds(names), handovers[i].count);
		for (size_t k = 0; k < handovers[i].count; k++)
			assert_string_equal(names[k], handovers[i].want[k]);
	}
}

static void expect(int fd, const char *want)
{
	char text[200] = "";

	(void)recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_memory_equal(text, want, strlen(want));
}

/* In an abstract socket, so that nothing is left behind. */
static void test_messages(void **state)
{
	struct event_base *base = event_base_new();
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[64];
	struct notify *n;

	(void)state;
	(void)snprintf(name, sizeof(name), "@culver-notify-%d", (int)getpid());
	(void)memcpy(a.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&a,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				 strlen(name))),
		0);
	set("NOTIFY_SOCKET", name);
	set("WATCHDOG_USEC", "2000");
	n = notify_new(base);
	notify_send(n, "READY=1");
	expect(fd, "READY=1");
	notify_reloading(n);
	expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
	(void)event_base_loop(base, EVLOOP_ONCE);
	expect(fd, "WATCHDOG=1");
	notify_free(&n);
	(void)close(fd);

	n = notify_new(base); /* nobody is there */
	notify_send(n, "READY=1");
	notify_free(&n);
	set("NOTIFY_SOCKET", NULL);
	n = notify_new(base);
	notify_send(n, "READY=1");
	notify_free(&n);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handovers),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
