#include "deliver/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct {
	const char *name;
	enum lmtp_end end;
	struct reply reply;
	enum outcome_kind want;
	uint8_t status[3];
} cases[] = {
	{ "saved",
	  LMTP_ANSWERED,
	  { 250, { 2, 0, 0 }, false, SLICE("Saved") },
	  OUTCOME_DELIVERED,
	  { 2, 0, 0 } },
	{ "over quota",
	  LMTP_ANSWERED,
	  { 552, { 5, 2, 2 }, false, SLICE("Full") },
	  OUTCOME_REFUSED,
	  { 5, 2, 2 } },
	{ "over quota for now",
	  LMTP_ANSWERED,
	  { 452, { 4, 2, 2 }, false, SLICE("Full") },
	  OUTCOME_DEFERRED,
	  { 4, 2, 2 } },
	{ "the server closes",
	  LMTP_ANSWERED,
	  { 421, { 4, 3, 2 }, false, SLICE("Bye") },
	  OUTCOME_DEFERRED,
	  { 4, 3, 2 } },
	{ "no status from the server is none from us",
	  LMTP_ANSWERED,
	  { 550, { 0, 0, 0 }, false, SLICE("No") },
	  OUTCOME_REFUSED,
	  { 0, 0, 0 } },
	{ "nobody answered",
	  LMTP_NO_ANSWER,
	  { 0, { 0, 0, 0 }, false, SLICE("Connection refused") },
	  OUTCOME_DEFERRED,
	  { 4, 4, 1 } },
	{ "lost after the last octet",
	  LMTP_UNCERTAIN,
	  { 0, { 0, 0, 0 }, false, SLICE("the server hung up") },
	  OUTCOME_UNCERTAIN,
	  { 4, 4, 2 } },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome got = outcome_of(cases[i].end, &cases[i].reply);

		if (got.kind != cases[i].want ||
		    got.code != cases[i].reply.code ||
		    memcmp(got.status, cases[i].status, 3) != 0 ||
		    !slice_equal(got.text, cases[i].reply.text))
			fail_msg("%s: %s", cases[i].name,
				 outcome_name(got.kind));
	}
}

static void test_long_text_is_cut(void **state)
{
	static char text[WIRE_TEXT_OCTETS + 1];
	const struct reply reply = { .code = 550,
				     .text = { text, sizeof(text) } };

	(void)state;
	assert_int_equal(outcome_of(LMTP_ANSWERED, &reply).text.n,
			 WIRE_TEXT_OCTETS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
