#include "lmtp/features.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { PIPELINING = 1, CHUNKING = 2, EIGHTBIT = 4, SMTPUTF8 = 8, SIZE = 16 };

static const struct {
	const char *name;
	const char *text;
	unsigned want;
} parse_cases[] = {
	{ "nothing but a name", "host", 0 },
	{ "the first line is a name, whatever it says", "CHUNKING", 0 },
	{ "Dovecot", "mx\n8BITMIME\nCHUNKING\nENHANCEDSTATUSCODES\nPIPELINING",
	  PIPELINING | CHUNKING | EIGHTBIT },
	{ "any case, and parameters", "mx\nsize 1000\nSmtpUtf8",
	  SIZE | SMTPUTF8 },
	{ "a longer word is another word", "mx\nCHUNKINGX\nXSIZE\nSIZE=1", 0 },
	{ "empty lines mean nothing", "mx\n\n\nSIZE\n", SIZE },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(parse_cases[0]);
	     i++) {
		struct lmtp_features f;
		unsigned got;

		lmtp_features_parse(slice_of(parse_cases[i].text), &f);
		got = (f.has_pipelining ? PIPELINING : 0) |
		      (f.has_chunking ? CHUNKING : 0) |
		      (f.has_8bitmime ? EIGHTBIT : 0) |
		      (f.has_smtputf8 ? SMTPUTF8 : 0) | (f.has_size ? SIZE : 0);
		if (got != parse_cases[i].want)
			fail_msg("%s: %u", parse_cases[i].name, got);
	}
}

static const struct {
	const char *name;
	struct slice reverse_path, recipient;
	bool has_smtputf8;
	unsigned want; /* code */
} refuse_cases[] = {
	{ "an ordinary one", SLICE("a@b"), SLICE("c@d"), false, 0 },
	{ "the null sender", SLICE(""), SLICE("c@d"), false, 0 },
	{ "no recipient", SLICE("a@b"), SLICE(""), false, 501 },
	{ "a line end in the recipient", SLICE("a@b"),
	  SLICE("c@d>\r\nQUIT\r\n"), false, 501 },
	{ "a NUL in the sender", SLICE("a\0@b"), SLICE("c@d"), false, 501 },
	{ "UTF-8 without SMTPUTF8", SLICE("a@b"), SLICE("\xc3\xbc@d"), false,
	  553 },
	{ "UTF-8 with SMTPUTF8", SLICE("a@b"), SLICE("\xc3\xbc@d"), true, 0 },
	{ "a sender in UTF-8 is no reason", SLICE("\xc3\xbc@b"), SLICE("c@d"),
	  false, 0 },
};

static void test_refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refuse_cases) / sizeof(refuse_cases[0]);
	     i++) {
		const struct lmtp_features f = {
			.has_smtputf8 = refuse_cases[i].has_smtputf8
		};
		const struct lmtp_request r = {
			.reverse_path = refuse_cases[i].reverse_path,
			.recipient = refuse_cases[i].recipient
		};
		const struct reply *got = lmtp_features_refuse(&f, &r);
		unsigned code = got != NULL ? got->code : 0;

		if (code != refuse_cases[i].want)
			fail_msg("%s: %u", refuse_cases[i].name, code);
	}
}

static void test_refuse_long(void **state)
{
	static char address[LMTP_ADDRESS_OCTETS + 1];
	const struct lmtp_features f = { .has_smtputf8 = true };
	struct lmtp_request r = { .recipient = S("c@d") };

	(void)state;
	memset(address, 'x', sizeof(address));
	r.reverse_path = (struct slice){ address, sizeof(address) - 1 };
	assert_null(lmtp_features_refuse(&f, &r));
	r.reverse_path.n++;
	assert_non_null(lmtp_features_refuse(&f, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_refuse_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
