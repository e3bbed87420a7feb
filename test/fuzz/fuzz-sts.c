/*
 * MTA-STS: what a domain has in DNS (texts, one a line), and the policy that it
 * serves. What is taken keeps to its bounds.
 */
#include "mail/sts.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(struct slice in)
{
	struct slice texts[STS_TEXTS_MAX], id;
	size_t count = 0;

	while (in.n > 0 && count < STS_TEXTS_MAX)
		(void)slice_cut(in, '\n', &texts[count++], &in);
	if (sts_record_parse(texts, count, &id) != 0)
		return;
	assert(id.n > 0 && id.n <= STS_ID_OCTETS);
	assert(!slice_has_control(id) && !slice_has_high(id));
}

static void check_policy(struct slice in, struct arena *a)
{
	struct sts_policy p;

	if (sts_policy_parse(in, a, &p) != NULL)
		return;
	assert(p.max_age_s <= STS_MAX_AGE_S);
	assert(p.pattern_count <= STS_PATTERNS_MAX);
	assert(p.mode == STS_NONE || p.pattern_count > 0);
	for (size_t i = 0; i < p.pattern_count; i++) {
		struct slice host = p.patterns[i];

		assert(host.n > 0 && !slice_has_control(host));
		if (slice_starts(host, S("*."))) {
			assert(!sts_policy_names(&p, slice_tail(host, 2)) ||
			       p.pattern_count > 1);
			continue;
		}
		assert(sts_policy_names(&p, host));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *a = arena_new(4 << 20);

	check_record(in);
	check_policy(in, a);
	arena_free(&a);
	return 0;
}
