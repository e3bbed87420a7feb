/*
 * A filter's answer to our options: the first octet chooses what was offered,
 * the rest is the packet's data.
 */
#include "base/mem.h"
#include "milter/parse.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lists(const struct milter_options *o, struct slice data)
{
	assert(o->has_symbols < 1u << MILTER_STAGES);
	for (int i = 0; i < MILTER_STAGES; i++) {
		struct slice list = o->symbols[i];

		if ((o->has_symbols & 1u << i) == 0) {
			assert(list.n == 0);
			continue;
		}
		assert(slice_find(list, '\0') == list.n);
		if (list.n > 0)
			assert(list.p >= data.p + 16 &&
			       list.p + list.n <= data.p + data.n);
	}
}

static void check_settled(const struct milter_options *o,
			  const struct milter_options *offer)
{
	assert(o->version >= 2 && o->version <= offer->version);
	assert((o->actions & ~offer->actions) == 0);
	assert((o->steps & ~(uint32_t)MILTER_STEPS_ALL) == 0);
	if (o->version < 3)
		assert(o->steps & MILTER_NOUNKNOWN);
	if (o->version < 4)
		assert(o->steps & MILTER_NODATA);
	if (o->version < 6)
		assert((o->steps & (MILTER_CAN_SKIP | MILTER_RCPT_REJ |
				    MILTER_LEADSPC)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t versions[] = { 2, 3, 4, 6 };
	struct milter_options offer =
		milter_offer(versions[size > 0 ? data[0] % 4 : 0]);
	struct milter_options options, again;
	struct slice in = { NULL, size > 0 ? size - 1 : 0 };
	AUTO(mem_free_string) char *copy = mem_array(in.n > 0 ? in.n : 1, 1);
	struct slice problem = SLICE("");

	if (in.n > 0)
		memcpy(copy, data + 1, in.n);
	in.p = copy;
	if (!milter_options_parse(in, &options, &problem)) {
		assert(problem.n > 0);
		return 0;
	}
	check_lists(&options, in);
	if (!milter_options_settle(&options, &offer, &problem)) {
		assert(problem.n > 0);
		return 0;
	}
	check_settled(&options, &offer);
	again = options;
	assert(milter_options_settle(&again, &offer, &problem));
	assert(again.steps == options.steps);
	return 0;
}
