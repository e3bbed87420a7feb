/*
 * A link joins two roles: a SOCK_SEQPACKET socket that carries messages and
 * descriptors. Sending never blocks; what the socket does not take waits in
 * order. A message over 32 KiB travels as a sealed memfd.
 *
 * A peer that sends what messages.def does not allow it, or what does not
 * decode, is hung up on: on_closed says so, and the owner tells the parent.
 */
#ifndef PROC_LINK_H
#define PROC_LINK_H

#include "proc/message.h"

#include <event2/event.h>

struct link;

enum link_end {
	LINK_GONE,       /* the other side closed or died */
	LINK_MISBEHAVED, /* it broke the rules */
};

/* m, its slices and lists are valid during the call only; a descriptor that is
 * not taken is closed after it. None comes when this process may open no more:
 * callees expect that. The callee may free the link. */
typedef void link_on_message(struct link *link, struct message *m, void *arg);
/* Called once, never from within link_send(). The callee frees the link. */
typedef void link_on_closed(struct link *link, enum link_end end, void *arg);

/* Takes fd over. self: who we are; peer and index: who is at the other end. */
struct link *link_new(struct event_base *base, int fd, enum role self,
		      enum role peer, unsigned index,
		      link_on_message *on_message, link_on_closed *on_closed,
		      void *arg);
void link_free(struct link **link);

/*
 * Sends m; fd is a descriptor to go along (a copy is sent, the caller keeps
 * its own) or -1. A message that does not fit the wire is a bug of ours.
 * After the peer has gone it does nothing: on_closed follows.
 */
void link_send(struct link *link, const struct message *m, int fd);

/* Hands on all that a peer said before it ended. The owner may free the link
 * meanwhile; on_closed is called if its end was not known yet. */
void link_drain(struct link *link);

/* Octets that wait for the peer to read, beyond what its socket holds; a
 * descriptor counts for little. */
size_t link_backlog(const struct link *link);
enum role link_peer(const struct link *link);
unsigned link_peer_index(const struct link *link);

/* Blocks until all that waits is sent, the peer is gone, or it read nothing for
 * a second; for start-up and exit, and for who serves nobody meanwhile. */
void link_flush(struct link *link);

#endif
