#include "queue/keyring.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { DAY_S = 86400, ARENA_OCTETS = 64 << 10 };

static const struct slice srs = SLICE("srs");

static int add_key(struct store *store, int64_t now)
{
	char octets[SRS_KEY_OCTETS];
	int r;

	if (getrandom(octets, sizeof(octets), 0) != sizeof(octets))
		return -EIO;
	r = store_begin(store);
	if (r == 0)
		r = store_add_key(store, srs,
				  (struct slice){ octets, sizeof(octets) },
				  now);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	explicit_bzero(octets, sizeof(octets));
	return r;
}

static bool is_due(const struct store_key *newest, int64_t now)
{
	return now - newest->made > (int64_t)KEYRING_LIFE_DAYS * DAY_S;
}

static int load(struct store *store, int64_t now, struct arena *arena,
		struct store_keys *keys)
{
	int r = store_load_keys(store, srs, arena, keys);

	if (r < 0 || (keys->count > 0 && !is_due(&keys->items[0], now)))
		return r;
	r = add_key(store, now);
	if (r < 0 && keys->count == 0)
		return r;
	/* An old one is better than none, when the disk is full. */
	return store_load_keys(store, srs, arena, keys);
}

int keyring_look(struct keyring *k, struct store *store, int64_t now,
		 bool *ret_is_new)
{
	AUTO(arena_free) struct arena *arena = arena_new(ARENA_OCTETS);
	struct store_keys keys = { .count = 0 };
	int r;

	*ret_is_new = false;
	if (k->looked != 0 && now >= k->looked &&
	    now - k->looked < KEYRING_LOOK_S)
		return 0;
	r = load(store, now, arena, &keys);
	if (r < 0)
		return r;
	k->looked = now;
	*ret_is_new = srs_keyring_set(&k->srs, keys.items[0].octets,
				      keys.items[1].octets);
	return 0;
}
