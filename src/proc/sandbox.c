#include "proc/sandbox.h"

#include "conf/database.h"
#include "proc/sandbox_landlock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { VERIFY_OCTETS = 768 << 20 };

/* What the queue connects to. */
struct sandbox_database {
	bool is_used;
	bool is_unix;
	uint16_t port; /* of TCP */
};

/* --- seccomp ----------------------------------------------------------------- */

/* What every role needs: its loop, its links, its memory, its log. */
static const int common_calls[] = {
	/* descriptors it has */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(preadv2),
	SCMP_SYS(pwritev2),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(ftruncate),
	SCMP_SYS(sendfile),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(memfd_create),
	SCMP_SYS(ioctl),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	/* sockets it was handed */
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* waiting */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(restart_syscall),
	/* memory; mmap and mprotect have rules of their own */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	/* facts */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrusage),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	/* signals and the end */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* All that is left to who has the keys: its links, its memory, its log. */
static const int keyring_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(fcntl), /* a big message is a sealed memfd */
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(tgkill), /* abort() */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int accepting_calls[] = { SCMP_SYS(accept4), SCMP_SYS(accept) };

/* Files; Landlock says which. */
static const int file_calls[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),   SCMP_SYS(rename),     SCMP_SYS(renameat),
	SCMP_SYS(renameat2),  SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),
	SCMP_SYS(fsync),      SCMP_SYS(fdatasync),  SCMP_SYS(fallocate),
	SCMP_SYS(statfs),     SCMP_SYS(fstatfs),    SCMP_SYS(stat),
	SCMP_SYS(lstat),      SCMP_SYS(statx),      SCMP_SYS(access),
	SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getcwd),     SCMP_SYS(getdents64),
	SCMP_SYS(fchmod),     SCMP_SYS(fchown),     SCMP_SYS(flock),
	SCMP_SYS(utimensat),
};

/* Sockets of its own, to ask DNS, and libunbound's thread; socket and clone
 * have rules of their own. */
static const int dns_calls[] = {
	SCMP_SYS(bind),       SCMP_SYS(connect),
	SCMP_SYS(rseq),       SCMP_SYS(set_robust_list),
	SCMP_SYS(socketpair),
};

/* What no program that `hook` runs may do either. */
static const int denied_calls[] = {
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(move_pages),
	SCMP_SYS(migrate_pages),
	/* file systems and handles to what lies out of sight */
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(fanotify_init),
	/* namespaces; clone has a rule of its own */
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	/* large parts of the kernel that have been broken into */
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(lookup_dcookie),
	/* the machine */
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(syslog),
	SCMP_SYS(vhangup),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(personality),
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int allow(scmp_filter_ctx ctx, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Memory may be mapped and its protection changed, but never to run code. */
static int allow_memory(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp no_exec =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				 no_exec);

	if (r < 0)
		return r;
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				no_exec);
}

/* What clone3 is asked for cannot be seen: as on a kernel without it, callers
 * then fall back to clone. */
static int deny_clone3(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
				0);
}

/* Connections by these families. */
static int allow_streams(scmp_filter_ctx ctx, const int *families, size_t count)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct scmp_arg_cmp args[] = {
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM),
		};

		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
					   SCMP_SYS(socket), COUNT(args), args);
	}
	return r;
}

static const int internet[] = { AF_INET, AF_INET6 };

/* TCP to other servers, from an address of ours. */
static int allow_deliver(scmp_filter_ctx ctx)
{
	int r = allow_streams(ctx, internet, COUNT(internet));

	return r < 0 ? r
		     : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(bind), 0);
}

/* To the queue's database. */
static int allow_database(scmp_filter_ctx ctx, bool is_unix)
{
	static const int local[] = { AF_UNIX };

	return is_unix ? allow_streams(ctx, local, COUNT(local))
		       : allow_streams(ctx, internet, COUNT(internet));
}

static int allow_dns(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp is_ipv4 = SCMP_A0(SCMP_CMP_EQ, AF_INET);
	const struct scmp_arg_cmp is_ipv6 = SCMP_A0(SCMP_CMP_EQ, AF_INET6);
	const struct scmp_arg_cmp is_thread =
		SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	int r = allow(ctx, dns_calls, COUNT(dns_calls));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     is_ipv4);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     is_ipv6);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     is_thread);
	return r == 0 ? deny_clone3(ctx) : r;
}

static int filter_calls(scmp_filter_ctx ctx, enum role role,
			const struct sandbox_database *database)
{
	bool is_keyring = role == ROLE_KEYRING;
	int r = is_keyring ? allow(ctx, keyring_calls, COUNT(keyring_calls))
			   : allow(ctx, common_calls, COUNT(common_calls));

	if (r == 0)
		r = allow_memory(ctx);
	if (r == 0 && (role == ROLE_RECEIVE || role == ROLE_CONTROL))
		r = allow(ctx, accepting_calls, COUNT(accepting_calls));
	if (r == 0 && role == ROLE_QUEUE)
		r = allow(ctx, file_calls, COUNT(file_calls));
	if (r == 0 && role == ROLE_DELIVER)
		r = allow_deliver(ctx);
	if (r == 0 && database->is_used)
		r = allow_database(ctx, database->is_unix);
	if (r == 0 && (role == ROLE_LOOKUP || role == ROLE_VERIFY))
		r = allow_dns(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	return r;
}

/* New namespaces come by clone as well. */
static int deny_namespaces(scmp_filter_ctx ctx)
{
	static const uint64_t flags[] = { CLONE_NEWNS,   CLONE_NEWCGROUP,
					  CLONE_NEWUTS,  CLONE_NEWIPC,
					  CLONE_NEWUSER, CLONE_NEWPID,
					  CLONE_NEWNET };
	int r = deny_clone3(ctx);

	for (size_t i = 0; r == 0 && i < COUNT(flags); i++) {
		const struct scmp_arg_cmp has_flag =
			SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]);

		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				     SCMP_SYS(clone), 1, has_flag);
	}
	return r;
}

static int filter_programs(scmp_filter_ctx ctx)
{
	int r = deny_namespaces(ctx);

	for (size_t i = 0; r == 0 && i < COUNT(denied_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				     denied_calls[i], 0);
	if (r == 0)
		r = seccomp_load(ctx);
	return r;
}

static int enter_seccomp(enum role role,
			 const struct sandbox_database *database)
{
	bool is_hook = role == ROLE_HOOK;
	scmp_filter_ctx ctx =
		seccomp_init(is_hook ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	int r;

	if (ctx == NULL)
		return -ENOMEM;
	/* The kernel's log names what was refused, if it can. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = is_hook ? filter_programs(ctx) : filter_calls(ctx, role, database);
	seccomp_release(ctx);
	return r;
}

/* --- all of it ------------------------------------------------------------------ */

static void add_port(struct sandbox_ports *ports, uint64_t port)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->items[i] == port)
			return;
	assert(ports->count < SANDBOX_PORTS);
	ports->items[ports->count++] = (uint16_t)port;
}

static void find_outbound_ports(const struct conf *conf,
				struct sandbox_ports *ret_ports)
{
	add_port(ret_ports, conf->outbound_port);
	for (size_t i = 0; i < conf->smarthost_count; i++)
		if (!conf->smarthosts[i].direct)
			add_port(ret_ports, conf->smarthosts[i].port);
}

static void find_ports(enum role role, const struct conf *conf,
		       const struct sandbox_database *database,
		       struct sandbox_ports *ret_ports)
{
	ret_ports->count = 0;
	if (role == ROLE_DELIVER)
		find_outbound_ports(conf, ret_ports);
	if (database->is_used && !database->is_unix)
		add_port(ret_ports, database->port);
}

static void find_database(const struct conf *conf,
			  struct sandbox_database *ret_database)
{
	struct database d;

	if (database_parse(slice_of(conf->queue_database), &d) != NULL)
		return;
	ret_database->is_used = true;
	ret_database->is_unix = d.is_unix;
	ret_database->port = d.port;
}

/* Others decide how much it tries to allocate: RLIMIT_DATA counts what is
 * private and writable. */
static int limit_memory(enum role role)
{
	const struct rlimit most = { VERIFY_OCTETS, VERIFY_OCTETS };

#ifdef WITH_SANITIZER
	role = ROLE_COUNT; /* its own memory is beyond all limits */
#endif
	return role == ROLE_VERIFY ? setrlimit(RLIMIT_DATA, &most) : 0;
}

int sandbox_enter(enum role role, const struct conf *conf)
{
	const struct rlimit none = { 0, 0 };
	struct sandbox_database database = { .is_used = false };
	struct sandbox_ports ports;
	int r;

	if (role == ROLE_QUEUE)
		find_database(conf, &database);
	find_ports(role, conf, &database, &ports);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 || limit_memory(role) < 0)
		return -errno;
	r = role == ROLE_HOOK ? 0
			      : landlock_enter(role, conf->state_dir, &ports);
	return r < 0 ? r : enter_seccomp(role, &database);
}
