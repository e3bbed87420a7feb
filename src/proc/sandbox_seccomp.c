#include "proc/sandbox_seccomp.h"

#include "proc/sandbox_calls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int allow(scmp_filter_ctx ctx, const struct sandbox_calls *calls)
{
	for (size_t i = 0; i < calls->count; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls->items[i],
					 0);

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
	int r = allow(ctx, &sandbox_dns_calls);

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
	int r = is_keyring ? allow(ctx, &sandbox_keyring_calls)
			   : allow(ctx, &sandbox_common_calls);

	if (r == 0)
		r = allow_memory(ctx);
	if (r == 0 && (role == ROLE_RECEIVE || role == ROLE_CONTROL))
		r = allow(ctx, &sandbox_accepting_calls);
	if (r == 0 && role == ROLE_QUEUE)
		r = allow(ctx, &sandbox_file_calls);
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

	for (size_t i = 0; r == 0 && i < sandbox_denied_calls.count; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				     sandbox_denied_calls.items[i], 0);
	if (r == 0)
		r = seccomp_load(ctx);
	return r;
}

int seccomp_enter(enum role role, const struct sandbox_database *database)
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
