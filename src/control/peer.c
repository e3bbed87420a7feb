#include "control/peer.h"

#include <sys/socket.h>
#include <unistd.h>

enum { GROUPS_MAX = 256 };

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool is_in_group(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t n = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) != 0)
		return false;
	for (size_t i = 0; i < n / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool peer_is_allowed(int fd, uid_t *ret_uid)
{
	struct ucred peer = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t n = sizeof(peer);

	*ret_uid = peer.uid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	*ret_uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid() ||
	       peer.gid == getegid() || is_in_group(fd, getegid());
}
