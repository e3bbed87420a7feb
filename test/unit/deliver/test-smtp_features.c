#include "deliver/smtp_features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

static const struct {
	const char *name, *text;
	bool has_starttls, has_dsn, has_size;
	uint64_t size_max;
	unsigned rcpt_max, mail_max;
} cases[] = {
	{ "nothing", "mx", false, false, false, 0, 100, 0 },
	{ "its name is no offer", "STARTTLS\nx", false, false, false, 0, 100,
	  0 },
	{ "any case", "mx\nstartTLS\nDsn\nsize 5", true, true, true, 5, 100,
	  0 },
	{ "SIZE alone", "mx\nSIZE", false, false, true, 0, 100, 0 },
	{ "SIZE of nonsense", "mx\nSIZE big", false, false, true, 0, 100, 0 },
	{ "SIZE beyond all", "mx\nSIZE 99999999999999999999", false, false,
	  true, 0, 100, 0 },
	{ "what only begins so", "mx\nSTARTTLSX\nXDSN\nDSN-X", false, false,
	  false, 0, 100, 0 },
	{ "limits", "mx\nLIMITS RCPTMAX=20 MAILMAX=5", false, false, false, 0,
	  20, 5 },
	{ "limits in any case and order",
	  "mx\nlimits FOO=1 mailmax=7 RcptDomainMax=1", false, false, false, 0,
	  100, 7 },
	{ "more than we give anyway", "mx\nLIMITS RCPTMAX=1000", false, false,
	  false, 0, 100, 0 },
	{ "limits that are none",
	  "mx\nLIMITS RCPTMAX=0 MAILMAX=-1 RCPTMAX= MAILMAX =5", false, false,
	  false, 0, 100, 0 },
	{ "limits of nothing", "mx\nLIMITS", false, false, false, 0, 100, 0 },
	{ "empty lines", "mx\n\n\nDSN\n", false, true, false, 0, 100, 0 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_features f;

		print_message("  %s\n", cases[i].name);
		smtp_features_parse(slice_of(cases[i].text), &f);
		assert_int_equal(f.has_starttls, cases[i].has_starttls);
		assert_int_equal(f.has_dsn, cases[i].has_dsn);
		assert_int_equal(f.common.has_size, cases[i].has_size);
		assert_int_equal(f.size_max, cases[i].size_max);
		assert_int_equal(f.rcpt_max, cases[i].rcpt_max);
		assert_int_equal(f.mail_max, cases[i].mail_max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
