#include "proc/dkim_signer_keys.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_OCTETS = 64 << 20 }; /* a tripwire: the parent bounds them */

struct dkim_signer_keys {
	struct arena *arena;
	struct dkim_signer_key *items;
	size_t count, room;
};

struct dkim_signer_keys *dkim_signer_keys_new(void)
{
	struct dkim_signer_keys *keys = mem_new(sizeof(*keys));

	keys->arena = arena_new(KEYS_OCTETS);
	return keys;
}

void dkim_signer_keys_free(struct dkim_signer_keys **keys)
{
	if (*keys == NULL)
		return;
	arena_free(&(*keys)->arena);
	mem_free(&(*keys)->items);
	mem_free(keys);
}

struct dkim_signer_key *dkim_signer_key_copy(const struct dkim_signer_key *key,
					     struct arena *arena)
{
	struct dkim_signer_key *copy = arena_alloc(arena, sizeof(*copy));

	copy->domain = arena_copy(arena, key->domain);
	copy->selector = arena_copy(arena, key->selector);
	copy->scheme = key->scheme;
	return copy;
}

void dkim_signer_keys_add(struct dkim_signer_keys *keys,
			  const struct msg_conf_dkim_key *m)
{
	struct dkim_signer_key *key;

	if (m->scheme != TLS_RSA_PKCS1_SHA256 && m->scheme != TLS_ED25519)
		return;
	if (keys->count == keys->room) {
		keys->room = keys->room * 2 + 16;
		keys->items = mem_resize(keys->items, keys->room,
					 sizeof(*keys->items));
	}
	key = &keys->items[keys->count++];
	key->domain = arena_copy(keys->arena, m->domain);
	key->selector = arena_copy(keys->arena, m->selector);
	key->scheme = (enum tls_scheme)m->scheme;
}

static int compare_slices(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (r != 0 || a.n == b.n)
		return r;
	return a.n < b.n ? -1 : 1;
}

static int compare(const void *x, const void *y)
{
	const struct dkim_signer_key *a = x, *b = y;
	int r = compare_slices(a->domain, b->domain);

	return r != 0 ? r : compare_slices(a->selector, b->selector);
}

void dkim_signer_keys_sort(struct dkim_signer_keys *keys)
{
	if (keys->count > 1)
		qsort(keys->items, keys->count, sizeof(*keys->items), compare);
}

size_t dkim_signer_keys_count(const struct dkim_signer_keys *keys)
{
	return keys->count;
}

const struct dkim_signer_key *dkim_signer_keys_of(
	const struct dkim_signer_keys *keys, struct slice domain,
	size_t *ret_count)
{
	size_t low = 0, high = keys->count, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_slices(keys->items[middle].domain, domain) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < keys->count &&
	       slice_equal(keys->items[low + n].domain, domain))
		n++;
	*ret_count = n;
	return n > 0 ? &keys->items[low] : NULL;
}
