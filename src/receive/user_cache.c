#include "receive/user_cache.h"

#include "base/mem.h"
#include "receive/names.h"

#include <string.h>

struct entry {
	char *name; /* NULL: free */
	size_t octets;
	uint64_t until_ms;
	bool is_found;
};

/* One place for each hash: what collides is asked again, which costs a
 * look-up and no bookkeeping. */
struct user_cache {
	struct entry entries[USER_CACHE_NAMES];
};

struct user_cache *user_cache_new(void)
{
	return mem_new(sizeof(struct user_cache));
}

void user_cache_clear(struct user_cache *cache)
{
	for (size_t i = 0; i < USER_CACHE_NAMES; i++)
		mem_free(&cache->entries[i].name);
}

void user_cache_free(struct user_cache **cache)
{
	if (*cache == NULL)
		return;
	user_cache_clear(*cache);
	mem_free(cache);
}

void user_cache_put(struct user_cache *cache, struct slice name, bool is_found,
		    uint64_t now_ms)
{
	struct entry *e = &cache->entries[names_hash(name) % USER_CACHE_NAMES];

	e->name = mem_resize(e->name, name.n + 1, 1);
	if (name.n > 0)
		memcpy(e->name, name.p, name.n);
	e->octets = name.n;
	e->is_found = is_found;
	e->until_ms = now_ms + (is_found ? USER_CACHE_FOUND_MS
					 : USER_CACHE_NOT_FOUND_MS);
}

bool user_cache_get(const struct user_cache *cache, struct slice name,
		    uint64_t now_ms, bool *ret_is_found)
{
	const struct entry *e =
		&cache->entries[names_hash(name) % USER_CACHE_NAMES];

	if (e->name == NULL || now_ms >= e->until_ms ||
	    !slice_equal((struct slice){ e->name, e->octets }, name))
		return false;
	*ret_is_found = e->is_found;
	return true;
}
