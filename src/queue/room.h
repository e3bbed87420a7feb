/*
 * Whether there is room for mail on the disk of the queue: more than the
 * reserve, and always enough for the database to take note of what leaves; and
 * the queue itself is below its limit.
 */
#ifndef QUEUE_ROOM_H
#define QUEUE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ROOM_LEAST_OCTETS = 512 << 10, /* for the database's own work */
	ROOM_TIGHT_OCTETS = 32 << 20,  /* below it is worth to be careful */
};

struct room {
	int dir; /* any directory on that disk; the caller's */
	uint64_t reserve_octets;
	uint64_t limit_octets;     /* of the queue; 0: none */
	uint64_t available_octets; /* when last looked */
	uint64_t used_octets;      /* by the queue, then */
	bool has_room;
};

void room_init(struct room *r, int dir);
/* Looks at the disk; used_octets: of the queue. Returns true when has_room has
 * changed. */
bool room_look(struct room *r, uint64_t used_octets);
/* A write failed for lack of room: there is none until the next look. Returns
 * true when has_room has changed. */
bool room_is_full(struct room *r);
/* Whether content of that size can be taken, too. */
bool room_has(const struct room *r, uint64_t octets);
/* The disk is so full that the database should tidy up after each turn. */
bool room_is_tight(const struct room *r);

#endif
