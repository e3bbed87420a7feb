#include "parent/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char hook_user[] = "culverhook";

static const char *find(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL || pw->pw_uid == 0)
		return "the users culver, culverq and culverhook are missing: "
		       "create them with systemd-sysusers or useradd "
		       "--system, or start culverd as an ordinary user";
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return NULL;
}

const char *users_find(struct users *ret_users)
{
	struct users u = { .is_root = geteuid() == 0 };
	const char *problem = NULL;

	if (u.is_root)
		problem = find("culver", &u.street_uid, &u.street_gid);
	if (u.is_root && problem == NULL)
		problem = find("culverq", &u.vault_uid, &u.vault_gid);
	if (u.is_root && problem == NULL)
		problem = find(hook_user, &u.hook_uid, &u.hook_gid);
	if (problem == NULL)
		*ret_users = u;
	return problem;
}

static bool is_vault(enum role role)
{
	return role == ROLE_QUEUE || role == ROLE_KEYRING;
}

uid_t users_uid(const struct users *u, enum role role)
{
	if (!u->is_root)
		return geteuid();
	if (role == ROLE_HOOK)
		return u->hook_uid;
	return is_vault(role) ? u->vault_uid : u->street_uid;
}

gid_t users_gid(const struct users *u, enum role role)
{
	if (!u->is_root)
		return getegid();
	if (role == ROLE_HOOK)
		return u->hook_gid;
	return is_vault(role) ? u->vault_gid : u->street_gid;
}

/* The admin may have put the user of the programs into the groups of those
 * whom the programs ask: clamav, greylist. The others are in none. */
static int set_groups(enum role role, gid_t gid)
{
	return role == ROLE_HOOK ? initgroups(hook_user, gid)
				 : setgroups(0, NULL);
}

int privileges_drop(const struct users *u, enum role role)
{
	uid_t uid = users_uid(u, role);
	gid_t gid = users_gid(u, role);

	if (!u->is_root)
		return 0;
	/* Leaving uid 0 in all three ids clears every capability. */
	if (set_groups(role, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int privileges_limit(void)
{
	/* Become other users, end them, bind low ports; read keys and connect
	 * to sockets whose owner we are not; give directories away. */
	const uint32_t keep =
		1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_KILL |
		1u << CAP_NET_BIND_SERVICE | 1u << CAP_DAC_OVERRIDE |
		1u << CAP_DAC_READ_SEARCH | 1u << CAP_CHOWN | 1u << CAP_FOWNER;
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (geteuid() != 0)
		return 0;
	if (syscall(SYS_capget, &h, data) < 0)
		return -errno;
	data[0].effective &= keep;
	data[0].permitted &= keep;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof(data[1]));
	return syscall(SYS_capset, &h, data) < 0 ? -errno : 0;
}
