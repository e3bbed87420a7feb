/* Between the role and a program: everything of the role's stays behind. */
#include "base/mem.h"
#include "hook/program-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CPU_SHARE = 4, /* processor time as a multiple of the time limit */
	FILES_SOFT = 1024,
	FILES_HARD = 4096,
	FIRST_SAFE_FD = 10,
};
/* Reserved address space is cheap, and some runtimes reserve a lot. */
static const rlim_t space_octets = (rlim_t)16 << 30;
static const rlim_t file_octets = (rlim_t)4 << 30;

enum pipe { PIPE_IN, PIPE_OUT, PIPE_ERR, PIPE_FAILURE, PIPE_COUNT };

/* --- in the child: async-signal-safe calls only ------------------------------------ */

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return;
	l.rlim_max = hard < l.rlim_max ? hard : l.rlim_max;
	l.rlim_cur = soft < l.rlim_max ? soft : l.rlim_max;
	(void)setrlimit(resource, &l);
}

static void set_limits(const struct program *p)
{
	rlim_t seconds = (rlim_t)(p->timeout_ms / 1000 + 1) * CPU_SHARE;

	limit(RLIMIT_CPU, seconds, seconds + 1);
	limit(RLIMIT_FSIZE, file_octets, file_octets);
	limit(RLIMIT_AS, space_octets, space_octets);
	limit(RLIMIT_NOFILE, FILES_SOFT, FILES_HARD);
	limit(RLIMIT_CORE, 0, 0);
}

/* The C library does not let two of them go that it uses itself; whoever
 * started us may have ignored those too. A zeroed action is SIG_DFL. */
static void reset_signals(void)
{
	const unsigned long action[8] = { 0 };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)syscall(SYS_rt_sigaction, i, action, NULL,
			      (size_t)(NSIG - 1) / 8);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0, 1 and 2; everything else is shut by execve. Not 3: that is the link to
 * the parent, which has come through an execve itself. */
static bool take_pipes(int fds[PIPE_COUNT])
{
	for (int i = 0; i < PIPE_COUNT; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD, FIRST_SAFE_FD);
		if (fds[i] < 0)
			return false;
	}
	return dup2(fds[PIPE_IN], STDIN_FILENO) >= 0 &&
	       dup2(fds[PIPE_OUT], STDOUT_FILENO) >= 0 &&
	       dup2(fds[PIPE_ERR], STDERR_FILENO) >= 0 &&
	       close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static void become_program(const struct program *p, pid_t role,
			   int fds[PIPE_COUNT]) __attribute__((noreturn));
static void become_program(const struct program *p, pid_t role,
			   int fds[PIPE_COUNT])
{
	int error;

	/* It dies with the role: then nobody would end it. */
	if (setsid() >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 &&
	    getppid() == role && take_pipes(fds) && chdir(p->directory) == 0) {
		reset_signals();
		set_limits(p);
		(void)execve(p->path, p->argv, p->environment);
	}
	error = errno;
	(void)!write(fds[PIPE_FAILURE], &error, sizeof(error));
	_exit(127);
}

/* --- in the role ----------------------------------------------------------------------- */

static void shut(int ends[PIPE_COUNT])
{
	for (int i = 0; i < PIPE_COUNT; i++)
		fd_close(&ends[i]);
}

/* ours do not block; theirs do, as programs expect. */
static int make_pipes(int ours[PIPE_COUNT], int theirs[PIPE_COUNT])
{
	for (int i = 0; i < PIPE_COUNT; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		ours[i] = ends[i == PIPE_IN];
		theirs[i] = ends[i != PIPE_IN];
		if (fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

static int make_process(struct program *p, int theirs[PIPE_COUNT])
{
	pid_t role = getpid(), pid = fork();
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_program(p, role, theirs);
	p->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pid_fd < 0) {
		r = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	p->pid = pid;
	return 0;
}

int program_spawn(struct program *p)
{
	int ours[PIPE_COUNT] = { -1, -1, -1, -1 };
	int theirs[PIPE_COUNT] = { -1, -1, -1, -1 };
	int r = make_pipes(ours, theirs);

	if (r == 0)
		r = make_process(p, theirs);
	shut(theirs);
	if (r < 0) {
		shut(ours);
		return r;
	}
	p->in_fd = ours[PIPE_IN];
	p->out_fd = ours[PIPE_OUT];
	p->err_fd = ours[PIPE_ERR];
	p->failure_fd = ours[PIPE_FAILURE];
	return 0;
}
