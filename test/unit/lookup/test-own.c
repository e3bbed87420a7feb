#include "lookup/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *name;
	const char *listening;
	unsigned port;
	struct slice address;
	bool want;
} cases[] = {
	{ "the address itself", "192.0.2.1:25", 25, SLICE("192.0.2.1"), true },
	{ "another one", "192.0.2.1:25", 25, SLICE("192.0.2.2"), false },
	{ "another port", "192.0.2.1:2525", 25, SLICE("192.0.2.1"), false },
	{ "IPv6", "[2001:db8::1]:25", 25, SLICE("2001:db8::1"), true },
	{ "IPv6, written otherwise", "[2001:db8:0::1]:25", 25,
	  SLICE("2001:0db8::1"), true },
	{ "all, and one of this machine", "0.0.0.0:25", 25, SLICE("127.0.0.7"),
	  true },
	{ "all, and one of another's", "0.0.0.0:25", 25, SLICE("192.0.2.1"),
	  false },
	{ "all of the other family", "[::]:25", 25, SLICE("127.0.0.7"), false },
	{ "no address", "0.0.0.0:25", 25, SLICE("localhost"), false },
	{ "nothing", "0.0.0.0:25", 25, SLICE(""), false },
	{ "too much", "0.0.0.0:25", 25,
	  SLICE("1111111111222222222233333333334444444444555555555"), false },
};

static void test_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (own_is(&cases[i].listening, 1, cases[i].port,
			   cases[i].address) != cases[i].want)
			fail_msg("%s", cases[i].name);
	assert_false(own_is(NULL, 0, 25, S("127.0.0.1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_own) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
