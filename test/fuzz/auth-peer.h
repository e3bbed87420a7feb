/* What both auth fuzzers need: an event loop, the other end of the client's
 * connection, and a transcript of what the client's callers were told. */
#ifndef TEST_FUZZ_AUTH_PEER_H
#define TEST_FUZZ_AUTH_PEER_H

#include <event2/event.h>

#include "base/slice.h"

enum { AUTH_PEER_INPUT_OCTETS = 32768, AUTH_PEER_TOLD_OCTETS = 65536 };

struct auth_peer {
	struct event_base *base;
	int fd;
	char told[AUTH_PEER_TOLD_OCTETS];
	size_t told_octets;
};

void auth_peer_init(struct auth_peer *peer);
void auth_peer_done(struct auth_peer *peer);
/* A new connection; the client's end. The other one is the peer's now. */
int auth_peer_connect(struct auth_peer *peer);
void auth_peer_settle(struct auth_peer *peer);
/* Sends the bytes, in pieces of at most piece octets. */
void auth_peer_send(struct auth_peer *peer, struct slice bytes, size_t piece);
void auth_peer_told(struct auth_peer *peer, struct slice text);

#endif
