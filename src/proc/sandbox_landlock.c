#include "proc/sandbox_landlock.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h of 6.12; Debian 12's header ends at ABI 2. */
struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;             /* ABI 6 */
};

struct __attribute__((packed)) path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
};

struct net_port_attr {
	uint64_t allowed_access;
	uint64_t port;
};

enum {
	RULE_PATH_BENEATH = 1,
	RULE_NET_PORT = 2,
	CREATE_RULESET_VERSION = 1,
	BIND_TCP = 1,
	CONNECT_TCP = 2,
};

/* Accesses to files known at each ABI: execute (bit 0) to ioctl (bit 15). */
static uint64_t handled_files(long abi)
{
	if (abi >= 5)
		return 0xffff; /* ioctl_dev */
	if (abi >= 3)
		return 0x7fff; /* truncate */
	return abi == 2 ? 0x3fff /* refer */ : 0x1fff;
}

/* All but execute, and the making of devices, sockets, pipes and links. */
static uint64_t queue_files(long abi)
{
	const uint64_t no = 1u << 0 | 1u << 6 | 1u << 9 | 1u << 10 | 1u << 11 |
			    1u << 12 | 1u << 15;

	return handled_files(abi) & ~no;
}

/* DNS is asked by TCP, too, and its resolvers' ports change. */
static uint64_t handled_net(enum role role)
{
	return role == ROLE_LOOKUP || role == ROLE_VERIFY
		       ? BIND_TCP
		       : BIND_TCP | CONNECT_TCP;
}

static int allow_beneath(int ruleset, const char *dir, uint64_t access)
{
	AUTO(fd_close) int fd = open(dir, O_PATH | O_CLOEXEC | O_DIRECTORY);
	struct path_beneath_attr rule = { .allowed_access = access,
					  .parent_fd = fd };

	if (fd < 0 || syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH,
			      &rule, 0) < 0)
		return -errno;
	return 0;
}

static int allow_port(int ruleset, uint16_t port, uint64_t access)
{
	const struct net_port_attr rule = { .allowed_access = access,
					    .port = port };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule,
		       0) < 0
		       ? -errno
		       : 0;
}

/* Port 0 to bind to: from any, but from an address that is ours. */
static int allow_ports(int ruleset, enum role role,
		       const struct sandbox_ports *ports)
{
	int r = role == ROLE_DELIVER ? allow_port(ruleset, 0, BIND_TCP) : 0;

	for (size_t i = 0; r == 0 && i < ports->count; i++)
		r = allow_port(ruleset, ports->items[i], CONNECT_TCP);
	return r;
}

int landlock_enter(enum role role, const char *state_dir,
		   const struct sandbox_ports *ports)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   CREATE_RULESET_VERSION);
	struct ruleset_attr attr = { .handled_access_fs = handled_files(abi) };
	AUTO(fd_close) int ruleset = -1;
	size_t size = sizeof(attr.handled_access_fs);
	int r = 0;

	if (abi < 1)
		return 0; /* this kernel has none */
	if (abi >= 4) {
		attr.handled_access_net = handled_net(role);
		size = 2 * sizeof(uint64_t);
	}
	if (abi >= 6) {
		attr.scoped = 3; /* abstract sockets, signals */
		size = sizeof(attr);
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return -errno;
	if (role == ROLE_QUEUE)
		r = allow_beneath(ruleset, state_dir, queue_files(abi));
	if (r == 0 && abi >= 4)
		r = allow_ports(ruleset, role, ports);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
