/*
 * The cage of a role: no_new_privs, not dumpable, no core files, no new files
 * and no exec (seccomp allow list), no file system (Landlock, where the kernel
 * has it). What is not allowed fails with EPERM and is logged by the kernel.
 *
 * ROLE_HOOK executes programs of the admin's, and they inherit its cage: for
 * them it is a list of calls that no such program needs (other processes'
 * memory, mounts, namespaces, the kernel itself), and no Landlock.
 *
 * ROLE_DELIVER may connect to other servers by TCP, ROLE_QUEUE to its database
 * where that is elsewhere. ROLE_LOOKUP and ROLE_VERIFY may make sockets of the
 * Internet and threads: that is how DNS is asked. What ROLE_VERIFY may allocate
 * is limited, since others decide how much it tries to.
 */
#ifndef PROC_SANDBOX_H
#define PROC_SANDBOX_H

#include "conf/conf.h"
#include "proc/message.h"

/*
 * Shuts the cage of the calling process. Of conf counts state_dir, the one
 * directory that ROLE_QUEUE may still use, queue_database, to which it may
 * connect, and outbound_port and the ports of smarthosts, to which ROLE_DELIVER
 * may. Returns 0 or -errno; a kernel without Landlock is no error.
 */
int sandbox_enter(enum role role, const struct conf *conf);

#endif
