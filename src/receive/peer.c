/* The addresses of a session's two ends. */
#include "receive/session-private.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

struct slice session_peer_text(const union session_peer *peer,
			       struct arena *arena)
{
	char *text = arena_alloc(arena, INET6_ADDRSTRLEN);
	const struct in6_addr *six = &peer->in6.sin6_addr;

	if (peer->any.sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &peer->in.sin_addr, text,
				INET6_ADDRSTRLEN);
	else if (peer->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		(void)inet_ntop(AF_INET, &six->s6_addr[12], text,
				INET6_ADDRSTRLEN);
	else if (peer->any.sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6, six, text, INET6_ADDRSTRLEN);
	else if (peer->any.sa_family == AF_UNIX)
		return S("127.0.0.1");
	return slice_of(text);
}

uint16_t session_peer_port(const union session_peer *peer)
{
	if (peer->any.sa_family == AF_INET6)
		return ntohs(peer->in6.sin6_port);
	return peer->any.sa_family == AF_INET ? ntohs(peer->in.sin_port) : 0;
}

struct slice session_local_address(const struct session *s, struct arena *arena,
				   uint16_t *ret_port)
{
	union session_peer local = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t size = sizeof(local);

	if (getsockname(s->fd, &local.any, &size) < 0 ||
	    local.any.sa_family == AF_UNIX)
		return (struct slice){ .n = 0 };
	*ret_port = session_peer_port(&local);
	return session_peer_text(&local, arena);
}
