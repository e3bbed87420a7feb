#include "base/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_OCTETS = 1024 - 32 };

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *blocks; /* newest first */
	size_t used;
	size_t limit;
};

struct arena *arena_new(size_t limit_octets)
{
	struct arena *a = mem_new(sizeof(*a));

	a->limit = limit_octets;
	return a;
}

void arena_clear(struct arena *arena)
{
	while (arena->blocks != NULL) {
		struct block *next = arena->blocks->next;

		mem_free(&arena->blocks);
		arena->blocks = next;
	}
	arena->used = 0;
}

void arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	arena_clear(*arena);
	mem_free(arena);
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}

static size_t round_up(size_t size)
{
	const size_t align = alignof(max_align_t);

	return (size + align - 1) / align * align;
}

static void add_block(struct arena *arena, size_t size)
{
	size_t room = size > BLOCK_OCTETS ? size : BLOCK_OCTETS;
	struct block *b = mem_new(sizeof(*b) + room);

	b->size = room;
	b->next = arena->blocks;
	arena->blocks = b;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *b;
	void *p;

	assert(size <= arena->limit && arena->used <= arena->limit - size);
	size = round_up(size > 0 ? size : 1);
	if (arena->blocks == NULL ||
	    arena->blocks->size - arena->blocks->used < size)
		add_block(arena, size);
	b = arena->blocks;
	p = b->bytes + b->used;
	b->used += size;
	arena->used += size;
	return p;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	assert(size == 0 || count <= arena->limit / size);
	return arena_alloc(arena, count * size);
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	char *p = arena_alloc(arena, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct slice){ .p = p, .n = s.n };
}

const char *arena_string(struct arena *arena, struct slice s)
{
	return arena_copy(arena, s).p;
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char none[1], *p;
	int n;

	assert(format != NULL);
	va_start(args, format);
	n = vsnprintf(none, sizeof(none), format, args);
	va_end(args);
	assert(n >= 0);
	p = arena_alloc(arena, (size_t)n + 1);
	va_start(args, format);
	(void)vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	return (struct slice){ .p = p, .n = (size_t)n };
}

struct slice arena_join(struct arena *arena, const struct slice *parts,
			size_t count)
{
	size_t total = 0;
	char *p;

	for (size_t i = 0; i < count; i++)
		total += parts[i].n;
	p = arena_alloc(arena, total + 1);
	total = 0;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].n > 0)
			memcpy(p + total, parts[i].p, parts[i].n);
		total += parts[i].n;
	}
	return (struct slice){ .p = p, .n = total };
}
