/* A path that parses has a canonical form, which parses to the same address;
 * nothing is taken from beyond the path. */
#include "smtp/address.h"

#include "smtp/name.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(const struct address *a, struct arena *arena)
{
	struct slice again;

	if (a->domain.n == 0 || address_is_literal(a))
		return;
	assert(a->domain.n <= 253 && !slice_has_high(a->domain));
	assert(name_domain(a->domain, arena, &again) == 0);
	assert(slice_equal(a->domain, again));
}

static void check(const struct address *a, struct arena *arena)
{
	struct slice text = address_format(a, arena);
	struct address again;

	assert(a->local.n <= 64 && slice_is_utf8(a->local));
	assert(!slice_has_control(text));
	check_domain(a, arena);
	if (address_is_null(a)) {
		assert(text.n == 0);
		return;
	}
	/* An A-label form may be longer than what was written. */
	if (text.n > 254)
		return;
	assert(address_parse(text, arena, &again) == 0);
	assert(address_equal(a, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size }, rest;
	struct arena *arena = arena_new(1 << 24);
	struct address a;

	if (address_parse_path(in, arena, &a, &rest) == 0) {
		assert(rest.n < in.n);
		assert(rest.n == 0 || rest.p + rest.n == in.p + in.n);
		assert(in.p[in.n - rest.n - 1] == '>');
		check(&a, arena);
	}
	if (address_parse(in, arena, &a) == 0)
		check(&a, arena);
	arena_free(&arena);
	return 0;
}
