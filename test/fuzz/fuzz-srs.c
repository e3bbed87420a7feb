/*
 * Local parts that claim to lead back: nothing that we did not write does, and
 * what we write of any sender leads back to him, or to the first who forwarded.
 */
#include "mail/srs.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

static const struct srs_keys keys = {
	.current = SLICE("0123456789abcdef0123456789abcdef"),
	.previous = SLICE("fedcba9876543210fedcba9876543210"),
};

static void check_back(struct slice local, struct arena *a)
{
	struct address back;

	if (srs_reverse(&keys, local, NOW, a, &back) == SRS_OK)
		assert(back.local.n > 0 && back.domain.n > 0);
}

static void check_there(const struct address *sender, struct arena *a)
{
	struct address to = { .domain = S("ours.example") }, back;

	if (address_is_null(sender) || sender->domain.n == 0 ||
	    sender->local.n == 0 || address_is_literal(sender))
		return;
	to.local = srs_forward(&keys, sender, NOW, a);
	assert(srs_reverse(&keys, to.local, NOW, a, &back) == SRS_OK);
	if (!slice_starts_nocase(sender->local, S("SRS")))
		assert(address_equal(&back, sender));
	to.local = srs_forward(&keys, &to, NOW, a);
	assert(srs_reverse(&keys, to.local, NOW, a, &back) == SRS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(1 << 20);
	struct address sender;

	if (size <= 4096) {
		check_back(in, a);
		if (address_parse(in, a, &sender) == 0)
			check_there(&sender, a);
	}
	arena_free(&a);
	return 0;
}
