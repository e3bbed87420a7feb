/* TCP connections to other servers. */
#ifndef DELIVER_REMOTE_DIAL_H
#define DELIVER_REMOTE_DIAL_H

#include <sys/socket.h>

/*
 * Begins to connect to an IPv4 or IPv6 address. from4, from6: our address to do
 * so from, as text; empty: the system's choice. Returns 0 with a non-blocking
 * socket, which may still be connecting, or a negative errno.
 */
int remote_dial(const struct sockaddr_storage *to, socklen_t to_octets,
		const char *from4, const char *from6, int *ret_fd);

/* Our address on a connection, as text; ret_text has INET6_ADDRSTRLEN octets
 * and stays empty where there is none. */
void remote_dial_own_address(int fd, char *ret_text);

#endif
