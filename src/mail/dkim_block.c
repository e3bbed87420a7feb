#include "mail/dkim_block.h"

struct pool {
	const struct fields *fields;
	uint32_t
		*hashes; /* of the fields' names: many names meet many fields */
	bool *is_taken;
};

/* FNV-1a, of the name in lower case. */
static uint32_t hash_of(struct slice name)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		hash = (hash ^ c) * 16777619U;
	}
	return hash;
}

static struct pool pool_of(const struct dkim_block_request *request,
			   struct arena *arena)
{
	const struct fields *fields = request->fields;
	struct pool pool = {
		.fields = fields,
		.hashes = arena_array(arena, fields->count + 1,
				      sizeof(*pool.hashes)),
		.is_taken = arena_array(arena, fields->count + 1,
					sizeof(*pool.is_taken)),
	};

	for (size_t i = 0; i < fields->count; i++) {
		pool.hashes[i] = hash_of(fields->items[i].name);
		pool.is_taken[i] = &fields->items[i] == request->left_out;
	}
	return pool;
}

static const struct field *take(struct pool *pool, struct slice name)
{
	uint32_t hash = hash_of(name);

	for (size_t i = pool->fields->count; i > 0; i--) {
		const struct field *f = &pool->fields->items[i - 1];

		if (pool->hashes[i - 1] == hash && !pool->is_taken[i - 1] &&
		    field_is(f, name)) {
			pool->is_taken[i - 1] = true;
			return f;
		}
	}
	return NULL;
}

/* The last line of all has no end. */
static void put_signature(const struct dkim_block_request *request,
			  struct writer *out)
{
	struct slice text;

	dkim_canon_field(request->canon, &request->signature, out);
	text = writer_text(out);
	if (slice_ends_nocase(text, S("\r\n")))
		out->n -= 2;
}

size_t dkim_block_write(const struct dkim_block_request *request,
			struct arena *arena, struct writer *out)
{
	struct pool pool = pool_of(request, arena);
	size_t left = 0;

	for (size_t i = 0; i < request->name_count; i++) {
		const struct field *f = take(&pool, request->names[i]);

		if (f != NULL)
			dkim_canon_field(request->canon, f, out);
	}
	put_signature(request, out);
	while (take(&pool, S("from")) != NULL)
		left++;
	return left;
}
