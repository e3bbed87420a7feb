/* From a fork of the parent to a role: nothing of the parent's stays. */
#include "conf/endpoint.h"
#include "parent/parent-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t keep_variable(const char *name, char **ret_entry)
{
	const char *value = getenv(name);

	return value != NULL && asprintf(ret_entry, "%s=%s", name, value) > 0;
}

/* The few variables a role may see. */
static char **clean_environment(enum role role)
{
	static const char *const kept[] = { "TZ", "ASAN_OPTIONS",
					    "UBSAN_OPTIONS", "OPENSSL_CONF" };
	static char *environment[sizeof(kept) / sizeof(kept[0]) + 2];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		n += keep_variable(kept[i], &environment[n]);
	if (role == ROLE_HOOK) /* for its programs */
		n += keep_variable("PATH", &environment[n]);
	environment[n] = NULL;
	return environment;
}

/* With descriptors from ROLE_PARENT_FD + 1 on: the program. */
static void become(const struct parent *p, enum role role, char **argv)
	__attribute__((noreturn));
static void become(const struct parent *p, enum role role, char **argv)
{
	sigset_t none;

	(void)fcntl(ROLE_PARENT_FD + 1, F_SETFD, FD_CLOEXEC);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (privileges_drop(&p->users, role) < 0)
		_exit(77);
	(void)fexecve(ROLE_PARENT_FD + 1, argv, clean_environment(role));
	_exit(72);
}

void exec_role(const struct child *c, int link_fd)
{
	const struct parent *p = c->parent;
	char name[] = "culverd", role[32], index[32];
	char *argv[] = { name, role, index, NULL };
	int exe, lock;

	(void)snprintf(role, sizeof(role), "--role=%s", role_name(c->role));
	(void)snprintf(index, sizeof(index), "--index=%u", c->index);
	/* All out of the way of descriptor 3, then all else shut. */
	link_fd = fcntl(link_fd, F_DUPFD, 10);
	exe = fcntl(p->self_exe, F_DUPFD, 10);
	lock = fcntl(p->lock_fd, F_DUPFD, 10);
	if (link_fd < 0 || exe < 0 || dup2(link_fd, ROLE_PARENT_FD) < 0 ||
	    dup2(exe, ROLE_PARENT_FD + 1) < 0 ||
	    dup2(lock, ROLE_PARENT_FD + 2) < 0)
		_exit(71);
	/* The queue holds the lock of state_dir, too: when the parent is
	 * killed, the next server waits until this one's queue has ended. */
	if (c->role != ROLE_QUEUE)
		(void)close(ROLE_PARENT_FD + 2);
	(void)close_range(ROLE_PARENT_FD + 3, ~0U, 0);
	become(p, c->role, argv);
}

/* Executed anew, not only forked: the parent's memory has private keys, and
 * what answers is in the network. */
static void exec_child(const struct parent *p, const char *name, int pipe_fd)
	__attribute__((noreturn));
static void exec_child(const struct parent *p, const char *name, int pipe_fd)
{
	char program[] = "culverd", option[ENDPOINT_HOST_OCTETS + 16];
	char *argv[] = { program, option, NULL };
	int null, exe;

	(void)snprintf(option, sizeof(option), "--look-up=%s", name);
	pipe_fd = fcntl(pipe_fd, F_DUPFD, 10);
	exe = fcntl(p->self_exe, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (pipe_fd < 0 || exe < 0 || null < 0 || dup2(null, 0) < 0 ||
	    dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup2(pipe_fd, ROLE_PARENT_FD) < 0 ||
	    dup2(exe, ROLE_PARENT_FD + 1) < 0)
		_exit(71);
	(void)close_range(ROLE_PARENT_FD + 2, ~0U, 0);
	become(p, ROLE_RECEIVE, argv);
}

pid_t exec_look_up(const char *name, int pipe_fd, void *arg)
{
	pid_t pid = fork();

	if (pid == 0)
		exec_child(arg, name, pipe_fd);
	return pid < 0 ? -errno : pid;
}
