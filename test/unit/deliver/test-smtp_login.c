#include "deliver/smtp_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants four of the above. */
#include <cmocka.h>

#include "smtp_script.h"

enum { STEPS = 5 };

#define PLAIN "AUTH PLAIN AGpvZQBzM2NyZXQ=\r\n" /* NUL joe NUL s3cret */

/* From EHLO's answer within TLS on. */
static const struct {
	const char *name;
	struct exchange script[STEPS];
	enum smtp_state state;
	const char *text; /* if it ended: why */
} cases[] = {
	{ "PLAIN",
	  { { "250-mx\r\n250 AUTH PLAIN LOGIN\r\n", PLAIN },
	    { "235 2.7.0 hello\r\n", "" } },
	  SMTP_IDLE,
	  NULL },
	{ "PLAIN behind others",
	  { { "250-mx\r\n250 auth LOGIN CRAM-MD5 plain\r\n", PLAIN } },
	  SMTP_LOGGING_IN,
	  NULL },
	{ "LOGIN",
	  { { "250-mx\r\n250 AUTH LOGIN XOAUTH2\r\n", "AUTH LOGIN\r\n" },
	    { "334 VXNlcm5hbWU6\r\n", "am9l\r\n" },
	    { "334 UGFzc3dvcmQ6\r\n", "czNjcmV0\r\n" },
	    { "235 hello\r\n", "" } },
	  SMTP_IDLE,
	  NULL },
	{ "LOGIN that asks for ever",
	  { { "250-mx\r\n250 AUTH LOGIN\r\n", "AUTH LOGIN\r\n" },
	    { "334 a\r\n", "am9l\r\n" },
	    { "334 b\r\n", "czNjcmV0\r\n" },
	    { "334 c\r\n", "" } },
	  SMTP_ENDED,
	  "the login was refused" },
	{ "PLAIN that asks",
	  { { "250-mx\r\n250 AUTH PLAIN\r\n", PLAIN }, { "334 \r\n", "" } },
	  SMTP_ENDED,
	  "the login was refused" },
	{ "refused",
	  { { "250-mx\r\n250 AUTH PLAIN\r\n", PLAIN },
	    { "535 5.7.8 no\r\n", "" } },
	  SMTP_ENDED,
	  "the login was refused: 535 no" },
	{ "421",
	  { { "250-mx\r\n250 AUTH PLAIN\r\n", PLAIN }, { "421 bye\r\n", "" } },
	  SMTP_ENDED,
	  "bye" },
	{ "none that we know",
	  { { "250-mx\r\n250 AUTH CRAM-MD5 XPLAIN\r\n", "" } },
	  SMTP_ENDED,
	  "no way to log in that we know is offered" },
	{ "not offered",
	  { { "250 AUTH PLAIN\r\n", "" } },
	  SMTP_ENDED,
	  "no way to log in that we know is offered" },
};

static const struct smtp_login joe = { .user = SLICE("joe"),
				       .password = SLICE("s3cret") };

static struct smtp_dialog *secured(bool is_tls_first)
{
	static const struct exchange by_starttls[] = {
		{ "220 mx\r\n", "EHLO me\r\n" },
		{ "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
		  "STARTTLS\r\n" },
		{ "220 go\r\n", "" },
	};
	static const struct exchange first[] = {
		{ "", "" },
		{ "220 mx\r\n", "EHLO me\r\n" },
	};
	static const struct exchange again[] = { { "", "EHLO me\r\n" } };
	struct smtp_dialog *d = smtp_dialog_new("me", SMTP_TLS_DEMANDED, &joe);

	if (is_tls_first) {
		smtp_dialog_secure(d);
		script_play(d, "TLS first", first, 2, false);
	} else {
		script_play(d, "STARTTLS", by_starttls, 3, false);
		smtp_dialog_secure(d);
		script_play(d, "EHLO again", again, 1, false);
	}
	return d;
}

static void test_logins(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_dialog *d = secured(i % 2 == 1);
		const size_t k = i / 2;

		script_play(d, cases[k].name, cases[k].script, STEPS, false);
		if (smtp_dialog_state(d) != cases[k].state)
			fail_msg("%s: state %d", cases[k].name,
				 (int)smtp_dialog_state(d));
		if (cases[k].state == SMTP_ENDED) {
			const struct slice text = smtp_dialog_failure(d)->text;

			if (!slice_starts(text, slice_of(cases[k].text)))
				fail_msg("%s: %.*s", cases[k].name, (int)text.n,
					 text.p);
			assert_int_equal(smtp_dialog_failure(d)->kind,
					 OUTCOME_DEFERRED);
		}
		smtp_dialog_free(&d);
	}
}

/* Neither offered nor refused: nothing is said of it in plain text. */
static void test_plain_text(void **state)
{
	static const struct {
		enum smtp_tls tls;
		struct exchange script[3];
	} ways[] = {
		{ SMTP_TLS_NEVER,
		  { { "220 mx\r\n", "EHLO me\r\n" },
		    { "250-mx\r\n250 AUTH PLAIN\r\n", "" } } },
		{ SMTP_TLS_IF_OFFERED,
		  { { "220 mx\r\n", "EHLO me\r\n" },
		    { "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
		      "STARTTLS\r\n" },
		    { "454 not now\r\n", "" } } },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct smtp_dialog *d =
			smtp_dialog_new("me", ways[i].tls, &joe);

		script_play(d, "plain text", ways[i].script, 3, false);
		assert_int_equal(smtp_dialog_state(d), SMTP_ENDED);
		assert_int_equal(smtp_dialog_end(d), SMTP_END_LOGIN);
		smtp_dialog_free(&d);
	}
}

/* What is longer is cut, and fits. */
static void test_long(void **state)
{
	static const char octets[1000];
	const struct smtp_login login = { { octets, 1000 }, { octets, 1000 } };
	struct smtp_login_step step = { .mechanism = SMTP_LOGIN_PLAIN };
	struct lmtp_commands out = { .n = 0 };

	(void)state;
	smtp_login_begin(&step, &login, &out);
	assert_int_equal(out.n, 11 + 684 + 2);
	out.n = 0;
	step.mechanism = SMTP_LOGIN_LOGIN;
	assert_true(smtp_login_answer(&step, &login, &out));
	assert_int_equal(out.n, 340 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_plain_text),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
