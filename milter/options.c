#include "milter/parse.h"

enum {
	STEPS_2 = 0x7f,
	STEPS_3 = STEPS_2 | MILTER_NOUNKNOWN,
	STEPS_4 = STEPS_3 | MILTER_NODATA,
	ACTIONS_2 = MILTER_MAY_ADDHDRS | MILTER_MAY_CHGBODY |
		    MILTER_MAY_ADDRCPT | MILTER_MAY_DELRCPT |
		    MILTER_MAY_CHGHDRS | MILTER_MAY_QUARANTINE,
	/* What a filter does not answer it does not answer, whatever was
	 * offered: rspamd does not look. */
	STEPS_UNANSWERED = MILTER_NR_HDR | MILTER_NR_CONN | MILTER_NR_HELO |
			   MILTER_NR_MAIL | MILTER_NR_RCPT | MILTER_NR_DATA |
			   MILTER_NR_UNKN | MILTER_NR_EOH | MILTER_NR_BODY,
};

static uint32_t steps_of(uint32_t version)
{
	if (version >= 6)
		return MILTER_STEPS_ALL;
	if (version >= 4)
		return STEPS_4;
	return version == 3 ? STEPS_3 : STEPS_2;
}

struct milter_options milter_offer(uint32_t version)
{
	return (struct milter_options){
		.version = version,
		.actions = version >= 6 ? MILTER_MAY_ALL : ACTIONS_2,
		.steps = steps_of(version),
	};
}

bool milter_options_settle(struct milter_options *answer,
			   const struct milter_options *offer,
			   struct slice *ret_problem)
{
	if (answer->version < MILTER_VERSION_MIN ||
	    answer->version > offer->version) {
		*ret_problem =
			S("it answered with a version that was not offered");
		return false;
	}
	if (answer->actions & ~offer->actions) {
		*ret_problem = S("it wants actions that were not offered");
		return false;
	}
	/* Bits above are unknown, or ask for packets of another size. */
	answer->steps &= steps_of(answer->version) | STEPS_UNANSWERED;
	if (answer->version < 3)
		answer->steps |= MILTER_NOUNKNOWN;
	if (answer->version < 4)
		answer->steps |= MILTER_NODATA;
	return true;
}

/* Lists come also from those who were not offered to send any. */
bool milter_options_parse(struct slice data, struct milter_options *ret_options,
			  struct slice *ret_problem)
{
	struct milter_options o = { .version = 0 };

	if (!milter_parse_u32(&data, &o.version) ||
	    !milter_parse_u32(&data, &o.actions) ||
	    !milter_parse_u32(&data, &o.steps)) {
		*ret_problem = S("its options are cut short");
		return false;
	}
	while (data.n > 0) {
		struct slice names;
		uint32_t stage;

		if (!milter_parse_u32(&data, &stage)) {
			*ret_problem = S("its list of macros is cut short");
			return false;
		}
		names = milter_parse_string(&data);
		if (stage >= MILTER_STAGES)
			continue;
		o.symbols[stage] = names;
		o.has_symbols |= 1u << stage;
	}
	*ret_options = o;
	return true;
}
