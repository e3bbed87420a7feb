#include "mail/tls_required.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *header;
	bool is_no;
} cases[] = {
	{ "Subject: x\r\nTLS-Required: No\r\nTo: a@b\r\n", true },
	{ "tls-required:no\r\n", true },
	{ "TLS-Required: \t NO \r\n", true },
	{ "TLS-Required: Yes\r\n", false },
	{ "TLS-Required: No, really\r\n", false },
	{ "X-TLS-Required: No\r\n", false },
	{ "Subject: x\r\n TLS-Required: No\r\n", false },
	{ "TLS-Required: No", false }, /* its line has not ended */
	{ "TLS-Required:                                                       "
	  "         No\r\n",
	  false },
	{ "", false },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice all = slice_of(cases[i].header);
		struct tls_required_watch whole, split;

		tls_required_watch_init(&whole);
		tls_required_watch_init(&split);
		tls_required_watch_feed(&whole, all);
		for (size_t k = 0; k < all.n; k++)
			tls_required_watch_feed(&split,
						(struct slice){ all.p + k, 1 });
		if (whole.is_no != cases[i].is_no ||
		    split.is_no != cases[i].is_no)
			fail_msg("%s", cases[i].header);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
