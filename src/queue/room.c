#include "queue/room.h"

#include <sys/statvfs.h>

void room_init(struct room *r, int dir)
{
	*r = (struct room){ .dir = dir };
}

static uint64_t wanted(const struct room *r)
{
	/* Once full it takes a little more, so that it does not flutter. */
	uint64_t extra = r->has_room ? 0 : r->reserve_octets / 16;
	uint64_t octets = r->reserve_octets + extra;

	return octets > ROOM_LEAST_OCTETS ? octets : ROOM_LEAST_OCTETS;
}

static bool is_below_limit(const struct room *r)
{
	uint64_t less = r->has_room ? 0 : r->limit_octets / 16;

	return r->limit_octets == 0 || r->used_octets < r->limit_octets - less;
}

bool room_look(struct room *r, uint64_t used_octets)
{
	bool had_room = r->has_room;
	struct statvfs st;

	r->used_octets = used_octets;
	if (fstatvfs(r->dir, &st) < 0 || st.f_frsize == 0)
		return false; /* then the write will say it */
	r->available_octets = (uint64_t)st.f_bavail * st.f_frsize;
	r->has_room = r->available_octets >= wanted(r) && is_below_limit(r);
	return r->has_room != had_room;
}

bool room_is_full(struct room *r)
{
	bool had_room = r->has_room;

	r->has_room = false;
	return had_room;
}

/* In the log and in its place: the content is there twice for a moment. */
bool room_has(const struct room *r, uint64_t octets)
{
	if (r->limit_octets > 0 && (r->used_octets >= r->limit_octets ||
				    r->limit_octets - r->used_octets < octets))
		return false;
	return r->has_room && r->available_octets >= ROOM_LEAST_OCTETS &&
	       (r->available_octets - ROOM_LEAST_OCTETS) / 3 >= octets;
}

bool room_is_tight(const struct room *r)
{
	return r->available_octets < ROOM_TIGHT_OCTETS;
}
