/* What the service manager wants to know and gives: sd_notify(3) and
 * sd_listen_fds(3), without their library. */
#ifndef PARENT_NOTIFY_H
#define PARENT_NOTIFY_H

#include <event2/event.h>
#include <stddef.h>

struct notify;

/* From NOTIFY_SOCKET and WATCHDOG_USEC; works as nothing where they are not
 * set. */
struct notify *notify_new(struct event_base *base);
void notify_free(struct notify **notify);
/* "READY=1", "STOPPING=1", "STATUS=..." */
void notify_send(const struct notify *notify, const char *text);
void notify_reloading(const struct notify *notify);

enum { NOTIFY_FDS_START = 3, NOTIFY_FDS_MAX = 64 };

/* The number of listening sockets handed over, from descriptor 3 on; names[i]
 * is the name of each, in memory of the environment. */
size_t notify_listen_fds(const char *ret_names[NOTIFY_FDS_MAX]);

#endif
