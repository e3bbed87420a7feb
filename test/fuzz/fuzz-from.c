/*
 * Header sections with From: what is found are domains in their one form and
 * addresses that end in them.
 */
#include "mail/from.h"
#include "smtp/name.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTION_OCTETS = 1 << 17 };

static void check_domain(struct slice domain, struct arena *a)
{
	struct slice again;

	if (name_is_literal(domain))
		return;
	assert(name_domain(domain, a, &again) == 0);
	assert(slice_equal(domain, again));
}

static void check(const struct from *f, struct arena *a)
{
	assert(f->domain_count <= FROM_DOMAINS_MAX);
	assert(f->address_count <= FROM_ADDRESSES_MAX);
	assert((f->state == FROM_OK) == (f->domain_count > 0));
	assert((f->state == FROM_OK) == (f->address_count > 0));
	assert(f->domain_count <= f->address_count);
	for (size_t i = 0; i < f->domain_count; i++)
		check_domain(f->domains[i], a);
	for (size_t i = 0; i < f->address_count; i++) {
		struct slice address = f->addresses[i];
		size_t at = slice_find_last(address, '@');

		assert(at > 0 && at + 1 < address.n);
		assert(!slice_has_control(address));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(2 * FROM_ARENA_OCTETS);
	struct from from;

	if (size <= SECTION_OCTETS) {
		from_read(in, S("from"), a, &from);
		check(&from, a);
		arena_clear(a);
		from_parse(in, a, &from);
		check(&from, a);
	}
	arena_free(&a);
	return 0;
}
