/* A filter for fuzz-milter-chain: says what it is told to, and checks what it
 * hears against what a libmilter answers to. */
#ifndef FUZZ_MILTER_PEER_H
#define FUZZ_MILTER_PEER_H

#include "milter/wire.h"

enum peer_state {
	PEER_NEW,        /* nothing but OPTNEG may come */
	PEER_NEGOTIATED, /* CONNECT */
	PEER_CONNECTED,  /* HELO, MAIL, UNKNOWN */
	PEER_IN_MESSAGE, /* the envelope */
	PEER_IN_HEADER,
	PEER_IN_BODY,
	PEER_QUIT,
};

enum { PEER_IN = 1 << 18, PEER_SAID = 256, PEER_NO_ACTIONS = 1 << 23 };

struct peer {
	void *token; /* of a connection that is wanted */
	int fd;
	enum peer_state state;
	struct milter_options offer, options;
	struct milter_reader *reader; /* of what it says itself */
	bool is_said_broken;
	char said[PEER_SAID]; /* verdicts that answer nothing yet */
	size_t said_n;
	bool has_recipient;
	char unanswered; /* command, or 0 */
	char in[PEER_IN];
	size_t in_n;
};

void peer_init(struct peer *p);
/* Of what version the filter is asked to be. */
void peer_connect(struct peer *p, uint32_t version);
void peer_close(struct peer *p);
void peer_say(struct peer *p, struct slice octets);
/* One of some packets that make sense somewhere. */
void peer_say_packet(struct peer *p, unsigned which);
void peer_negotiate(struct peer *p, uint32_t steps);
void peer_hear(struct peer *p);

#endif
