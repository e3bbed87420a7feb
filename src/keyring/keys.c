#include "keyring/keys.h"

#include "base/list.h"
#include "base/mem.h"

enum {
	BUCKETS = 1024,
	KEYS_OCTETS = 64 << 20, /* a tripwire: of names */
};

struct entry {
	STAILQ_ENTRY(entry) next;
	struct owned_key owned;
	struct slice name;
};

STAILQ_HEAD(bucket, entry);

struct keys {
	struct arena *arena; /* names and entries */
	size_t count;
	struct bucket buckets[BUCKETS];
};

/* FNV-1a: the names are the admin's. */
static size_t bucket_of(struct slice name)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 0x100000001b3ULL;
	return (size_t)(h >> 32) % BUCKETS;
}

struct keys *keys_new(void)
{
	struct keys *keys = mem_new(sizeof(*keys));

	keys->arena = arena_new(KEYS_OCTETS);
	for (size_t i = 0; i < BUCKETS; i++)
		STAILQ_INIT(&keys->buckets[i]);
	return keys;
}

void keys_free(struct keys **keys)
{
	struct keys *k = *keys;
	struct entry *e;

	if (k == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		STAILQ_FOREACH(e, &k->buckets[i], next)
			key_free(&e->owned.key);
	arena_free(&k->arena);
	mem_free(keys);
}

/* A domain's or selector's octets are compared without case: they come in
 * lower case, from both sides. */
static struct slice name_of(struct arena *arena, const struct msg_conf_key *m,
			    const struct key *key)
{
	const struct slice parts[] = { m->selector, SLICE("._domainkey."),
				       m->domain };

	return m->signing == SIGN_HEADER ? arena_join(arena, parts, 3)
					 : arena_copy(arena, key_id(key));
}

bool keys_add(struct keys *keys, const struct msg_conf_key *m)
{
	struct key *key = key_new(m->pem);
	struct entry *e;

	if (key == NULL)
		return false;
	e = arena_alloc(keys->arena, sizeof(*e));
	e->name = name_of(keys->arena, m, key);
	e->owned = (struct owned_key){
		.key = key,
		.signing = m->signing == SIGN_HEADER ? SIGN_HEADER
						     : SIGN_HANDSHAKE,
		.domain = arena_string(keys->arena, m->domain),
		.selector = arena_string(keys->arena, m->selector),
	};
	STAILQ_INSERT_TAIL(&keys->buckets[bucket_of(e->name)], e, next);
	keys->count++;
	return true;
}

const struct owned_key *keys_find(const struct keys *keys, enum signing signing,
				  struct slice name)
{
	const struct entry *e;

	if (keys == NULL)
		return NULL;
	STAILQ_FOREACH(e, &keys->buckets[bucket_of(name)], next)
		if (e->owned.signing == signing && slice_equal(e->name, name))
			return &e->owned;
	return NULL;
}

size_t keys_count(const struct keys *keys)
{
	return keys != NULL ? keys->count : 0;
}
