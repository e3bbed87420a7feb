#include "mail/dmarc_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* want: error, p, sp, np (first letters), adkim, aspf, t, psd, 7489, fo. */
static const struct {
	const char *name;
	const char *text;
	const char *want;
} cases[] = {
	{ "the least", "v=DMARC1", "0 nnn rr - u - 1" },
	{ "p alone", "v=DMARC1; p=reject", "0 rrr rr - u - 1" },
	{ "no blank, a last semicolon", "v=DMARC1;p=quarantine;",
	  "0 qqq rr - u - 1" },
	{ "blanks everywhere", " v = DMARC1 ;\tp\t=\treject ; ",
	  "0 rrr rr - u - 1" },
	{ "capitals in values", "V=DMARC1;P=Reject;SP=NONE",
	  "0 rnn rr - u - 1" },
	{ "sp for np too", "v=DMARC1;p=reject;sp=quarantine",
	  "0 rqq rr - u - 1" },
	{ "np", "v=DMARC1;p=none;np=reject", "0 nnr rr - u - 1" },
	{ "all of them in any order",
	  "v=DMARC1;t=y;psd=n;fo=1:d:s;aspf=s;adkim=s;np=reject;"
	  "sp=quarantine;p=none",
	  "0 nqr ss t n - e" },
	{ "psd=y", "v=DMARC1;psd=y", "0 nnn rr - y - 1" },
	{ "values that are none are not there",
	  "v=DMARC1;p=reject;adkim=x;aspf=strict;t=1;psd=z;fo=q",
	  "0 rrr rr - u - 1" },
	{ "of two the first counts", "v=DMARC1;p=none;p=reject",
	  "0 nnn rr - u - 1" },
	{ "tags that are none", "v=DMARC1;x=y;=;;p;p=reject;\xc3\xb6=1",
	  "0 rrr rr - u - 1" },
	{ "a tag of RFC 7489", "v=DMARC1;p=reject;pct=50", "0 rrr rr - u 7 1" },
	{ "its others", "v=DMARC1;p=reject;ri=86400;rf=afrf",
	  "0 rrr rr - u 7 1" },
	{ "a tag of RFC 9989 beside it", "v=DMARC1;p=reject;pct=100;t=n",
	  "0 rrr rr - u - 1" },
	{ "np is of RFC 9989 too", "v=DMARC1;p=reject;pct=100;np=reject",
	  "0 rrr rr - u - 1" },
	{ "a p that is none", "v=DMARC1;p=rejct;sp=reject", "2" },
	{ "an sp that is none", "v=DMARC1;p=reject;sp=", "2" },
	{ "an np that is none", "v=DMARC1;p=reject;np=deny", "2" },
	{ "the same where reports are asked for",
	  "v=DMARC1;p=reject;sp=x;rua=mailto:a@b.example", "0 nnn rr - u - 1" },
	{ "a rua that is none", "v=DMARC1;p=x;rua=a@b.example", "2" },
	{ "another version", "v=DMARC2;p=reject", "1" },
	{ "a version in small letters", "v=dmarc1;p=reject", "1" },
	{ "a version with more", "v=DMARC10;p=reject", "1" },
	{ "a version that is not first", "p=reject;v=DMARC1", "1" },
	{ "a control in the version", "v=DMARC1\r\n;p=reject", "1" },
	{ "something else", "v=spf1 -all", "1" },
	{ "nothing", "", "1" },
};

static void write_record(char *out, size_t size, const struct dmarc_record *r)
{
	(void)snprintf(out, size, "0 %c%c%c %c%c %c %c %c %x",
		       dmarc_policy_word(r->p)[0], dmarc_policy_word(r->sp)[0],
		       dmarc_policy_word(r->np)[0],
		       r->is_dkim_strict ? 's' : 'r',
		       r->is_spf_strict ? 's' : 'r', r->is_test ? 't' : '-',
		       "uyn"[r->psd], r -> is_7489 ? '7' : '-', r->fo);
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dmarc_record r;
		char got[64];
		int error;

		print_message("%s\n", cases[i].name);
		error = dmarc_parse(slice_of(cases[i].text), &r);
		(void)snprintf(got, sizeof(got), "%d", error);
		if (error == 0)
			write_record(got, sizeof(got), &r);
		assert_string_equal(got, cases[i].want);
	}
}

static void test_uris(void **state)
{
	char text[DMARC_RECORD_OCTETS + 1] = "v=DMARC1;p=none;rua=";
	struct dmarc_record r;

	(void)state;
	assert_int_equal(dmarc_parse(S("v=DMARC1;rua= mailto:a@b!10m , x:y ;"
				       "ruf=mailto:c@d"),
				     &r),
			 0);
	assert_true(slice_equal(r.rua, S("mailto:a@b!10m , x:y")));
	assert_true(slice_equal(r.ruf, S("mailto:c@d")));

	memset(text + strlen(text), 'x', DMARC_URIS_OCTETS + 1);
	assert_int_equal(dmarc_parse(slice_of(text), &r), 0);
	assert_int_equal(r.rua.n, 0);
	memset(text + strlen(text), ';', sizeof(text) - strlen(text));
	assert_int_equal(dmarc_parse((struct slice){ text, sizeof(text) }, &r),
			 DMARC_OTHER);
	assert_int_equal(
		dmarc_parse((struct slice){ text, sizeof(text) - 1 }, &r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
