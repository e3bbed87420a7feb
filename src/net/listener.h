/*
 * Accepts connections from a listening socket, a few a turn, so that several
 * processes on one socket share the work. Out of descriptors, it gives up a
 * spare one to refuse the newcomer, and rests for a moment; it never exits.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <event2/event.h>
#include <sys/socket.h>

struct listener;

/* fd is the callee's: non-blocking, close-on-exec. An IPv4-mapped address has
 * been made IPv4. The listener is not to be freed from within. */
typedef void listener_on_accept(int fd, const struct sockaddr_storage *peer,
				void *arg);

/* Takes fd over, which already listens. */
struct listener *listener_new(struct event_base *base, int fd,
			      listener_on_accept *on_accept, void *arg);
void listener_free(struct listener **listener);

#endif
