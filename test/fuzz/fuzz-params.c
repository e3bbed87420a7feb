/* Parameters of MAIL and RCPT: what is taken is bounded and can stand in a
 * header; xtext goes there and back. */
#include "smtp/params.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_xtext(struct slice text, struct arena *arena)
{
	struct slice coded = xtext_encode(text, arena), again;

	assert(!slice_has_control(coded) && !slice_has_high(coded));
	if (slice_has_control(text)) {
		assert(!xtext_decode(coded, arena, &again));
		return;
	}
	assert(xtext_decode(coded, arena, &again));
	assert(slice_equal(text, again));
}

static void check_mail(struct slice in, struct arena *arena)
{
	struct mail_params p = { .size = 0 };
	const struct reply *no = params_parse_mail(in, arena, &p);

	if (no != NULL) {
		assert(no->code == 501 || no->code == 555);
		return;
	}
	assert(p.envid.n <= 100);
	assert(!slice_has_control(p.envid) && !slice_has_high(p.envid));
}

static void check_rcpt(struct slice in, struct arena *arena)
{
	struct rcpt_params p = { .notify = 0 };
	const struct reply *no = params_parse_rcpt(in, arena, &p);

	if (no != NULL) {
		assert(no->code == 501 || no->code == 555);
		return;
	}
	assert(p.notify < 16);
	assert((p.notify & DSN_NOTIFY_NEVER) == 0 ||
	       p.notify == DSN_NOTIFY_NEVER);
	assert(p.orcpt.n <= 500 && slice_is_utf8(p.orcpt));
	assert(!slice_has_control(p.orcpt));
	assert((p.orcpt.n == 0) == (p.orcpt_type.n == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { .p = (const char *)data, .n = size };
	struct arena *arena = arena_new(1 << 24);

	check_xtext(in, arena);
	check_mail(in, arena);
	check_rcpt(in, arena);
	arena_free(&arena);
	return 0;
}
