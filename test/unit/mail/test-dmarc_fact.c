#include "mail/dmarc_fact.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_words(void **state)
{
	static const struct slice signatures[] = {
		SLICE("c.example s1 pass"), SLICE("d\r\n.example s\t2 fail")
	};
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);
	struct dmarc_record record;
	struct dmarc_fact f = {
		.source = S("192.0.2.1"),
		.record = &record,
		.disposition = DMARC_REJECT,
		.is_spf_aligned = true,
		.from = S("a.example"),
		.envelope = S("b.example"),
		.spf_domain = S("b.example"),
		.spf = AUTHRES_SOFTFAIL,
		.signatures = signatures,
		.signature_count = 2,
	};

	(void)state;
	assert_int_equal(
		dmarc_parse(S("v=DMARC1;p=reject;sp=none;aspf=s;t=y"), &record),
		0);
	assert_string_equal(
		dmarc_fact_write(&f, a).p,
		"source=192.0.2.1 policy=reject,none,none,r,s,y"
		" disposition=reject dkim=fail spf=pass from=a.example"
		" envelope=b.example auth_spf=b.example/mfrom/softfail"
		" auth_dkim=c.example/s1/pass auth_dkim=d??.example/s?2/fail");
	assert_string_equal(dmarc_fact_outline(&f, a).p,
			    "source=* policy=reject,none,none,r,s,y"
			    " disposition=reject dkim=fail spf=pass"
			    " from=a.example");
	f.envelope = S("");
	f.is_helo = true;
	f.signature_count = 0;
	assert_string_equal(
		dmarc_fact_write(&f, a).p,
		"source=192.0.2.1 policy=reject,none,none,r,s,y"
		" disposition=reject dkim=fail spf=pass from=a.example"
		" envelope= auth_spf=b.example/helo/softfail");
}

static void test_bounds(void **state)
{
	AUTO(arena_free) struct arena *a = arena_new(1 << 16);
	struct dmarc_record record = { .p = DMARC_NONE };
	char domain[DMARC_FACT_OCTETS];
	struct slice signatures[2] = { SLICE("c.example s1 pass"),
				       { domain, sizeof(domain) } };
	const struct dmarc_fact f = { .record = &record,
				      .signatures = signatures,
				      .signature_count = 2 };
	struct slice text;

	(void)state;
	memset(domain, 'x', sizeof(domain));
	text = dmarc_fact_write(&f, a);
	assert_true(slice_ends_nocase(text, S("=c.example/s1/pass")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
