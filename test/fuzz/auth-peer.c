#include "auth-peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

void auth_peer_init(struct auth_peer *peer)
{
	(void)signal(SIGPIPE, SIG_IGN);
	memset(peer, 0, sizeof(*peer));
	peer->fd = -1;
	peer->base = event_base_new();
	if (peer->base == NULL)
		abort();
}

void auth_peer_done(struct auth_peer *peer)
{
	fd_close(&peer->fd);
	event_base_free(peer->base);
}

int auth_peer_connect(struct auth_peer *peer)
{
	int pair[2];

	fd_close(&peer->fd);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		abort();
	peer->fd = pair[1];
	return pair[0];
}

void auth_peer_settle(struct auth_peer *peer)
{
	for (int i = 0; i < 6; i++)
		(void)event_base_loop(peer->base, EVLOOP_NONBLOCK);
}

void auth_peer_send(struct auth_peer *peer, struct slice bytes, size_t piece)
{
	while (bytes.n > 0 && peer->fd >= 0) {
		struct slice head = slice_head(bytes, piece);

		if (write(peer->fd, head.p, head.n) != (ssize_t)head.n)
			break; /* the client has hung up */
		bytes = slice_tail(bytes, head.n);
		auth_peer_settle(peer);
	}
}

void auth_peer_told(struct auth_peer *peer, struct slice text)
{
	size_t n = slice_head(text, sizeof(peer->told) - peer->told_octets).n;

	if (n > 0)
		memcpy(peer->told + peer->told_octets, text.p, n);
	peer->told_octets += n;
}
