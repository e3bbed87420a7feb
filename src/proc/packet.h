/* A packet of a link: octets and descriptors over a SOCK_SEQPACKET socket, and
 * memfds for what is too much for one. */
#ifndef PROC_PACKET_H
#define PROC_PACKET_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PACKET_OCTETS = 32 << 10, /* a bigger message becomes a memfd */
	FDS_A_PACKET = 2, /* the message's own, and a big message's memfd */
};

/* A packet is one octet of these flags, then the message, or, if PACKET_BIG,
 * nothing: then the first descriptor holds the message. */
enum { PACKET_FD = 1, PACKET_BIG = 2 };

struct received {
	char bytes[PACKET_OCTETS + 64];
	size_t n;
	int fds[FDS_A_PACKET];
	size_t fd_count;
	bool is_cut;       /* the peer sent more than a packet may have */
	bool has_lost_fds; /* descriptors came that we had no room for */
};

/* Returns 0, or a negative errno: -EAGAIN when the socket is full. */
int packet_send(int fd, struct slice bytes, const int *fds, size_t fd_count);
/* Returns 1 with a packet, 0 when there is none now, -EPIPE at the end. */
int packet_receive(int fd, struct received *in);

/* A sealed memfd with the octets; -1 when there can be none. */
int packet_make_memfd(struct slice octets);
/* The sealed content of a big message, to be unmapped; false if it is not what
 * it should be. */
bool packet_map_memfd(int fd, struct slice *ret_octets);

#endif
