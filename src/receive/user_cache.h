/*
 * What Dovecot said a moment ago of who exists: found is believed for 30
 * seconds, not found for 5, a failure never. At most 4,096 names are
 * remembered; a new one takes the place of an old one.
 */
#ifndef RECEIVE_USER_CACHE_H
#define RECEIVE_USER_CACHE_H

#include "base/slice.h"

enum {
	USER_CACHE_NAMES = 4096,
	USER_CACHE_FOUND_MS = 30000,
	USER_CACHE_NOT_FOUND_MS = 5000,
};

struct user_cache;

struct user_cache *user_cache_new(void);
void user_cache_free(struct user_cache **cache);
void user_cache_clear(struct user_cache *cache);

void user_cache_put(struct user_cache *cache, struct slice name, bool is_found,
		    uint64_t now_ms);
/* Returns false when nothing is known; *ret_is_found is then untouched. */
bool user_cache_get(const struct user_cache *cache, struct slice name,
		    uint64_t now_ms, bool *ret_is_found);

#endif
