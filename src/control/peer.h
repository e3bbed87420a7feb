/* Who may speak to control.sock. The mode of the socket's file is the first
 * gate (the kernel's); this is the second, for a mode that is too wide. */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* True for root, our own user, and members of our own group. *ret_uid is who
 * it is, whatever the answer. */
bool peer_is_allowed(int fd, uid_t *ret_uid);

#endif
