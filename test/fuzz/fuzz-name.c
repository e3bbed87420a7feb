/* Canonical forms are stable, well-formed and bounded. */
#include "smtp/name.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(struct slice in, struct arena *arena)
{
	struct slice domain, again, people;

	if (name_domain(in, arena, &domain) != 0)
		return;
	assert(domain.n > 0 && domain.n <= 253);
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];

		assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		       c == '-' || c == '.');
	}
	assert(name_domain(domain, arena, &again) == 0);
	assert(slice_equal(domain, again));
	people = name_domain_for_people(domain, arena);
	assert(name_domain(people, arena, &again) == 0);
	assert(slice_equal(domain, again));
}

static void check_user(struct slice in, struct arena *arena)
{
	struct slice user, again;

	if (name_user(in, arena, &user) != 0)
		return;
	assert(user.n > 0 && slice_is_utf8(user));
	assert(!slice_has_control(user) && slice_find(user, ' ') == user.n);
	if (user.n > 64) /* some small letters are longer */
		return;
	assert(name_user(user, arena, &again) == 0);
	assert(slice_equal(user, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *arena = arena_new(1 << 24);

	check_domain(in, arena);
	check_user(in, arena);
	arena_free(&arena);
	return 0;
}
